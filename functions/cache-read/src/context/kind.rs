//! What a column is likely to be for, by its name, its type and its table.

use schema::document::{Column, Table};

use super::lists::Lists;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query fails without it, or is planned by it: a declared key, a partition, a cluster.
    Needed,
    Key,
    Date,
    Label,
    Other,
}

pub fn kind(column: &Column, table: &Table, depth: u8, named: Kind) -> Kind {
    let is = |name: &String| depth == 0 && *name == column.name;
    let partition = table
        .partitioning
        .as_ref()
        .map(|partition| &partition.column);
    let foreign = table.foreign_keys.iter().flat_map(|key| &key.columns);
    if partition.is_some_and(is)
        || table.clustering.iter().any(is)
        || table.primary_key.iter().any(is)
        || foreign.into_iter().any(is)
    {
        return Kind::Needed;
    }
    let starts = |start: &str| {
        let prefix = column.data_type.get(..start.len());
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(start))
    };
    match named {
        Kind::Key if !starts("FLOAT") => Kind::Key,
        Kind::Key => Kind::Other,
        _ if starts("DATE") || starts("TIME") => Kind::Date,
        other => other,
    }
}

/// By the last word of a name.
pub fn kind_of_name(last: &str, lists: &Lists) -> Kind {
    if lists.keys.contains(last) {
        Kind::Key
    } else if lists.dates.contains(last) {
        Kind::Date
    } else if lists.labels.contains(last) {
        Kind::Label
    } else {
        Kind::Other
    }
}
