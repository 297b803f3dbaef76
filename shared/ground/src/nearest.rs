//! "Did you mean" hints: the names nearest to a misspelled one.

/// How many names are compared, to bound the cost of a hint.
const MAX_NAMES: usize = 20_000;

/// `; did you mean a or b?`, or an empty text if no name is near.
pub fn hint<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> String {
    // A name that is there, but not where it can be used, is no help.
    let names = names.filter(|name| *name != wanted);
    let wanted = wanted.to_lowercase();
    let near = (wanted.chars().count() / 3).clamp(1, 4);
    let mut found: Vec<(usize, &str)> = names
        .take(MAX_NAMES)
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let distance = match lower == wanted {
                true => 0,
                // A missing part of the name is a frequent error: `source` for `traffic_source`.
                false if wanted.len() > 3 && lower.len() > 3 && shares_words(&lower, &wanted) => {
                    near
                }
                false => distance(&lower, &wanted, near)?,
            };
            Some((distance, name))
        })
        .collect();
    found.sort_unstable();
    found.dedup_by_key(|(_, name)| *name);
    match found.as_slice() {
        [] => String::new(),
        [(_, one)] => format!("; did you mean {one}?"),
        [(_, one), (_, two), ..] => format!("; did you mean {one} or {two}?"),
    }
}

fn shares_words(one: &str, other: &str) -> bool {
    one.ends_with(&format!("_{other}"))
        || one.starts_with(&format!("{other}_"))
        || other.ends_with(&format!("_{one}"))
        || other.starts_with(&format!("{one}_"))
}

/// The edit distance (insert, delete, replace) of two names, if it is at most `limit`.
fn distance(one: &str, other: &str, limit: usize) -> Option<usize> {
    let other: Vec<char> = other.chars().collect();
    if one.chars().count().abs_diff(other.len()) > limit {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_similar_names_only() {
        let names = ["event_name", "event_date", "platform"];

        assert_eq!(
            hint("event_nmae", names.into_iter()),
            "; did you mean event_name or event_date?"
        );
        assert_eq!(
            hint("Platform", names.into_iter()),
            "; did you mean platform?"
        );
        assert_eq!(hint("warehouse", names.into_iter()), "");
        assert_eq!(hint("n", ["n", "r"].into_iter()), "; did you mean r?");
    }
}
