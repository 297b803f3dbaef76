use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The SQL dialect of a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Bigquery,
    Postgres,
}
