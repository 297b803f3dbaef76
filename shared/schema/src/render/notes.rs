//! What both renderings say of a table: its kind, its shards and its partition.

use super::quote::{identifier, plain};
use crate::dialect::Dialect;
use crate::document::{Drift, DriftKind, Shards, Table, TableKind};

/// The note on a table that is marked as cut.
pub(super) const CUT: &str = "some fields are omitted here; the warehouse has all of them";

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

/// The partitioning column as an identifier, or the warehouse's text if the key is an expression.
pub(super) fn partition_key(table: &Table, key: &str, dialect: Dialect) -> String {
    if table.columns.iter().any(|column| column.name == key) {
        identifier(key, dialect)
    } else {
        plain(key)
    }
}
