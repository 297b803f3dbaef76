//! How the columns of a family changed from shard to shard.

use crate::compare::{self, ColumnChange};
use crate::document::{Column, Drift, DriftKind, ShardVersion, Table};
use crate::name::names_of;

/// Consecutive shards with the same columns.
#[derive(Clone, Debug)]
pub struct ShardRun {
    /// The first suffix; `last` is the last one.
    pub first: String,
    pub last: String,
    pub count: u64,
    pub columns: Vec<Column>,
}

/// The schema versions of a family: what each run of shards changed from the previous one.
pub fn drift(runs: &[ShardRun]) -> Vec<ShardVersion> {
    let mut versions: Vec<ShardVersion> = Vec::new();
    let mut before: Option<&ShardRun> = None;
    for run in runs {
        let changes = before.map(|before| changes(&before.columns, &run.columns));
        match (changes, versions.last_mut()) {
            // Descriptions may differ between shards; that is not drift.
            (Some(changes), Some(version)) if changes.is_empty() => {
                version.last.clone_from(&run.last);
                version.count += run.count;
            }
            (changes, _) => versions.push(ShardVersion {
                first: run.first.clone(),
                last: run.last.clone(),
                count: run.count,
                changes: changes.unwrap_or_default(),
            }),
        }
        before = Some(run);
    }
    versions
}

fn changes(old: &[Column], new: &[Column]) -> Vec<Drift> {
    let mut changes = Vec::new();
    compare::columns(old, new, &mut |path, change| {
        let (kind, from, to, breaks_wildcard) = match change {
            ColumnChange::Added(column) => (DriftKind::Added, None, Some(column.sql_type()), false),
            ColumnChange::Removed(column) => {
                (DriftKind::Dropped, Some(column.sql_type()), None, false)
            }
            ColumnChange::Retyped(old, new) => (
                DriftKind::Retyped,
                Some(old.sql_type()),
                Some(new.sql_type()),
                base(old) != base(new) || old.mode != new.mode,
            ),
            ColumnChange::Mode(..)
            | ColumnChange::Description(..)
            | ColumnChange::PolicyTags(..)
            | ColumnChange::Detail(..) => return,
        };
        changes.push(Drift {
            path,
            kind,
            from,
            to,
            breaks_wildcard,
        });
    });
    changes
}

/// The type without length or precision, which a wildcard ignores.
fn base(column: &Column) -> &str {
    column.data_type.split('(').next().unwrap_or_default()
}

/// A column or nested field that only older shards of a family have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderColumn<'a> {
    pub path: &'a str,
    /// The whole type, which names the fields of a struct.
    pub data_type: &'a str,
    /// The suffix of the last shard that has it.
    pub last: &'a str,
}

/// The columns and fields that older shards of a family have and the newest lacks, in the order of
/// their last shards.
pub fn older_columns(table: &Table) -> Vec<OlderColumn<'_>> {
    let versions = table.shards.as_ref().map_or(&[][..], |it| &it.versions);
    let mut older: Vec<OlderColumn<'_>> = Vec::new();
    for pair in versions.windows(2) {
        let [before, version] = pair else { continue };
        for change in &version.changes {
            let path = change.path.as_str();
            if change.kind == DriftKind::Dropped && !has_path(&table.columns, &names_of(path)) {
                older.retain(|known| known.path != path);
                older.push(OlderColumn {
                    path,
                    data_type: change.from.as_deref().unwrap_or_default(),
                    last: &before.last,
                });
            }
        }
    }
    older
}

fn has_path(columns: &[Column], path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return true;
    };
    let mut columns = columns.iter();
    let column = columns.find(|column| column.name.eq_ignore_ascii_case(name));
    column.is_some_and(|column| has_path(&column.fields, rest))
}
