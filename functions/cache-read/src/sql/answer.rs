//! The answer of `POST /v1/schema/sql`.

use schema::document::Verified;
use serde::Serialize;
use utoipa::ToSchema;

use super::model_answer::RequestKind;

#[derive(Debug, Serialize, ToSchema)]
pub struct SqlAnswer {
    #[schema(inline)]
    pub kind: RequestKind,
    /// A single query that only reads; null unless `kind` is `query`.
    pub sql: Option<String>,
    /// How the query was verified: `dry_run` by the warehouse, or `parsed` without a warehouse.
    pub verified: Option<Verified>,
    /// How many bytes a run would read, by the warehouse's estimate; null if it has none.
    pub bytes_processed: Option<u64>,
    /// The full names of the tables that the query reads.
    pub tables: Vec<String>,
    /// The answer to chat or to a question about the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why there is no query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The version of the schema.
    pub version: String,
}
