//! The changes between two versions of a document.

mod change;
mod renames;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use platform::excerpt::cut;
use platform::plural::counted;
use serde::Serialize;

use crate::bounds::bytes;
use crate::compare::{self, ColumnChange, Detail};
use crate::document::{Column, Document, Mode, Shards, Table};
use crate::name::TableName;

pub use change::{Change, ChangeKind};

/// The longest type or description in a change, in characters.
const MAX_TEXT: usize = 4_000;

/// The changes in the order of table names. Examples are not compared.
pub fn diff(old: &Document, new: &Document) -> Vec<Change> {
    tables(&old.tables, &new.tables)
}

pub fn tables(old: &[Table], new: &[Table]) -> Vec<Change> {
    let mut pairs: BTreeMap<&str, (Option<&Table>, Option<&Table>)> = BTreeMap::new();
    for table in old {
        pairs.entry(&table.name).or_default().0 = Some(table);
    }
    for table in new {
        pairs.entry(&table.name).or_default().1 = Some(table);
    }
    let mut changes = Vec::new();
    for (name, pair) in pairs {
        let parts = pair.1.or(pair.0).map(|table| &table.parts);
        let parts = parts.filter(|parts| !parts.is_unknown());
        let mut table = TableChanges {
            table: name,
            dataset: parts.map(TableName::dataset_id),
            changes: &mut changes,
        };
        match pair {
            (Some(old), Some(new)) => table.between(old, new),
            (Some(_), None) => table.push(None, ChangeKind::TableRemoved, true, None, None),
            (None, _) => table.push(None, ChangeKind::TableAdded, false, None, None),
        }
    }
    changes
}

/// The size limit of an answer's changes, in bytes of their JSON.
const MAX_BYTES: usize = 2 << 20;

/// How many entries of a list, from the first on, fit an answer.
pub fn kept<T: Serialize>(entries: &[T]) -> usize {
    let mut left = MAX_BYTES;
    let fits = |entry: &&T| {
        let rest = left.checked_sub(bytes(entry) + 1);
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    entries.iter().take_while(fits).count()
}

/// Skips `changes_left_out` and the like in JSON if it is zero.
pub fn is_none(left_out: &usize) -> bool {
    *left_out == 0
}

struct TableChanges<'a> {
    table: &'a str,
    dataset: Option<&'a str>,
    changes: &'a mut Vec<Change>,
}

