//! The part of a table that an example reads: a few shards or partitions instead of all.

use jiff::ToSpan;
use schema::Dialect;
use schema::document::{Column, Partitioning, Shards, Table};
use schema::family::{self, day};
use schema::render::{identifier, literal, table_name};

use super::columns::{Reachable, is_text, is_time, starts_with_any};

const DAYS: i32 = 30;
/// Days of a shard family: each is a table, so a week is enough.
const SHARDS: i64 = 7;

/// How an example reads one table.
pub(super) struct Period {
    /// The table as a query names it.
    pub from: String,
    /// A condition for `where`, if one is needed, with the alias before its column.
    pub condition: Option<String>,
    /// For the question: ` in the last 30 days`.
    pub phrase: String,
    /// Whether it is a wildcard over days, so that a query can group by `_TABLE_SUFFIX`.
    pub is_by_suffix: bool,
}

impl Period {
    pub fn of(table: &Table, alias: &str, all: &[&Table], dialect: Dialect) -> Option<Self> {
        if let Some(shards) = &table.shards {
            return of_shards(table, shards, alias, all, dialect);
        }
        let from = table_name(&table.parts, dialect);
        let whole = Self {
            from: from.clone(),
            condition: None,
            phrase: String::new(),
            is_by_suffix: false,
        };
        let Some(partitioning) = &table.partitioning else {
            return Some(whole);
        };
        let column = partition_column(table);
        let key = column.map_or(&partitioning.column, |column| &column.name);
        let name = format!("{alias}.{}", identifier(key, dialect));
        let condition = match last_partitions(partitioning, column, &name, dialect) {
            Some(condition) => condition,
            None if column.is_some_and(is_integer) && table.require_partition_filter => {
                return Some(Self {
                    condition: Some(format!("{name} >= 0")),
                    ..whole
                });
            }
            // A required filter that can't be written rules the table out.
            None if table.require_partition_filter => return None,
            None => return Some(whole),
        };
        Some(Self {
            condition: Some(condition),
            phrase: format!(" in the last {DAYS} days"),
            ..whole
        })
    }
}

/// A condition on the partition column, such as a table may require of each query; none if none can be written.
pub fn required_filter(table: &Table, dialect: Dialect) -> Option<String> {
    let partitioning = table.partitioning.as_ref()?;
    let column = partition_column(table);
    let key = column.map_or(&partitioning.column, |column| &column.name);
    let name = identifier(key, dialect);
    let condition = last_partitions(partitioning, column, &name, dialect);
    condition.or_else(|| match column? {
        column if is_integer(column) => Some(format!("{name} >= 0")),
        column if is_text(column) => Some(format!("{name} >= {}", literal("", dialect))),
        _ => None,
    })
}

/// The column to filter on. Of several, a filter on one is enough.
fn partition_column(table: &Table) -> Option<&Column> {
    let columns = table.partition_columns();
    let time = columns.iter().find(|column| is_time(column));
    time.or(columns.first()).copied()
}

/// A condition on the last partitions by time.
fn last_partitions(
    partitioning: &Partitioning,
    column: Option<&Column>,
    name: &str,
    dialect: Dialect,
) -> Option<String> {
    match column {
        Some(column) if is_time(column) => Some(since(name, &column.data_type, dialect)),
        None if partitioning.column.eq_ignore_ascii_case("_PARTITIONTIME") => {
            Some(since(name, "TIMESTAMP", dialect))
        }
        _ => None,
    }
}

fn is_integer(column: &Column) -> bool {
    starts_with_any(column, &["int"])
}

fn of_shards(
    table: &Table,
    shards: &Shards,
    alias: &str,
    all: &[&Table],
    dialect: Dialect,
) -> Option<Period> {
    let base = table.own_name().strip_suffix('*')?;
    let last = day(&shards.last);
    // One type that changed breaks every query over the wildcard.
    let mut drift = shards.versions.iter().flat_map(|version| &version.changes);
    let is_retyped = drift.any(|change| change.breaks_wildcard);
    // So does a view of a like name. Documents of earlier releases don't tell.
    let is_view = |other: &&&Table| {
        other.dataset() == table.dataset() && !family::is_read_by_wildcard(other.kind)
    };
    let mut views = all.iter().filter(is_view);
    let wildcard = family::wildcard(table).filter(|wildcard| {
        let prefix = wildcard.name.trim_end_matches('*');
        !is_retyped && !views.any(|view| view.own_name().starts_with(prefix))
    });
    let Some(wildcard) = wildcard else {
        return Some(Period {
            from: table_name(
                &table.parts.beside(format!("{base}{}", shards.last)),
                dialect,
            ),
            condition: None,
            phrase: match last {
                Some(last) => format!(" on {last}"),
                None => format!(" in {}", shards.last),
            },
            is_by_suffix: false,
        });
    };
    let (first, phrase) = match (last, day(&shards.first)) {
        (Some(last), Some(oldest)) => {
            let start = last.checked_sub((SHARDS - 1).days()).unwrap_or(last);
            let start = start.max(oldest);
            let suffix = format!("{:04}{:02}{:02}", start.year(), start.month(), start.day());
            (suffix, format!(" from {start} to {last}"))
        }
        _ => (shards.last.clone(), format!(" in {}", shards.last)),
    };
    // A narrower wildcard leaves less of the date to the suffix.
    let start = shards.last.len() - wildcard.last.len();
    Some(Period {
        from: table_name(&table.parts.beside(&*wildcard.name), dialect),
        condition: Some(format!(
            "{alias}._TABLE_SUFFIX between {} and {}",
            literal(first.get(start..)?, dialect),
            literal(wildcard.last, dialect)
        )),
        phrase,
        is_by_suffix: last.is_some() && wildcard.is_own(),
    })
}

/// A condition on the last days, in the type of the column.
fn since(expression: &str, data_type: &str, dialect: Dialect) -> String {
    let data_type = data_type.to_ascii_uppercase();
    match dialect {
        Dialect::Postgres => format!("{expression} >= current_date - {DAYS}"),
        Dialect::Bigquery if data_type.starts_with("DATETIME") => {
            format!("{expression} >= datetime_sub(current_datetime(), interval {DAYS} day)")
        }
        Dialect::Bigquery if data_type.starts_with("DATE") => {
            format!("{expression} >= date_sub(current_date(), interval {DAYS} day)")
        }
        Dialect::Bigquery => {
            format!("{expression} >= timestamp_sub(current_timestamp(), interval {DAYS} day)")
        }
    }
}

/// The condition and its phrase in the question for a column that is not a partitioning column.
pub(super) fn recent(event_time: &Reachable, alias: &str, dialect: Dialect) -> (String, String) {
    let expression = event_time.expression(alias, dialect);
    (
        since(&expression, &event_time.column.data_type, dialect),
        format!(" in the last {DAYS} days"),
    )
}

/// The day of a time, as an expression.
pub(super) fn day_of(event_time: &Reachable, alias: &str, dialect: Dialect) -> String {
    let expression = event_time.expression(alias, dialect);
    let is_date = event_time.column.data_type.eq_ignore_ascii_case("date");
    match dialect {
        _ if is_date => expression,
        Dialect::Bigquery => format!("date({expression})"),
        Dialect::Postgres => format!("{expression}::date"),
    }
}
