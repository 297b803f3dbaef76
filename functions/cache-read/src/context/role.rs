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

#[cfg(test)]
mod tests {
    use schema::document::{Partitioning, TableKind};

    use super::*;

    #[test]
    fn every_column_of_a_partition_key_is_needed_however_the_key_spells_it() {
        let mut table = Table::new(["p", "shop", "orders"], TableKind::Table);
        table.columns = ["day", "Region, old", "total"]
            .map(|name| Column::leaf(name, "STRING"))
            .to_vec();
        for (key, needed) in [
            ("DAY", &["day"][..]),
            ("day, \"Region, old\"", &["day", "Region, old"]),
            ("\"Region, old\"", &["Region, old"]),
            ("hr.band(day, total)", &[]),
        ] {
            table.partitioning = Some(Partitioning {
                column: key.to_owned(),
                unit: "LIST".to_owned(),
            });
            let partitions = table.partition_columns();
            let is_needed = |column: &&Column| {
                role(column, &table, &partitions, 0, ColumnRole::Other) == ColumnRole::Needed
            };
            let found = table.columns.iter().filter(is_needed);
            let found: Vec<&str> = found.map(|column| column.name.as_str()).collect();
            assert_eq!(found, needed, "{key}");
        }
    }
}
