//! Merges what was read with what is known.

use std::collections::BTreeSet;

use schema::Dialect;
use schema::diff::{self, ChangeKind};
use schema::document::{Ledger, Table};
use warehouse::Reading;

use crate::enrich;

/// The tables that were read, with earlier LLM descriptions of the base (`before`) or of an attempt of this
/// run (`written`), and known tables that could not be read.
pub(super) fn merge(
    reading: Reading,
    before: &[Table],
    written: &[Table],
    dialect: Dialect,
) -> (Vec<Table>, Ledger) {
    let Reading {
        mut tables,
        problems,
        unread,
        remedy: _,
    } = reading;
    enrich::carry_over(before, &mut tables);
    enrich::carry_over(written, &mut tables);
    let read: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let lost = |table: &&Table| {
        !read.contains(table.name.as_str()) && unread.iter().any(|it| it.is_of(table))
    };
    let kept: Vec<Table> = before.iter().filter(lost).cloned().collect();
    tables.extend(kept);
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let dropped = if [before, written].iter().any(|it| has_lost(it, &tables)) {
        enrich::drop_dangling(&mut tables, dialect)
    } else {
        Vec::new()
    };
    let ledger = Ledger {
        problems,
        dropped,
        ..Ledger::default()
    };
    (tables, ledger)
}

/// Whether a name was removed that a description may mention.
fn has_lost(before: &[Table], tables: &[Table]) -> bool {
    let gone = [ChangeKind::TableRemoved, ChangeKind::ColumnRemoved];
    let changes = diff::tables(before, tables);
    changes.iter().any(|change| gone.contains(&change.kind))
}
