//! How the dialects fold and compare names.

use schema::Dialect;
use sqlparser::ast::Ident;

/// An identifier as the dialect folds it: Postgres folds unquoted identifiers to lower case.
pub(crate) fn fold(ident: &Ident, dialect: Dialect) -> String {
    match (dialect, ident.quote_style) {
        // In UTF-8, no other letters are folded.
        (Dialect::Postgres, None) => ident.value.to_ascii_lowercase(),
        _ => ident.value.clone(),
    }
}

/// Whether two names of columns, fields or aliases are equal. BigQuery ignores their case.
pub(crate) fn same(have: &str, wanted: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => have == wanted,
        Dialect::Bigquery => {
            have.eq_ignore_ascii_case(wanted)
                || (!have.is_ascii() && have.to_lowercase() == wanted.to_lowercase())
        }
    }
}
