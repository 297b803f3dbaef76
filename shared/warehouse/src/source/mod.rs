//! The kinds of warehouses. A kind is one file or folder here, which implements [`Source`], and one
//! match arm in [`open`](crate::open).

pub mod bigquery;
pub mod folder;
pub mod postgres;
mod rejection;

use async_trait::async_trait;
use jiff::Timestamp;
use schema::document::{self, How, Problem, Table, Verified};
use schema::read::Read;

use crate::error::{Remedy, SourceError};
use crate::observer::Observer;

pub use rejection::{Place, Rejection};

/// A warehouse.
#[async_trait]
pub trait Source: Send + Sync {
    /// The source entry of the document.
    fn describe(&self) -> document::Source;

    /// Checks that the warehouse can be reached and lets this process in. It is cheap enough for a probe.
    async fn probe(&self) -> Result<(), SourceError>;

    /// Reads all tables.
    ///
    /// `known` holds the tables of the last sync, without descriptions of an LLM. A table that has not
    /// changed since is taken from there instead of read again. What can't be read becomes a problem
    /// of the reading; the call fails only if nothing could be read.
    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError>;

    /// Has the warehouse plan a query without running it. Anything but a single query that only reads
    /// is rejected.
    async fn plan(&self, sql: &str, observer: &dyn Observer) -> Result<Plan, SourceError>;
}

/// The tables of a warehouse, and what could not be read.
#[derive(Debug, Default)]
pub struct Reading {
    pub tables: Vec<Table>,
    /// What exists and could not be read. The sync keeps what it knows of it.
    pub unread: Vec<Unread>,
    /// What an operator should know, including what is unread.
    pub problems: Vec<Problem>,
    /// The remedy of the first problem that has one.
    pub remedy: Option<Remedy>,
}

/// A dataset or table that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The dataset, as scopes name it.
    Dataset(String),
    /// The table, by [`Table::name`].
    Table(String),
}

impl Unread {
    /// Whether the table is affected.
    pub fn is_of(&self, table: &Table) -> bool {
        match self {
            Self::Dataset(id) => id == table.dataset() && !table.parts.is_unknown(),
            Self::Table(name) => *name == table.name,
        }
    }
}

/// A query that the warehouse has planned.
#[derive(Debug)]
pub struct Planned {
    pub verified: Verified,
    /// The tables that the warehouse reads, if it reports them: for a view, those below it. Empty if
    /// no warehouse planned the query.
    pub reads: Vec<Read>,
    /// Whether it calls functions of users, as far as the warehouse reports them (BigQuery).
    pub calls_routines: bool,
}

/// The outcome of planning a query.
#[derive(Debug)]
pub enum Plan {
    Accepted(Planned),
    /// What is wrong with the query.
    Rejected(Rejection),
}

impl Plan {
    /// The rejection of a query with a message that names nothing.
    pub(crate) fn rejected(message: &str) -> Self {
        Self::Rejected(Rejection::without_names(message))
    }

    /// The plan of a query that was checked only against the schema.
    pub fn unplanned() -> Self {
        Self::Accepted(Planned {
            verified: Verified {
                how: How::Parsed,
                at: Timestamp::now(),
                bytes_processed: None,
                columns: Vec::new(),
            },
            reads: Vec::new(),
            calls_routines: false,
        })
    }
}
