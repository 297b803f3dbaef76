//! Shard families: tables that differ only in a date at the end of their name, read as one table.
//!
//! A single day (`events_20210131`) makes a family. Hours, months and years make one only if there
//! are two of them, because `census_2010` alone is more likely a table than a shard.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::compare::{self, ColumnChange};
use crate::document::{Column, Drift, DriftKind, ShardVersion};

/// A standalone table, or the shards of one wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The table's name, or `events_*`.
    pub name: String,
    /// The suffixes from old to new; empty for a standalone table.
    pub suffixes: Vec<String>,
}

impl Family {
    /// The names of the shards; for a standalone table, its name.
    pub fn members(&self) -> Vec<String> {
        if self.suffixes.is_empty() {
            return vec![self.name.clone()];
        }
        self.suffixes
            .iter()
            .map(|suffix| self.member(suffix))
            .collect()
    }

    /// The name of the shard with this suffix.
    pub fn member(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.prefix())
    }

    fn prefix(&self) -> &str {
        self.name.trim_end_matches('*')
    }
}

/// Collapses tables into families, in the order of their names. Pass tables only: a wildcard reads no
/// views.
pub fn collapse<'a>(tables: impl IntoIterator<Item = &'a str>) -> Vec<Family> {
    // By prefix, then by suffix length: one wildcard is one family, so next to days the months of
    // the same prefix stay standalone tables.
    let mut shards: BTreeMap<&str, BTreeMap<usize, BTreeSet<&str>>> = BTreeMap::new();
    let mut collapsed: Vec<Family> = Vec::new();
    let alone = |name: String| Family {
        name,
        suffixes: Vec::new(),
    };
    for table in tables {
        match split(table) {
            Some((prefix, suffix)) => {
                let lengths = shards.entry(prefix).or_default();
                lengths.entry(suffix.len()).or_default().insert(suffix);
            }
            None => collapsed.push(alone(table.to_owned())),
        }
    }
    for (prefix, mut lengths) in shards {
        let most = lengths
            .iter()
            .max_by_key(|(length, suffixes)| (suffixes.len(), **length));
        let most = most
            .filter(|(_, suffixes)| suffixes.len() > 1)
            .map(|(length, _)| *length);
        let chosen = lengths.contains_key(&DAY).then_some(DAY).or(most);
        if let Some(suffixes) = chosen.and_then(|length| lengths.remove(&length)) {
            collapsed.push(Family {
                name: format!("{prefix}*"),
                suffixes: suffixes.into_iter().map(str::to_owned).collect(),
            });
        }
        let left = lengths.into_values().flatten();
        collapsed.extend(left.map(|suffix| alone(format!("{prefix}{suffix}"))));
    }
    collapsed.sort_by(|a, b| a.name.cmp(&b.name));
    collapsed
}

const DAY: usize = 8;

/// Splits a shard's name into its prefix and date.
fn split(table: &str) -> Option<(&str, &str)> {
    let digits = table.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, suffix) = table.split_at(table.len() - digits);
    (!prefix.is_empty() && is_date(suffix)).then_some((prefix, suffix))
}

/// A year, a month, a day or an hour.
fn is_date(digits: &str) -> bool {
    let of_day = match digits.len() {
        4 => day(&format!("{digits}0101")),
        6 => day(&format!("{digits}01")),
        8 | 10 => digits.get(..8).and_then(day),
        _ => None,
    };
    let is_hour = |hour: &str| hour.is_empty() || hour.parse().is_ok_and(|hour: u8| hour < 24);
    of_day.is_some_and(|day| (1900..2200).contains(&day.year()))
        && is_hour(digits.get(8..).unwrap_or_default())
}

/// `20210131` as a day.
pub fn day(suffix: &str) -> Option<Date> {
    if suffix.len() != 8 || !suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| suffix[range].parse::<i8>().ok();
    Date::new(suffix[..4].parse().ok()?, part(4..6)?, part(6..8)?).ok()
}

