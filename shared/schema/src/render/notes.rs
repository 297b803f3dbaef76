//! What both renderings say of a table: its kind, its heirs and its partition.

use super::quote::{identifier, literal, plain, sql_lines, table_name};
use crate::dialect::Dialect;
use crate::document::{Column, Definition, Table, TableKind};
use crate::name::{TableName, names_of};

/// The note on a table that is marked as cut.
pub(super) const CUT: &str = "some fields are omitted here; the warehouse has all of them";

/// The note on a definition that is marked as cut.
pub(super) const CUT_DEFINITION: &str =
    "the rest of the query is omitted here; the warehouse has all of it";

/// The query of a view in lines, up to `longest` characters, and whether some of it is missing.
pub fn query_lines(definition: &Definition, longest: usize) -> (Vec<String>, bool) {
    let beginning = definition.sql.char_indices().nth(longest);
    let beginning = beginning.map(|(end, _)| &definition.sql[..end]);
    let lines = sql_lines(beginning.unwrap_or(&definition.sql));
    (lines, beginning.is_some() || definition.cut)
}

/// How many tables of an inheritance are named; the others are counted.
const HEIRS: usize = 10;

/// The labels of an enum type as literals, at least one and as many as fit `longest` characters. None for
/// another type.
pub fn enum_labels(column: &Column, dialect: Dialect, longest: usize) -> Option<String> {
    let mut text = String::new();
    let mut labels = column.enum_labels.iter();
    let mut left = longest;
    for label in labels.by_ref() {
        let label = literal(label, dialect);
        let rest = left.checked_sub(label.chars().count() + 2);
        if !text.is_empty() {
            if rest.is_none() {
                let more = 1 + labels.len();
                text.push_str(&format!(", and {more} more"));
                return Some(text);
            }
            text.push_str(", ");
        }
        text.push_str(&label);
        left = rest.unwrap_or(0);
    }
    if column.cut && !text.is_empty() {
        text.push_str(", and more");
    }
    (!text.is_empty()).then_some(text)
}

/// `COLLATE "und:ci"`, if the column has a collation of its own.
pub fn collate(column: &Column, dialect: Dialect) -> Option<String> {
    let collation = column.collation.as_deref()?;
    Some(match dialect {
        Dialect::Bigquery => format!("COLLATE {}", literal(collation, dialect)),
        // `C` is a name in capitals, which would be folded.
        Dialect::Postgres => {
            let names = names_of(collation);
            let names: Vec<String> = names.iter().map(|name| identifier(name, dialect)).collect();
            format!("COLLATE {}", names.join("."))
        }
    })
}

/// `shop.a, shop.b, and 7 more`.
pub fn heirs(names: &[TableName], dialect: Dialect) -> String {
    let named = names.iter().take(HEIRS);
    let mut named: Vec<String> = named.map(|name| table_name(name, dialect)).collect();
    if names.len() > HEIRS {
        named.push(format!("and {} more", names.len() - HEIRS));
    }
    named.join(", ")
}

/// What a query of a table that others inherit from must observe.
pub(super) fn inherited_by(table: &Table, dialect: Dialect) -> Option<String> {
    (!table.inherited_by.is_empty()).then(|| {
        format!(
            "inherited by: {}; a query reads their rows as well, unless it says FROM ONLY",
            heirs(&table.inherited_by, dialect)
        )
    })
}

pub(super) fn kind(table: &Table) -> &'static str {
    match table.kind {
        TableKind::Table if table.shards.is_some() => "table family",
        TableKind::Table => "table",
        TableKind::View => "view",
        TableKind::MaterializedView => "materialized view",
        TableKind::External => "external table",
        TableKind::Snapshot => "snapshot",
    }
}

/// The partitioning column as an identifier, or the warehouse's text if the key is an expression or has
/// several columns.
pub(super) fn partition_key(table: &Table, key: &str, dialect: Dialect) -> String {
    match table.column_named(key) {
        Some(column) => identifier(&column.name, dialect),
        None => plain(key),
    }
}
