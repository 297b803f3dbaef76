//! Names of datasets, in requests and scopes, that match nothing.

use std::collections::BTreeSet;

use platform::{Error, Result};
use schema::document::{Document, Table};

/// Checks that each name is a dataset of what the caller sees: no table would match another name, and an empty
/// answer would read as if there were no tables.
///
/// # Errors
/// `Unprocessable`, with the names that may be meant. A dataset that the caller may not see is not in the document,
/// and so unknown.
pub fn check(names: &[impl AsRef<str>], document: &Document) -> Result<()> {
    let known = known(document);
    let mut names = names.iter().map(AsRef::as_ref);
    let Some(name) = names.find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let told = ground::no_dataset(name, known.into_iter());
    let end = if told.ends_with('?') { "" } else { "." };
    Err(Error::Unprocessable(format!(
        "{told}{end} Write datasets in full, `project.dataset` or `database.schema`; \
         `GET /v1/schema/tables` lists the tables"
    )))
}

/// What to tell the operator about the names of a scope that match nothing in the whole document, with the names that
/// may be meant.
pub fn unmatched(scope: &[String], whole: &Document) -> Vec<String> {
    let known = known(whole);
    let unknown = scope.iter().filter(|name| !known.contains(name.as_str()));
    unknown
        .map(|name| ground::no_dataset(name, known.iter().copied()))
        .collect()
}

fn known(document: &Document) -> BTreeSet<&str> {
    let of_source = document.source.datasets.iter().map(String::as_str);
    let of_tables = document.tables.iter().filter(|it| !it.parts.is_unknown());
    of_source.chain(of_tables.map(Table::dataset)).collect()
}

#[cfg(test)]
mod tests {
    use schema::document::TableKind;

    use super::*;

    #[test]
    fn a_name_of_a_scope_that_matches_no_dataset_is_reported_with_the_name_that_is_meant() {
        let mut document = crate::builtin::document(None);
        document.tables = vec![Table::new(["shop", "sales", "orders"], TableKind::Table)];
        let scope = ["sales", "shop.sales"].map(str::to_owned);
        assert_eq!(
            unmatched(&scope, &document),
            [r#""sales" matches no dataset; did you mean "shop.sales"?"#]
        );
    }
}
