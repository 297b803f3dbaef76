//! What changed between two versions of the document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::compare::{self, ColumnChange};
use crate::document::{Column, Document, Mode, Shards, Table};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// In full.
    pub table: String,
    /// The column or nested field; none where the table as a whole changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    pub kind: ChangeKind,
    /// SQL that was right before may fail or mean something else now.
    pub breaking: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a removed path: the only new one beside it with the same type. A hint, no fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    TableAdded,
    TableRemoved,
    ColumnAdded,
    ColumnRemoved,
    Type,
    Mode,
    Description,
    Partitioning,
    PartitionFilter,
    Clustering,
    PrimaryKey,
    ForeignKeys,
    TableKind,
    Shards,
    /// The estimate of rows or bytes.
    Size,
}

/// Changes in the order of the tables' names; examples are not part of it.
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
        let mut table = TableChanges {
            table: name,
            changes: &mut changes,
        };
        match pair {
            (Some(old), Some(new)) => table.between(old, new),
            (Some(_), None) => table.tell(None, ChangeKind::TableRemoved, true, None, None),
            (None, _) => table.tell(None, ChangeKind::TableAdded, false, None, None),
        }
    }
    changes
}

struct TableChanges<'a> {
    table: &'a str,
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
        hint_renames(&mut self.changes[from..]);
    }

    fn facts(&mut self, old: &Table, new: &Table) {
        use ChangeKind::{
            Clustering, Description, ForeignKeys, PartitionFilter, Partitioning, PrimaryKey, Size,
            TableKind,
        };
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
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
        // A query must filter on the partitioning column: with another column it is refused.
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
        let size = |table: &Table| {
            let parts = [
                table.rows.map(|n| format!("{n} rows")),
                table.bytes.map(|n| format!("{n} bytes")),
            ];
            list(&parts.into_iter().flatten().collect::<Vec<_>>())
        };
        self.fact(Size, false, size(old), size(new));
        self.shards(old.shards.as_ref(), new.shards.as_ref());
    }

    fn shards(&mut self, old: Option<&Shards>, new: Option<&Shards>) {
        let range = |shards: &Shards| {
            format!(
                "{}..{} ({} shards)",
                shards.first, shards.last, shards.count
            )
        };
        let breaks = |shards: Option<&Shards>| {
            let versions = shards
                .map(|shards| shards.versions.as_slice())
                .unwrap_or_default();
            versions
                .iter()
                .flat_map(|version| &version.changes)
                .any(|drift| drift.breaks_wildcard)
        };
        let breaking = breaks(new) && !breaks(old);
        if old != new {
            let (from, to) = (old.map(range), new.map(range));
            self.tell(None, ChangeKind::Shards, breaking, from, to);
        }
    }

    fn column(&mut self, path: String, change: &ColumnChange<'_>) {
        let mode = |column: &Column| Some(word(&column.mode));
        let path = Some(path);
        match *change {
            ColumnChange::Added(column) => {
                self.tell(
                    path,
                    ChangeKind::ColumnAdded,
                    false,
                    None,
                    Some(column.sql_type()),
                );
            }
            ColumnChange::Removed(column) => {
                self.tell(
                    path,
                    ChangeKind::ColumnRemoved,
                    true,
                    Some(column.sql_type()),
                    None,
                );
            }
            ColumnChange::Retyped(old, new) => {
                self.tell(
                    path,
                    ChangeKind::Type,
                    true,
                    Some(old.sql_type()),
                    Some(new.sql_type()),
                );
            }
            // Nulls may appear where SQL relied on there being none.
            ColumnChange::Mode(old, new) => {
                let breaking = old.mode == Mode::Required;
                self.tell(path, ChangeKind::Mode, breaking, mode(old), mode(new));
            }
            ColumnChange::Description(old, new) => {
                let (from, to) = (old.description.clone(), new.description.clone());
                self.tell(path, ChangeKind::Description, false, from, to);
            }
        }
    }

    fn fact(&mut self, kind: ChangeKind, breaking: bool, from: Option<String>, to: Option<String>) {
        if from != to {
            self.tell(None, kind, breaking, from, to);
        }
    }

    fn tell(
        &mut self,
        path: Option<String>,
        kind: ChangeKind,
        breaking: bool,
        from: Option<String>,
        to: Option<String>,
    ) {
        let table = self.table.to_owned();
        self.changes.push(Change {
            table,
            path,
            kind,
            breaking,
            from,
            to,
            renamed_to: None,
        });
    }
}

/// A unit variant as it stands in the document: `REPEATED`, `materialized_view`.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("a unit variant serialises to a string, not {other:?}"),
    }
}

