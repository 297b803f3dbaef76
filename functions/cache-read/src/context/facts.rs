//! What a query must observe besides names and types: filters, suffixes, keys.

use std::collections::HashSet;

use schema::Dialect;
use schema::document::{DriftKind, ForeignKey, Shards, Table};
use schema::render::{self, heirs, identifier, plain};

/// How many retyped paths of a family are named.
const RETYPED: usize = 3;

/// How many tables that inherit from a table are kept in DDL and JSON.
pub const HEIRS: usize = 10;

/// The facts of a table with the columns `shown`.
pub fn facts(table: &Table, shown: &HashSet<&str>, dialect: Dialect) -> String {
    let mut facts: Vec<String> = Vec::new();
    if let Some(partition) = &table.partitioning {
        let required = if table.require_partition_filter {
            ", filter required"
        } else {
            ""
        };
        facts.push(format!(
            "partition {} of {}{required}",
            plain(&partition.unit),
            plain(&partition.column)
        ));
    } else if table.require_partition_filter {
        facts.push("partition filter required".to_owned());
    }
    if let Some(shards) = &table.shards {
        facts.extend(wildcard(table, shards, dialect));
        let drift = shards.versions.iter().flat_map(|version| &version.changes);
        let retyped = drift.filter(|drift| drift.kind == DriftKind::Retyped);
        for drift in retyped.take(RETYPED) {
            facts.push(format!("{} changed its type", plain(&drift.path)));
        }
    }
    if !table.inherits.is_empty() {
        facts.push(format!("inherits {}", heirs(&table.inherits, dialect)));
    }
    if !table.inherited_by.is_empty() {
        facts.push(format!(
            "reads the rows of {} too, unless it says FROM ONLY",
            heirs(&table.inherited_by, dialect)
        ));
    }
    let list = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| identifier(name, dialect)).collect();
        names.join(", ")
    };
    let primary = shown_primary_key(table, shown);
    if !primary.is_empty() {
        facts.push(format!("key {}", list(primary)));
    }
    for key in shown_foreign_keys(table, shown) {
        facts.push(format!(
            "{} -> {}({})",
            list(&key.columns),
            identifier(&key.references_parts.table, dialect),
            list(&key.referenced_columns)
        ));
    }
    facts.join("; ")
}

/// How a query reads the shards of a family.
fn wildcard(table: &Table, shards: &Shards, dialect: Dialect) -> Vec<String> {
    let instead = render::instead(table, dialect);
    if !shards.blocked_by.is_empty() {
        let instead = instead.unwrap_or_else(|| render::one_shard(table, dialect));
        return vec![format!("BigQuery refuses this wildcard: {instead}")];
    }
    if let Some(instead) = instead {
        return vec![instead];
    }
    let (first, last) = (plain(&shards.first), plain(&shards.last));
    let mut facts = vec![format!("_TABLE_SUFFIX '{first}' to '{last}'")];
    if !shards.siblings.is_empty() {
        facts.push("filter it: the wildcard reads other tables too".to_owned());
    }
    facts
}

/// The primary key, if its columns are shown. A table can have more keys than a budget holds.
pub fn shown_primary_key<'a>(table: &'a Table, shown: &HashSet<&str>) -> &'a [String] {
    if are_shown(&table.primary_key, shown) {
        &table.primary_key
    } else {
        &[]
    }
}

pub fn shown_foreign_keys<'a>(
    table: &'a Table,
    shown: &HashSet<&str>,
) -> impl Iterator<Item = &'a ForeignKey> {
    let keys = table.foreign_keys.iter();
    keys.filter(move |key| are_shown(&key.columns, shown))
}

fn are_shown(columns: &[String], shown: &HashSet<&str>) -> bool {
    columns.iter().all(|name| shown.contains(name.as_str()))
}
