//! The kinds of warehouses. A kind is one file or folder here, which implements [`Source`], and one
//! match arm in [`open`](crate::open).

pub mod bigquery;
pub mod folder;
pub mod postgres;

use async_trait::async_trait;
use jiff::Timestamp;
use schema::document::{self, How, Problem, Table, Verified};
use schema::name::TableName;

use crate::error::{Remedy, SourceError};
use crate::observer::Observer;

/// A warehouse that can be read.
#[async_trait]
pub trait Source: Send + Sync {
    /// What the document says of its source.
    fn describe(&self) -> document::Source;

    /// Reads every table there is.
    ///
    /// `known` is what the last sync read (warehouse facts only, no descriptions that an LLM
    /// wrote); a table that has not changed since is taken from there rather than read again.
    /// What can't be read is a problem of the reading, unless nothing could be read at all.
    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError>;

    /// Has the warehouse plan a query without running it. Anything but one query that reads is
    /// rejected.
    async fn plan(&self, sql: &str, observer: &dyn Observer) -> Result<Plan, SourceError>;
}

#[derive(Debug, Default)]
pub struct Reading {
    pub tables: Vec<Table>,
    /// What is there and could not be read: the sync keeps what it knows of it.
    pub unread: Vec<Unread>,
    /// What a person should know, of these among others.
    pub problems: Vec<Problem>,
    /// What helps against the first of the problems for which that is known.
    pub remedy: Option<Remedy>,
}

/// What a reading could not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// As scopes name it.
    Dataset(String),
    /// By its [`Table::name`].
    Table(String),
}

impl Unread {
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
    /// The tables that the warehouse reads for it, as far as it tells them: of a view, those below
    /// it. None where no warehouse was asked.
    pub reads: Vec<TableName>,
}

#[derive(Debug)]
pub enum Plan {
    Accepted(Planned),
    /// The warehouse's own words on what is wrong with the query.
    Rejected(String),
}

impl Plan {
    /// Of a query that only the schema was asked about.
    pub fn unplanned() -> Self {
        Self::Accepted(Planned {
            verified: Verified {
                how: How::Parsed,
                at: Timestamp::now(),
                bytes_processed: None,
                columns: Vec::new(),
            },
            reads: Vec::new(),
        })
    }
}
