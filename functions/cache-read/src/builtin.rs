//! The built-in document: valid and empty.

use jiff::Timestamp;
use schema::Dialect;
use schema::document::{Document, FORMAT, Ledger, Source, SourceKind};
use schema::versions::content_hash;

pub fn document() -> Document {
    let mut document = Document {
        format: FORMAT,
        version: String::new(),
        generated_at: Timestamp::UNIX_EPOCH,
        source: Source {
            kind: SourceKind::Folder,
            dialect: Dialect::Bigquery,
            datasets: Vec::new(),
            extensions: None,
        },
        tables: Vec::new(),
        examples: Vec::new(),
        quarantined: Vec::new(),
        ledger: Ledger::default(),
    };
    document.version = content_hash(&document);
    document
}
