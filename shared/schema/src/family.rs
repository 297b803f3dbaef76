//! Shard families: tables that differ only in a date at the end of their name, read as one table.
//!
//! A single day (`events_20210131`) makes a family. Hours, months and years make one only if there
//! are two of them, because `census_2010` alone is more likely a table than a shard. Tables whose
//! names are dates (`day.20240101`) are a family of their dataset, `day.*`.

mod drift;
mod members;
#[cfg(test)]
mod tests;
mod wildcard;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

pub use drift::{OlderColumn, ShardRun, drift, older_columns};
pub use members::with_common_columns;
pub use wildcard::{Wildcard, is_read_by_wildcard, set_neighbors, wildcard};

/// A standalone table, or the shards of one wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The table's name, or `events_*`.
    pub name: String,
    /// The suffixes from old to new; empty for a standalone table.
    pub suffixes: Vec<String>,
}

impl Family {
    /// A standalone table.
    pub fn alone(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            suffixes: Vec::new(),
        }
    }

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
        format!("{}{suffix}", base(&self.name))
    }
}

/// What the names of a family's shards start with. Empty if they are only dates.
fn base(name: &str) -> &str {
    name.strip_suffix('*').unwrap_or(name)
}

/// Collapses tables into families, in the order of their names. Pass tables only: a wildcard reads no
/// views.
pub fn collapse<'a>(tables: impl IntoIterator<Item = &'a str>) -> Vec<Family> {
    // By prefix, then by suffix length: one wildcard is one family, so next to days the months of
    // the same prefix stay standalone tables.
    let mut shards: BTreeMap<&str, BTreeMap<usize, BTreeSet<&str>>> = BTreeMap::new();
    let mut collapsed: Vec<Family> = Vec::new();
    for table in tables {
        match split(table) {
            Some((prefix, suffix)) => {
                let lengths = shards.entry(prefix).or_default();
                lengths.entry(suffix.len()).or_default().insert(suffix);
            }
            None => collapsed.push(Family::alone(table)),
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
        collapsed.extend(left.map(|suffix| Family::alone(format!("{prefix}{suffix}"))));
    }
    collapsed.sort_by(|a, b| a.name.cmp(&b.name));
    collapsed
}

const DAY: usize = 8;

/// Splits a shard's name into its prefix, which may be empty, and its date.
fn split(table: &str) -> Option<(&str, &str)> {
    let digits = table.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, suffix) = table.split_at(table.len() - digits);
    is_date(suffix).then_some((prefix, suffix))
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