fn hint_renames(changes: &mut [Change]) {
    let parent = |change: &Change| {
        let path = change.path.as_deref().unwrap_or_default();
        path.rsplit_once('.').map(|(parent, _)| parent.to_owned())
    };
    let of_kind = |kind| move |change: &&Change| change.kind == kind;
    let hints: Vec<(usize, String)> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| change.kind == ChangeKind::ColumnRemoved)
        .filter_map(|(position, removed)| {
            let alike = |change: &&Change| parent(change) == parent(removed);
            let mut added = changes
                .iter()
                .filter(of_kind(ChangeKind::ColumnAdded))
                .filter(alike)
                .filter(|added| added.to == removed.from);
            let mut gone = changes
                .iter()
                .filter(of_kind(ChangeKind::ColumnRemoved))
                .filter(alike)
                .filter(|other| other.from == removed.from);
            let (only, none, one, two) = (added.next()?, added.next(), gone.next(), gone.next());
            (none.is_none() && one.is_some() && two.is_none())
                .then(|| Some((position, only.path.clone()?)))?
        })
        .collect();
    for (position, path) in hints {
        changes[position].renamed_to = Some(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Partitioning, TableKind};
    use crate::sql_type::parse_column;

    fn table(columns: &[(&str, &str)]) -> Table {
        let columns = columns
            .iter()
            .map(|(name, text)| parse_column(name, text).unwrap());
        Table {
            columns: columns.collect(),
            ..Table::new("p.d.t", TableKind::Table)
        }
    }

    fn told(old: &Table, new: &Table) -> Vec<(Option<String>, ChangeKind, bool)> {
        tables(std::slice::from_ref(old), std::slice::from_ref(new))
            .into_iter()
            .map(|change| (change.path, change.kind, change.breaking))
            .collect()
    }

    #[test]
    fn nested_changes_are_told_by_path_and_say_whether_they_break() {
        let old = table(&[
            ("device", "STRUCT<os STRING, id INT64>"),
            ("gone", "STRING"),
        ]);
        let new = table(&[(
            "device",
            "STRUCT<os STRING, id STRING, web STRUCT<host STRING>>",
        )]);
        assert_eq!(
            told(&old, &new),
            [
                (Some("device.id".into()), ChangeKind::Type, true),
                (Some("device.web".into()), ChangeKind::ColumnAdded, false),
                (Some("gone".into()), ChangeKind::ColumnRemoved, true),
            ]
        );
    }

    #[test]
    fn a_table_that_comes_or_goes_is_one_change() {
        let table = table(&[("a", "STRING"), ("b", "STRING")]);
        let changes = tables(std::slice::from_ref(&table), &[]);
        assert_eq!(
            (changes.len(), changes[0].kind),
            (1, ChangeKind::TableRemoved)
        );
        assert!(changes[0].breaking);
        assert_eq!(tables(&[], &[table])[0].kind, ChangeKind::TableAdded);
    }

    #[test]
    fn a_partition_filter_that_becomes_required_breaks() {
        let old = table(&[("day", "DATE")]);
        let new = Table {
            partitioning: Some(Partitioning {
                column: "day".into(),
                unit: "DAY".into(),
            }),
            require_partition_filter: true,
            ..old.clone()
        };
        assert_eq!(
            told(&old, &new),
            [
                (None, ChangeKind::Partitioning, true),
                (None, ChangeKind::PartitionFilter, true)
            ]
        );
    }

    #[test]
    fn a_description_and_a_mode_are_told() {
        let old = table(&[("a", "STRING"), ("b", "STRING")]);
        let mut new = old.clone();
        new.columns[0].description = Some("the first letter".into());
        new.columns[1].mode = Mode::Required;
        assert_eq!(
            told(&old, &new),
            [
                (Some("a".into()), ChangeKind::Description, false),
                (Some("b".into()), ChangeKind::Mode, false)
            ]
        );
        assert!(told(&new, &old).contains(&(Some("b".into()), ChangeKind::Mode, true)));
    }

    #[test]
    fn a_rename_is_hinted_only_where_it_is_the_only_one_possible() {
        let old = table(&[("name", "STRING"), ("n", "INT64")]);
        let renamed = tables(
            std::slice::from_ref(&old),
            &[table(&[("full_name", "STRING"), ("n", "INT64")])],
        );
        assert_eq!(renamed[1].renamed_to.as_deref(), Some("full_name"));
        let two = tables(
            &[old],
            &[table(&[("a", "STRING"), ("b", "STRING"), ("n", "INT64")])],
        );
        assert_eq!(two[2].renamed_to, None);
    }
}
