//! The queries of views: resolved against the schema, without personal data, and cut to the limit of a document.

mod masked;

use std::collections::{HashMap, HashSet};

use ground::Schema;
use schema::Dialect;
use schema::bounds;
use schema::diff;
use schema::document::{Definition, Source, Table};

use crate::grounding::schema_of;
use crate::head::apart;

use masked::masked;

/// Removes each definition that names anything unknown: a view may read what the user of the warehouse, or the
/// document, does not have. `before` are the tables of the last sync, whose definitions are those of views that could
/// not be read.
pub async fn resolve(tables: &mut [Table], before: &[Table], source: &Source) {
    if tables.iter().all(|table| table.definition.is_none()) {
        return;
    }
    let known = before.iter().map(|table| (table.name.as_str(), table));
    let known: HashMap<&str, &Table> = known.collect();
    let changes = diff::tables(before, tables).into_iter();
    let changes = changes.filter(|change| change.breaking);
    let broken: HashSet<String> = changes.map(|change| change.table).collect();
    let schema = schema_of(tables, source);
    let mut resolved = Vec::with_capacity(tables.len());
    for table in tables.iter() {
        let known = known.get(table.name.as_str());
        let known = known.and_then(|it| it.definition.as_ref());
        resolved.push(match &table.definition {
            // It is masked and cut, so that it may not resolve again.
            Some(kept) if Some(kept) == known => {
                let is_broken = kept.tables.iter().any(|name| broken.contains(name));
                (!is_broken).then(|| kept.clone())
            }
            Some(read) => one(read, &schema, source.dialect).await,
            None => None,
        });
    }
    for (table, definition) in tables.iter_mut().zip(resolved) {
        table.definition = definition;
    }
}

async fn one(read: &Definition, schema: &Schema<'_>, dialect: Dialect) -> Option<Definition> {
    let grounded = ground::sql_in_time(&read.sql, schema).await.ok()?;
    let sql = read.sql.clone();
    let mut definition = Definition {
        sql: apart(move || masked(&sql, dialect)).await.ok()??,
        tables: grounded.tables,
        cut: false,
    };
    bounds::fit_definition(&mut definition);
    Some(definition)
}
