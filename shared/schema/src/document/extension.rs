//! The extensions of a Postgres database.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An installed extension of a Postgres database, with what a query can use of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Extension {
    pub name: String,
    /// The schema of its functions, types and operators.
    pub schema: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The functions that only compute from their arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<String>,
}
