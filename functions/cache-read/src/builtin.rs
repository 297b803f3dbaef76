//! The built-in document: valid and empty. Only `GET /v1/schema` serves it, so that nobody takes it for a
//! schema without tables.

use jiff::Timestamp;
use schema::Dialect;
use schema::document::{Document, FORMAT, Ledger, Source, SourceKind};
use schema::versions::content_hash;

/// The document for a warehouse of this kind; none if none is configured.
pub fn document(warehouse: Option<SourceKind>) -> Document {
    let kind = warehouse.unwrap_or(SourceKind::Folder);
    let mut document = Document {
        format: FORMAT,
        version: String::new(),
        generated_at: Timestamp::UNIX_EPOCH,
        source: Source {
            kind,
            dialect: match kind {
                SourceKind::Postgres => Dialect::Postgres,
                SourceKind::Bigquery | SourceKind::Folder => Dialect::Bigquery,
            },
            datasets: Vec::new(),
            extensions: None,
        },
        tables: Vec::new(),
        examples: Vec::new(),
        quarantined: Vec::new(),
        meaning: schema::document::Meaning::default(),
        ledger: Ledger::default(),
    };
    document.version = content_hash(&document);
    document
}
