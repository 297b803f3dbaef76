#![doc = include_str!("../README.md")]

mod subject;

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

pub use subject::{Identity, Person, Purpose, Subject};

/// The number of rows per table.
pub type Counts = BTreeMap<String, u64>;

/// A table and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// With its schema: `conversation.log`.
    pub name: &'static str,
    pub content: Content,
}

/// What a table holds.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    /// Personal data. The columns identify the person or the robeing that a row is about.
    Personal(&'static [&'static str]),
    /// No personal data, for this reason.
    Free(&'static str),
}

impl Table {
    pub const fn personal(name: &'static str, columns: &'static [&'static str]) -> Self {
        let content = Content::Personal(columns);
        Self { name, content }
    }

    pub const fn free(name: &'static str, reason: &'static str) -> Self {
        let content = Content::Free(reason);
        Self { name, content }
    }

    /// The columns that identify whom a row is about.
    pub fn columns(&self) -> &'static [&'static str] {
        match self.content {
            Content::Personal(columns) => columns,
            Content::Free(_) => &[],
        }
    }
}

/// The outcome of one step.
#[derive(Debug)]
pub struct Step<T> {
    pub done: T,
    /// The cursor at which the next step starts; none if this step was the last.
    pub next: Option<Uuid>,
}

impl<T> Step<T> {
    /// The only step, or the last one.
    pub fn last(done: T) -> Self {
        Self { done, next: None }
    }
}

/// Whose rows expire.
#[derive(Clone, Copy, Debug)]
pub enum Robeings<'a> {
    Only(&'a str),
    /// Every robeing without a retention of its own.
    Except(&'a [String]),
}

impl<'a> Robeings<'a> {
    /// As two values of a statement: the only robeing, and those that are excluded.
    pub fn values(self) -> (Option<&'a str>, &'a [String]) {
        match self {
            Self::Only(robeing_id) => (Some(robeing_id), &[]),
            Self::Except(others) => (None, others),
        }
    }
}

/// Whoever stores personal data.
///
/// Each transaction has the scope of the request ([`Subject::scope`]); for what expires it is every
/// robeing. A method may run again after its transaction was rolled back, or after it has done its work.
#[async_trait]
pub trait Owner: Send + Sync {
    /// The name of the function, under which the progress of a request is recorded.
    fn name(&self) -> &'static str;

    /// Every table of the owner.
    fn tables(&self) -> &'static [Table];

    /// The number of rows per table that hold something about the subject. Tables without any are
    /// absent. An erasure is done only once this is empty for every owner.
    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error>;

    /// The number of copies per table that were derived from a row that is erased and are still there.
    /// An erasure gets no receipt while there are any.
    async fn orphaned_copies(
        &self,
        _db: &Transaction<'_>,
        _subject: &Subject,
    ) -> Result<Counts, Error> {
        Ok(Counts::new())
    }

    /// What an erasure by a caller with this scope leaves, since it belongs to no robeing.
    fn beyond_scope(&self, _subject: &Subject) -> &'static [&'static str] {
        &[]
    }

    /// Erases the next rows after the cursor, with everything that is derived from them, and returns how
    /// many rows of which table lost something.
    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Counts>, Error>;

    /// Exports the next rows after the cursor: one line of JSON per row, which names its `table`.
    async fn export(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Vec<String>>, Error>;

    /// For how many days each robeing remembers for which that was set.
    async fn retention_days(&self, _db: &Transaction<'_>) -> Result<BTreeMap<String, i64>, Error> {
        Ok(BTreeMap::new())
    }

    /// Deletes the next rows of the robeings that are older than `before`, with everything that is
    /// derived from them, and returns how many rows of which table went.
    async fn expire(
        &self,
        _db: &Transaction<'_>,
        _robeings: Robeings<'_>,
        _before: Timestamp,
        _after: Uuid,
    ) -> Result<Step<Counts>, Error> {
        Ok(Step::last(Counts::new()))
    }

    /// Deletes some of the rows that are kept for a fixed time which is over, whatever the retention. It
    /// is called until it returns nothing.
    async fn expire_by_age(&self, _db: &Transaction<'_>, _now: Timestamp) -> Result<Counts, Error> {
        Ok(Counts::new())
    }

    /// Whether everything that the owner derives from rows of transactions up to `xid` is there, so that
    /// a month with these rows may leave the database.
    async fn has_derived(&self, _db: &Transaction<'_>, _xid: &str) -> Result<bool, Error> {
        Ok(true)
    }
}

/// Adds the counts of one step to those of the steps before it. Tables without rows stay absent.
pub fn add(total: &mut Counts, counts: Counts) {
    for (table, rows) in counts.into_iter().filter(|(_, rows)| *rows > 0) {
        *total.entry(table).or_default() += rows;
    }
}

/// Adds rows of one table. Without rows the table stays absent.
pub fn count(total: &mut Counts, table: &str, rows: u64) {
    if rows > 0 {
        *total.entry(table.to_owned()).or_default() += rows;
    }
}