/// What else the family's wildcard reads: other families, tables and views with the same prefix.
pub fn siblings<'a>(family: &Family, all: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut siblings: Vec<String> = all
        .into_iter()
        .filter(|name| *name != family.name && name.starts_with(family.prefix()))
        .map(str::to_owned)
        .collect();
    siblings.sort_unstable();
    siblings.dedup();
    siblings
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql_type::parse_column;

    fn names(tables: &[&str]) -> Vec<(String, usize)> {
        collapse(tables.iter().copied())
            .into_iter()
            .map(|family| (family.name, family.suffixes.len()))
            .collect()
    }

    #[test]
    fn days_make_a_family_for_each_prefix() {
        let tables = [
            "events_20210131",
            "events_20210201",
            "events_intraday_20210201",
            "events_fresh",
        ];
        assert_eq!(
            names(&tables),
            [
                ("events_*".into(), 2),
                ("events_fresh".into(), 0),
                ("events_intraday_*".into(), 1)
            ]
        );
    }

    #[test]
    fn years_and_months_make_a_family_only_together() {
        assert_eq!(
            names(&[
                "gsod1929",
                "gsod1930",
                "census_2010",
                "sales_202101",
                "sales_202102"
            ]),
            [
                ("census_2010".into(), 0),
                ("gsod*".into(), 2),
                ("sales_*".into(), 2)
            ]
        );
    }

    #[test]
    fn digits_that_are_not_a_date_belong_to_the_name() {
        let tables = [
            "t_20211301",
            "t_20210230",
            "t_99999999",
            "t_123",
            "20210101",
            "이벤트_20210101",
        ];
        let families = names(&tables);
        assert!(
            families
                .iter()
                .filter(|(_, shards)| *shards > 0)
                .eq([&("이벤트_*".into(), 1)])
        );
        assert_eq!(families.len(), tables.len());
    }

    #[test]
    fn shards_of_one_wildcard_are_one_family() {
        let families = names(&["t_2021", "t_2022", "t_2023", "t_20210101", "t_20210102"]);
        assert_eq!(families[0], ("t_*".into(), 2));
        assert_eq!(families.len(), 4);
    }

    #[test]
    fn siblings_are_what_else_the_wildcard_reads() {
        let family = collapse(["events_20210131"]).remove(0);
        assert_eq!(
            siblings(
                &family,
                ["events_*", "events_intraday_*", "events_view", "orders"]
            ),
            ["events_intraday_*", "events_view"]
        );
    }

    fn run(first: &str, last: &str, columns: &[(&str, &str)]) -> ShardRun {
        let columns = columns
            .iter()
            .map(|(name, text)| parse_column(name, text).unwrap());
        ShardRun {
            first: first.into(),
            last: last.into(),
            count: 2,
            columns: columns.collect(),
        }
    }

    #[test]
    fn drift_names_the_first_shard_of_each_new_path() {
        let versions = drift(&[
            run(
                "20180612",
                "20180613",
                &[("device", "STRUCT<category STRING>")],
            ),
            run(
                "20180614",
                "20180615",
                &[("device", "STRUCT<category STRING>")],
            ),
            run(
                "20180627",
                "20180628",
                &[
                    ("device", "STRUCT<category STRING, os STRING>"),
                    ("usd", "FLOAT64"),
                ],
            ),
        ]);
        assert_eq!(versions.len(), 2);
        assert_eq!(
            (versions[0].last.as_str(), versions[0].count),
            ("20180615", 4)
        );
        let added: Vec<_> = versions[1]
            .changes
            .iter()
            .map(|change| (change.path.as_str(), change.kind))
            .collect();
        assert_eq!(
            added,
            [("device.os", DriftKind::Added), ("usd", DriftKind::Added)]
        );
        assert_eq!(versions[1].first, "20180627");
    }

    #[test]
    fn a_changed_type_breaks_the_wildcard_and_a_longer_string_does_not() {
        let versions = drift(&[
            run(
                "1",
                "2",
                &[("a", "STRING(10)"), ("b", "INT64"), ("c", "STRING")],
            ),
            run(
                "3",
                "4",
                &[("a", "STRING(20)"), ("b", "STRING"), ("c", "ARRAY<STRING>")],
            ),
        ]);
        let breaks: Vec<_> = versions[1]
            .changes
            .iter()
            .map(|change| (change.path.as_str(), change.breaks_wildcard))
            .collect();
        assert_eq!(breaks, [("a", false), ("b", true), ("c", true)]);
    }
}
