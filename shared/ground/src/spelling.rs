//! When two names are the same name to the warehouse.

use schema::Dialect;
use sqlparser::ast::Ident;

/// An identifier as the dialect reads it: Postgres folds what is not quoted.
pub(crate) fn fold(ident: &Ident, dialect: Dialect) -> String {
    match (dialect, ident.quote_style) {
        (Dialect::Postgres, None) => ident.value.to_lowercase(),
        _ => ident.value.clone(),
    }
}

/// Whether a column, field or alias has this name; BigQuery minds no case in those.
pub(crate) fn same(have: &str, wanted: &str, dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => have == wanted,
        Dialect::Bigquery => {
            have.eq_ignore_ascii_case(wanted)
                || (!have.is_ascii() && have.to_lowercase() == wanted.to_lowercase())
        }
    }
}
