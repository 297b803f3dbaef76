//! What a query reads.

use std::collections::BTreeSet;

use schema::document::{Table, TableKind};
use schema::name::TableName;
use schema::read::Read;

/// What a query reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounded {
    /// By `Table::name`, sorted, without duplicates.
    pub tables: Vec<String>,
    /// `Table::name` and path of every column and nested field that the query mentions, including
    /// parents and, for `*`, every column that it stands for.
    pub columns: BTreeSet<(String, String)>,
}

impl Grounded {
    /// The first table of `reads` that lies outside the datasets of the tables that the query names:
    /// the warehouse reads something that grounding did not see.
    ///
    /// For a view the warehouse reports the tables below it, wherever they are: the view's owner
    /// granted its readers access to them. If the query reads a view, the result is therefore none. The
    /// same holds for the heirs of a table, whose rows are rows of the table.
    pub fn outside_datasets<'r, 't>(
        &self,
        reads: &'r [Read],
        tables: impl IntoIterator<Item = &'t Table>,
    ) -> Option<&'r TableName> {
        let mut datasets = BTreeSet::new();
        let mut own_names = BTreeSet::new();
        let is_mine = |table: &&Table| self.tables.binary_search(&table.name).is_ok();
        for table in tables.into_iter().filter(is_mine) {
            if matches!(table.kind, TableKind::View | TableKind::MaterializedView) {
                return None;
            }
            datasets.insert((&table.parts.project, &table.parts.dataset));
            own_names.insert(table.own_name());
        }
        let is_inside = |name: &TableName| datasets.contains(&(&name.project, &name.dataset));
        let is_partition_inside = |read: &Read| read.partition.as_ref().is_some_and(is_inside);
        let is_seen = |read: &&Read| {
            is_inside(&read.table)
                || is_partition_inside(read)
                // Postgres looks up the bounds of a partition in its table.
                || (read.partition.is_none()
                    && reads
                        .iter()
                        .any(|it| it.table == read.table && is_partition_inside(it)))
                // A short name may be that of another table for the warehouse.
                || (read.is_beneath && !own_names.contains(read.table.table.as_str()))
        };
        let outside = reads.iter().find(|read| !is_seen(read));
        outside.map(|read| &read.table)
    }
}
