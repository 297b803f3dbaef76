//! The answer of `POST /v1/schema/sql`.

use schema::document::Verified;
use serde::Serialize;
use utoipa::ToSchema;

use super::model_answer::RequestKind;

#[derive(Debug, Serialize, ToSchema)]
pub struct SqlAnswer {
    #[schema(inline)]
    pub kind: RequestKind,
    /// One query that only reads; null for every kind but `query`.
    pub sql: Option<String>,
    /// How the query was checked: `dry_run` by the warehouse, `parsed` where there is none.
    pub verified: Option<Verified>,
    /// What a run would read; the warehouse's estimate, null where it has none.
    pub bytes_processed: Option<u64>,
    /// The tables that the query reads, in full.
    pub tables: Vec<String>,
    /// To chat, or to a question about the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why there is no query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of the schema.
    pub version: String,
}
