//! What a call was about.

use std::fmt;

use super::settings::Dataset;

/// The subject of a call, for its error text.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    Dataset(&'a Dataset),
    /// A table or shard of the dataset.
    Table(&'a Dataset, &'a str),
    /// The `INFORMATION_SCHEMA` query of a dataset.
    Query(&'a Dataset),
    /// Queries and dry runs, by the project that pays.
    Jobs(&'a str),
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(dataset) => write!(formatter, "dataset {dataset}"),
            Self::Table(dataset, table) => {
                write!(formatter, "table {}", dataset.table(table))
            }
            Self::Query(dataset) => write!(formatter, "the query of dataset {dataset}"),
            Self::Jobs(project) => write!(formatter, "queries in project {project}"),
        }
    }
}
