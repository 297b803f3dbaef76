//! What both renderings say of a family: its range of shards, what else its wildcard matches, and how
//! its schema changed.

#[cfg(test)]
mod tests;

use super::quote::{plain, table_name};
use crate::dialect::Dialect;
use crate::document::{Drift, DriftKind, Shards, Table};
use crate::family;

/// How many of the other tables that a wildcard matches are named.
const NEIGHBORS: usize = 20;

/// What a wildcard query must observe; empty for a standalone table.
pub(super) fn shard_notes(table: &Table, dialect: Dialect) -> Vec<String> {
    let Some(shards) = &table.shards else {
        return Vec::new();
    };
    let mut notes = vec![format!(
        "shards: {}, _TABLE_SUFFIX '{}' to '{}'",
        shards.count,
        plain(&shards.first),
        plain(&shards.last)
    )];
    let instead = instead(table, dialect);
    let is_blocked = !shards.blocked_by.is_empty();
    if is_blocked {
        let blocked_by = listed(&shards.blocked_by);
        let instead = instead.clone().unwrap_or_else(|| one_shard(table, dialect));
        notes.push(format!(
            "blocked: BigQuery refuses this wildcard, whatever a query filters, because it also \
             matches views or external tables: {blocked_by}; {instead}"
        ));
    }
    if !shards.siblings.is_empty() {
        let siblings = listed(&shards.siblings);
        let remedy = match instead {
            // The note above has it.
            _ if is_blocked => String::new(),
            Some(instead) => format!("; {instead}"),
            None => format!("; filter {}", filter(table, shards)),
        };
        notes.push(format!(
            "siblings: the wildcard also reads {siblings}{remedy}"
        ));
    }
    let versions = shards.versions.iter();
    for version in versions.filter(|version| !version.changes.is_empty()) {
        let changes: Vec<String> = version.changes.iter().map(drift).collect();
        notes.push(format!(
            "drift: from {} {}",
            plain(&version.first),
            changes.join("; ")
        ));
    }
    notes
}

/// The narrower wildcard to read a family by, if a query can't rely on the family's own.
pub fn instead(table: &Table, dialect: Dialect) -> Option<String> {
    let wildcard = family::wildcard(table).filter(|wildcard| !wildcard.is_own())?;
    let name = table_name(&table.parts.beside(wildcard.name), dialect);
    let (first, last) = (plain(wildcard.first), plain(wildcard.last));
    Some(format!(
        "read {name} instead, _TABLE_SUFFIX '{first}' to '{last}'"
    ))
}

/// What to read if views block every wildcard over all shards.
pub fn one_shard(table: &Table, dialect: Dialect) -> String {
    let last = table.shards.as_ref().map_or("", |shards| &shards.last);
    let base = table.own_name().trim_end_matches('*');
    let newest = table_name(&table.parts.beside(format!("{base}{last}")), dialect);
    format!("read single shards, such as {newest}")
}

/// A condition that only shards meet.
fn filter(table: &Table, shards: &Shards) -> String {
    let (first, last) = (plain(&shards.first), plain(&shards.last));
    let between = format!("_TABLE_SUFFIX BETWEEN '{first}' AND '{last}'");
    let base = table.own_name().trim_end_matches('*');
    // A month is between two days.
    let is_within = |name: &String| {
        name.strip_prefix(base).is_some_and(|suffix| {
            suffix.len() != last.len()
                && (shards.first.as_str()..=shards.last.as_str()).contains(&suffix)
        })
    };
    if shards.siblings.iter().any(is_within) {
        format!("{between} AND LENGTH(_TABLE_SUFFIX) = {}", last.len())
    } else {
        between
    }
}

fn listed(names: &[String]) -> String {
    let named = names.iter().take(NEIGHBORS);
    let mut listed: Vec<String> = named.map(|name| plain(name)).collect();
    if names.len() > NEIGHBORS {
        listed.push(format!("and {} more", names.len() - NEIGHBORS));
    }
    listed.join(", ")
}

fn drift(drift: &Drift) -> String {
    let kind = match drift.kind {
        DriftKind::Added => "added",
        DriftKind::Dropped => "dropped",
        DriftKind::Retyped => "retyped",
    };
    let mut text = format!("{kind} {}", plain(&drift.path));
    let types = match (drift.kind, &drift.from, &drift.to) {
        (DriftKind::Added, _, Some(only)) | (DriftKind::Dropped, Some(only), _) => {
            format!(" {}", plain(only))
        }
        (DriftKind::Retyped, Some(from), Some(to)) => format!(" {} -> {}", plain(from), plain(to)),
        _ => String::new(),
    };
    text.push_str(&types);
    if drift.breaks_wildcard {
        text.push_str(" (a wildcard query over both sides fails)");
    }
    text
}
