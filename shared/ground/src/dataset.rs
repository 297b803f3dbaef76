//! Names of datasets that match nothing.

use crate::nearest::hint;

/// Why a name is no dataset, with the names that it may stand for: `"sales" matches no dataset; did you mean
/// "shop.sales"?`. `known` has the datasets that the reader of the message may see.
pub fn no_dataset<'n>(wanted: &str, known: impl Iterator<Item = &'n str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let lower = wanted.to_lowercase();
    let suffix = format!(".{lower}");
    let meant: Vec<String> = known
        .iter()
        .filter(|name| {
            let name = name.to_lowercase();
            name == lower || name.ends_with(&suffix)
        })
        .take(2)
        .map(|name| format!("{name:?}"))
        .collect();
    let hint = match meant.as_slice() {
        [] => hint(wanted, known.into_iter()),
        meant => format!("; did you mean {}?", meant.join(" or ")),
    };
    format!("{wanted:?} matches no dataset{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_its_database_or_with_a_typo_is_completed_from_the_known_names() {
        let known = ["shop.sales", "shop.hr", "web.sales_old"];
        let told = |wanted| no_dataset(wanted, known.into_iter());
        assert_eq!(
            told("sales"),
            r#""sales" matches no dataset; did you mean "shop.sales"?"#
        );
        assert_eq!(
            told("Shop.Sales"),
            r#""Shop.Sales" matches no dataset; did you mean "shop.sales"?"#
        );
        assert_eq!(
            told("shop.sale"),
            r#""shop.sale" matches no dataset; did you mean shop.sales?"#
        );
        assert_eq!(told("finance"), r#""finance" matches no dataset"#);
    }
}
