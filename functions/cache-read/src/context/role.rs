//! The likely role of a column, by its name, its type and its table.

use schema::document::{Column, Table};

use super::word_lists::WordLists;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnRole {
    /// Declared key, partitioning or clustering column, which queries depend on.
    Needed,
    Key,
    Date,
    Label,
    Other,
}

/// The role of a column. `partitions` are the columns that its table is partitioned by.
pub fn role(
    column: &Column,
    table: &Table,
    partitions: &[&Column],
    depth: u8,
    named: ColumnRole,
) -> ColumnRole {
    let is = |name: &String| depth == 0 && *name == column.name;
    let foreign = table.foreign_keys.iter().flat_map(|key| &key.columns);
    if depth == 0 && partitions.iter().any(|it| std::ptr::eq(*it, column))
        || table.clustering.iter().any(is)
        || table.primary_key.iter().any(is)
        || foreign.into_iter().any(is)
    {
        return ColumnRole::Needed;
    }
    let starts = |start: &str| {
        let prefix = column.data_type.get(..start.len());
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(start))
    };
    match named {
        ColumnRole::Key if !starts("FLOAT") => ColumnRole::Key,
        ColumnRole::Key => ColumnRole::Other,
        _ if starts("DATE") || starts("TIME") => ColumnRole::Date,
        other => other,
    }
}

/// The role by the last word of a name.
pub fn role_of_name(last: &str, lists: &WordLists) -> ColumnRole {
    if lists.keys.contains(last) {
        ColumnRole::Key
    } else if lists.dates.contains(last) {
        ColumnRole::Date
    } else if lists.labels.contains(last) {
        ColumnRole::Label
    } else {
        ColumnRole::Other
    }
}
