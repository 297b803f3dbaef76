//! The query that defines a view.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The query of a view. A document has it only if every name in it is part of the document, because a view may
/// read what its readers may not. Personal data and secrets in it are replaced with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Definition {
    /// The query as the warehouse returns it, without personal data and secrets.
    pub sql: String,
    /// The full names of the tables that it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// `sql` is only the beginning of the query.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// The longest query that is read, in bytes. A longer one can't be checked.
const LONGEST: usize = 100_000;

impl Definition {
    /// A query as a warehouse returns it, of which the tables are not known yet. None if it is empty or too long to
    /// be checked.
    pub fn read(sql: &str) -> Option<Self> {
        let sql = sql.trim().trim_end_matches(';').trim_end();
        let is_readable = !sql.is_empty() && sql.len() <= LONGEST;
        is_readable.then(|| Self {
            sql: sql.to_owned(),
            ..Self::default()
        })
    }
}