impl TableChanges<'_> {
    fn between(&mut self, old: &Table, new: &Table) {
        if old == new {
            return;
        }
        self.facts(old, new);
        let from = self.changes.len();
        compare::columns(&old.columns, &new.columns, &mut |path, change| {
            self.column(path, &change);
        });
        renames::hint(&mut self.changes[from..]);
    }

    fn facts(&mut self, old: &Table, new: &Table) {
        use ChangeKind::{
            Clustering, Definition, Description, ForeignKeys, Inheritance, PartitionFilter,
            Partitioning, PrimaryKey, Size, TableKind,
        };
        self.fact(
            TableKind,
            false,
            Some(word(&old.kind)),
            Some(word(&new.kind)),
        );
        self.fact(
            Description,
            false,
            old.description.clone(),
            new.description.clone(),
        );
        let partitioning = |table: &Table| {
            table
                .partitioning
                .as_ref()
                .map(|by| format!("{} by {}", by.column, by.unit))
        };
        let definition = |table: &Table| table.definition.as_ref().map(|it| it.sql.clone());
        self.fact(Definition, false, definition(old), definition(new));
        // A query must filter on the partitioning column, so another column breaks it.
        self.fact(
            Partitioning,
            new.require_partition_filter,
            partitioning(old),
            partitioning(new),
        );
        let filter = |table: &Table| {
            table
                .require_partition_filter
                .then(|| "required".to_owned())
        };
        self.fact(
            PartitionFilter,
            new.require_partition_filter,
            filter(old),
            filter(new),
        );
        self.fact(
            Clustering,
            false,
            list(&old.clustering),
            list(&new.clustering),
        );
        self.fact(
            PrimaryKey,
            false,
            list(&old.primary_key),
            list(&new.primary_key),
        );
        let keys = |table: &Table| {
            let keys = table.foreign_keys.iter().map(|key| {
                let (columns, referenced) = (&key.columns, &key.referenced_columns);
                format!(
                    "({}) -> {} ({})",
                    columns.join(", "),
                    key.references,
                    referenced.join(", ")
                )
            });
            list(&keys.collect::<Vec<_>>())
        };
        self.fact(ForeignKeys, false, keys(old), keys(new));
        self.fact(Inheritance, false, inheritance(old), inheritance(new));
        let size = |table: &Table| {
            let parts = [
                table.rows.map(|n| counted(n, "row")),
                table.bytes.map(|n| counted(n, "byte")),
            ];
            list(&parts.into_iter().flatten().collect::<Vec<_>>())
        };
        self.fact(Size, false, size(old), size(new));
        self.shards(old.shards.as_ref(), new.shards.as_ref());
    }

    fn shards(&mut self, old: Option<&Shards>, new: Option<&Shards>) {
        let range = |shards: &Shards| {
            let (first, last) = (&shards.first, &shards.last);
            let mut text = format!("{first}..{last} ({})", counted(shards.count, "shard"));
            if !shards.blocked_by.is_empty() {
                text.push_str(", blocked by ");
                text.push_str(&shards.blocked_by.join(", "));
            }
            text
        };
        // Queries of the wildcard fail.
        let breaks = |shards: Option<&Shards>| {
            let is_blocked = shards.is_some_and(|shards| !shards.blocked_by.is_empty());
            let versions = shards
                .map(|shards| shards.versions.as_slice())
                .unwrap_or_default();
            let mut changes = versions.iter().flat_map(|version| &version.changes);
            is_blocked || changes.any(|drift| drift.breaks_wildcard)
        };
        let breaking = breaks(new) && !breaks(old);
        if old != new {
            let (from, to) = (old.map(range), new.map(range));
            self.push(None, ChangeKind::Shards, breaking, from, to);
        }
    }

    fn column(&mut self, path: String, change: &ColumnChange<'_>) {
        let mode = |column: &Column| Some(word(&column.mode));
        let path = Some(path);
        match *change {
            ColumnChange::Added(column) => {
                self.push(
                    path,
                    ChangeKind::ColumnAdded,
                    false,
                    None,
                    Some(column.sql_type()),
                );
            }
            ColumnChange::Removed(column) => {
                self.push(
                    path,
                    ChangeKind::ColumnRemoved,
                    true,
                    Some(column.sql_type()),
                    None,
                );
            }
            ColumnChange::Retyped(old, new) => {
                self.push(
                    path,
                    ChangeKind::Type,
                    true,
                    Some(old.sql_type()),
                    Some(new.sql_type()),
                );
            }
            // Nulls may appear where SQL relies on their absence.
            ColumnChange::Mode(old, new) => {
                let breaking = old.mode == Mode::Required;
                self.push(path, ChangeKind::Mode, breaking, mode(old), mode(new));
            }
            ColumnChange::Description(old, new) => {
                let (from, to) = (old.description.clone(), new.description.clone());
                self.push(path, ChangeKind::Description, false, from, to);
            }
            // Not every previous reader may read it now.
            ColumnChange::PolicyTags(old, new) => {
                let tags = |column: &Column| list(&column.policy_tags);
                let is_new = |tag| !old.policy_tags.contains(tag);
                let breaking = new.policy_tags.iter().any(is_new);
                self.push(path, ChangeKind::PolicyTags, breaking, tags(old), tags(new));
            }
            ColumnChange::Detail(detail, old, new) => self.detail(path, detail, old, new),
        }
    }

    fn detail(&mut self, path: Option<String>, detail: Detail, old: &Column, new: &Column) {
        let (kind, breaking, text): (_, _, fn(&Column) -> Option<String>) = match detail {
            // SQL may compare with a label that is gone.
            Detail::EnumLabels => (
                ChangeKind::EnumLabels,
                !old.enum_labels
                    .iter()
                    .all(|it| new.enum_labels.contains(it)),
                |column| list(&column.enum_labels),
            ),
            Detail::Default => (ChangeKind::Default, false, |column| column.default.clone()),
            // Comparisons mean something else. Documents of earlier releases have no collation.
            Detail::Collation => (ChangeKind::Collation, old.collation.is_some(), |column| {
                column.collation.clone()
            }),
            Detail::RoundingMode => (ChangeKind::RoundingMode, false, |column| {
                column.rounding_mode.clone()
            }),
        };
        self.push(path, kind, breaking, text(old), text(new));
    }

    fn fact(&mut self, kind: ChangeKind, breaking: bool, from: Option<String>, to: Option<String>) {
        if from != to {
            self.push(None, kind, breaking, from, to);
        }
    }

    fn push(
        &mut self,
        path: Option<String>,
        kind: ChangeKind,
        breaking: bool,
        from: Option<String>,
        to: Option<String>,
    ) {
        let short = |text: Option<String>| text.map(|text| cut(&text, MAX_TEXT));
        self.changes.push(Change {
            table: self.table.to_owned(),
            dataset: self.dataset.map(ToOwned::to_owned),
            path,
            kind,
            breaking,
            from: short(from),
            to: short(to),
            renamed_to: None,
        });
    }
}

fn inheritance(table: &Table) -> Option<String> {
    let joined = |label: &str, names: &[TableName]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        list(&names).map(|names| format!("{label} {names}"))
    };
    let parts = [
        joined("inherits", &table.inherits),
        joined("inherited by", &table.inherited_by),
    ];
    list(&parts.into_iter().flatten().collect::<Vec<_>>())
}

fn list(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

/// A unit variant as the document writes it: `REPEATED`, `materialized_view`.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a unit variant serialises to a string, not {other:?}"),
    }
}
