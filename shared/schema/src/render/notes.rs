//! What both renderings say of a table: its kind, its shards and its partition.

use super::quote::{identifier, literal, plain, table_name};
use crate::dialect::Dialect;
use crate::document::{Column, Drift, DriftKind, Shards, Table, TableKind};
use crate::name::{TableName, names_of};

/// The note on a table that is marked as cut.
pub(super) const CUT: &str = "some fields are omitted here; the warehouse has all of them";

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

/// What a wildcard query must observe: the range of shards, what else the wildcard matches, and how
/// the schema changed over time.
pub(super) fn shard_notes(shards: &Shards) -> Vec<String> {
    let first = plain(&shards.first);
    let last = plain(&shards.last);
    let mut notes = vec![format!(
        "shards: {}, _TABLE_SUFFIX '{first}' to '{last}'",
        shards.count
    )];
    if !shards.siblings.is_empty() {
        let siblings: Vec<String> = shards.siblings.iter().map(|name| plain(name)).collect();
        notes.push(format!(
            "siblings: the wildcard also reads {}; filter _TABLE_SUFFIX BETWEEN '{first}' AND '{last}'",
            siblings.join(", ")
        ));
    }
    for version in shards
        .versions
        .iter()
        .filter(|version| !version.changes.is_empty())
    {
        let changes: Vec<String> = version.changes.iter().map(drift).collect();
        notes.push(format!(
            "drift: from {} {}",
            plain(&version.first),
            changes.join("; ")
        ));
    }
    notes
}

fn drift(drift: &Drift) -> String {
    let kind = match drift.kind {
        DriftKind::Added => "added",
        DriftKind::Dropped => "dropped",
        DriftKind::Retyped => "retyped",
    };
    let mut text = format!("{kind} {}", plain(&drift.path));
    let types = match (drift.kind, &drift.from, &drift.to) {
        (DriftKind::Added, _, Some(to)) => format!(" {}", plain(to)),
        (DriftKind::Retyped, Some(from), Some(to)) => format!(" {} -> {}", plain(from), plain(to)),
        _ => String::new(),
    };
    text.push_str(&types);
    if drift.breaks_wildcard {
        text.push_str(" (a wildcard query over both sides fails)");
    }
    text
}

/// The partitioning column as an identifier, or the warehouse's text if the key is an expression or has
/// several columns.
pub(super) fn partition_key(table: &Table, key: &str, dialect: Dialect) -> String {
    match table.column_named(key) {
        Some(column) => identifier(&column.name, dialect),
        None => plain(key),
    }
}
