//! Where a schema comes from. A source is one file here: it reads tables, and it plans a query.

pub mod bigquery;
pub mod folder;
pub mod postgres;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use platform::Resources;
use schema::document::{self, How, Problem, Table, Verified};
use schema::name::TableName;
use url::Url;

use bigquery::BigQuery;
use folder::Folder;
use postgres::Postgres;

/// The warehouse that `WAREHOUSE_URL` names.
pub fn open(resources: &Resources) -> anyhow::Result<Arc<dyn Source>> {
    let text = resources.env().required("WAREHOUSE_URL", FORMS)?;
    let url = Url::parse(text)
        .ok()
        .with_context(|| format!("WAREHOUSE_URL is no URL: set it to {FORMS}"))?;
    Ok(match url.scheme() {
        "bigquery" => Arc::new(BigQuery::open(resources)?),
        "file" => Arc::new(Folder::open(&url)?),
        "postgres" | "postgresql" => Arc::new(Postgres::open(text, resources.env())?),
        scheme => bail!("WAREHOUSE_URL has the unknown scheme {scheme:?}: set it to {FORMS}"),
    })
}

const FORMS: &str = "bigquery://project/dataset[,dataset], postgres://user:password@host/database \
                     or file:///folder";

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
    async fn read(&self, known: &[Table], run: &Run) -> Result<Reading, SourceError>;

    /// Has the warehouse plan a query without running it. Anything but one query that reads is
    /// rejected.
    async fn plan(&self, sql: &str, run: &Run) -> Result<Plan, SourceError>;
}

#[derive(Debug, Default)]
pub struct Reading {
    pub tables: Vec<Table>,
    /// What is there and could not be read: the sync keeps what it knows of it.
    pub unread: Vec<Unread>,
    /// What a person should know, of these among others.
    pub problems: Vec<Problem>,
    /// What helps against the first of the problems for which that is known.
    pub mend: Option<Mend>,
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
    pub fn unasked() -> Self {
        Self::Accepted(Planned {
            verified: Verified {
                how: How::Parsed,
                at: jiff::Timestamp::now(),
                bytes_processed: None,
                columns: Vec::new(),
            },
            reads: Vec::new(),
        })
    }
}

/// What a warehouse said no to: in its own words, with what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub detail: String,
    pub mend: Option<Mend>,
}

impl From<String> for Refusal {
    fn from(detail: String) -> Self {
        Self { detail, mend: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What helps, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// A role on a project of Google Cloud.
    Grant {
        role: &'static str,
        project: String,
    },
    /// `NAME=value`.
    Set(&'static str),
    Run(String),
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Access is refused; the text says what to grant.
    #[error("{0}")]
    Denied(Refusal),
    /// The call is refused for another reason, which the text tells.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no such project, dataset, database or folder.
    #[error("{0}")]
    NotFound(String),
    /// Down, slow or over its limit; the same call may succeed later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        source: anyhow::Error,
    },
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl SourceError {
    /// What helps, where that is known.
    pub fn mend(&self) -> Option<&Mend> {
        match self {
            Self::Denied(refusal) | Self::Refused(refusal) => refusal.mend.as_ref(),
            Self::NotFound(_) | Self::Unavailable { .. } | Self::Other(_) => None,
        }
    }

    /// With what else went wrong.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        match &mut self {
            Self::Denied(Refusal { detail, .. })
            | Self::Refused(Refusal { detail, .. })
            | Self::NotFound(detail)
            | Self::Unavailable { detail, .. } => detail.push_str(more),
            Self::Other(_) => {}
        }
        self
    }
}

/// One run of a sync, as those who work for it see it: where costs are counted and progress is told.
#[derive(Clone, Default)]
pub struct Run(Arc<RunState>);

#[derive(Default)]
struct RunState {
    requests: AtomicU64,
    bytes_billed: AtomicU64,
    progress: Option<Box<dyn Fn(Progress) + Send + Sync>>,
}

/// What a person who waits is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Listing {
        datasets_done: usize,
        datasets: usize,
    },
    Reading {
        tables_done: usize,
        tables: usize,
    },
    Describing {
        batches_done: usize,
        batches: usize,
    },
    Verifying {
        examples_done: usize,
        examples: usize,
    },
    Storing,
}

impl Run {
    pub fn with_progress(progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(RunState {
            progress: Some(Box::new(progress)),
            ..RunState::default()
        }))
    }

    pub fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_bytes_billed(&self, bytes: u64) {
        self.0.bytes_billed.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    pub fn bytes_billed(&self) -> u64 {
        self.0.bytes_billed.load(Ordering::Relaxed)
    }

    pub fn tell(&self, progress: Progress) {
        if let Some(tell) = &self.0.progress {
            tell(progress);
        }
    }
}
