//! What a warehouse reads for a query, as it reports it.

use crate::name::TableName;

/// A table that a warehouse reads for a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The table; for a partition, its partitioned table.
    pub table: TableName,
    /// The partition itself (Postgres).
    pub partition: Option<TableName>,
    /// Whether another table of the query leads to it: a view that reads it, or the table whose partition or
    /// heir it is (Postgres).
    pub is_beneath: bool,
}

impl From<TableName> for Read {
    /// A table that the query itself reads.
    fn from(table: TableName) -> Self {
        Self {
            table,
            partition: None,
            is_beneath: false,
        }
    }
}
