//! Single shards of a family: which exist, and which columns an older shard has.

use std::borrow::Cow;

use schema::document::{Column, Drift, DriftKind, Shards, Table};
use schema::family;
use schema::name::names_of;
use schema::sql_type;

pub(crate) fn is_shard(shards: &Shards, suffix: &str) -> bool {
    suffix.len() == shards.last.len()
        && (shards.first.as_str()..=shards.last.as_str()).contains(&suffix)
        && (suffix.len() != 8 || family::day(suffix).is_some())
}

/// Whether a suffix between the first and the last may start with `start`.
pub(crate) fn may_start_with(shards: &Shards, start: &str) -> bool {
    let head = |suffix: &str| suffix.get(..start.len()).map(str::to_owned);
    match (head(&shards.first), head(&shards.last)) {
        (Some(first), Some(last)) => {
            start.bytes().all(|b| b.is_ascii_digit())
                && (first.as_str()..=last.as_str()).contains(&start)
        }
        _ => false,
    }
}

/// The columns of one shard: those of the newest shard, with every later change undone.
pub(crate) fn columns_at<'t>(table: &'t Table, suffix: &str) -> Cow<'t, [Column]> {
    let versions = table.shards.as_ref().map_or(&[][..], |it| &it.versions);
    let later = versions.iter().rev();
    let mut later = later.take_while(|version| version.first.as_str() > suffix);
    let Some(newest) = later.next() else {
        return Cow::Borrowed(&table.columns);
    };
    let mut columns = table.columns.clone();
    for version in std::iter::once(newest).chain(later) {
        for change in version.changes.iter().rev() {
            undo(&mut columns, &names_of(&change.path), change);
        }
    }
    Cow::Owned(columns)
}

fn undo(columns: &mut Vec<Column>, path: &[String], change: &Drift) {
    let Some((name, below)) = path.split_first() else {
        return;
    };
    let place = columns.iter().position(|column| column.name == *name);
    match (below, place) {
        ([_, ..], Some(place)) => undo(&mut columns[place].fields, below, change),
        ([_, ..], None) => {}
        ([], place) => {
            let before = change.from.as_deref();
            let before = before.and_then(|text| sql_type::parse_column(name, text).ok());
            match (change.kind, place, before) {
                (DriftKind::Added, Some(place), _) => {
                    columns.remove(place);
                }
                (DriftKind::Dropped | DriftKind::Retyped, Some(place), Some(before)) => {
                    columns[place] = before;
                }
                (DriftKind::Dropped, None, Some(before)) => columns.push(before),
                _ => {}
            }
        }
    }
}
