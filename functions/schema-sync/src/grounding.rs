//! What texts and queries are checked against.

use ground::Schema;
use schema::document::{Document, Source, Table};

/// The schema of tables. Its reasons are stored, and read by callers who may not see every table.
pub fn schema_of<'t>(tables: &'t [Table], source: &'t Source) -> Schema<'t> {
    Schema::new(tables, source.dialect)
        .with_extensions(source.extensions.as_deref())
        .without_hints()
}

/// The schema of what a caller sees, who reads its reasons alone.
pub fn schema_seen(seen: &Document) -> Schema<'_> {
    let source = &seen.source;
    Schema::new(&seen.tables, source.dialect).with_extensions(source.extensions.as_deref())
}
