//! A Postgres database as a warehouse: `postgres://user:password@host/database?schemas=a,b`.
//!
//! A fixed number of queries in one snapshot reads the catalog, however many tables there are. What the
//! role may not read is omitted and reported: no key, partition, type, expression or comment names it.
//! Without `schemas`, all schemas are read that the role may use or that have known tables. Partitions
//! are part of their partitioned table, and tables of extensions are omitted.

mod catalog;
mod columns;
mod definitions;
mod extensions;
mod hiding;
mod links;
mod locks;
mod omission;
mod plan;
mod rejection;
mod relation;
mod text;
mod types;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use platform::excerpt::excerpt;
use platform::postgres::{
    self, ConnectError, Pool, PoolError, describe, is_unavailable, take_parameter,
};
use platform::{Env, Resources};
use schema::Dialect;
use schema::document::{self, Extension, SourceKind, Table};

use crate::error::{Refusal, Remedy, SourceError};
use crate::observer::{Observer, Progress};
use crate::source::{Plan, Reading, Source};

/// The time limit of a reading. Each catalog query has a limit of its own.
const MAX_READING_TIME: Duration = Duration::from_secs(5 * 60);
/// The time limit of a probe, less than that of a readiness check, so that the log has the reason.
const MAX_PROBE_TIME: Duration = Duration::from_secs(2);
/// The time limit of a plan: a user may be waiting.
const MAX_PLAN_TIME: Duration = Duration::from_secs(9);

const VARIABLE: &str = "WAREHOUSE_URL";

pub struct Postgres {
    pool: Pool,
    /// The schemas in the URL; none for all.
    schemas: Option<Vec<String>>,
    /// The datasets of the last reading, `database.schema`.
    datasets: Mutex<Vec<String>>,
    /// The extensions at the last reading.
    extensions: Mutex<Option<Vec<Extension>>>,
}

impl Postgres {
    /// Opens a URL like that of `WAREHOUSE_URL`, which errors name. TLS works as in
    /// [`postgres::open`], with the CA bundle of `DATABASE_CA`. Connects at the first reading.
    pub fn open(url: &str, env: &Env) -> anyhow::Result<Self> {
        let (url, schemas) = split(url)?;
        Ok(Self::new(
            &postgres::open_url(VARIABLE, &url, env)?,
            schemas,
        ))
    }

    /// Opens `WAREHOUSE_URL`. If its secret changes, new connections use the new one.
    pub(crate) fn of(resources: &Resources) -> anyhow::Result<Self> {
        let url = |env: &Env| split(env.get(VARIABLE).unwrap_or_default());
        let (_, schemas) = url(resources.env())?;
        let target =
            resources.rotating(move |env| postgres::target(VARIABLE, &url(env)?.0, env))?;
        let pool = postgres::open_target(target, resources.env())?;
        Ok(Self::new(&pool, schemas))
    }

    fn new(pool: &Pool, schemas: Option<Vec<String>>) -> Self {
        Self {
            pool: pool.within(MAX_PLAN_TIME),
            schemas,
            datasets: Mutex::default(),
            extensions: Mutex::default(),
        }
    }
}

/// The URL of the database, and the schemas in its parameter `schemas`.
fn split(url: &str) -> anyhow::Result<(String, Option<Vec<String>>)> {
    let (url, schemas) = take_parameter(url, "schemas");
    let schemas = schemas.map(|names| {
        let names = names.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        names.map(str::to_owned).collect::<Vec<_>>()
    });
    anyhow::ensure!(
        schemas.as_ref().is_none_or(|names| !names.is_empty()),
        "WAREHOUSE_URL has an empty `schemas`: name schemas, or omit it to read all"
    );
    Ok((url, schemas))
}

#[async_trait]
impl Source for Postgres {
    fn describe(&self) -> document::Source {
        let datasets = self.datasets.lock();
        let extensions = self.extensions.lock();
        document::Source {
            kind: SourceKind::Postgres,
            dialect: Dialect::Postgres,
            datasets: datasets.unwrap_or_else(PoisonError::into_inner).clone(),
            extensions: extensions.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    async fn probe(&self) -> Result<(), SourceError> {
        let client = self.pool.within(MAX_PROBE_TIME).get().await?;
        Ok(client.batch_execute("select 1").await?)
    }

    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError> {
        observer.progress(Progress::Listing {
            datasets_done: 0,
            datasets: self.schemas.as_ref().map_or(1, Vec::len),
        });
        let pool = self.pool.within(MAX_READING_TIME);
        let (reading, extensions) =
            catalog::read(&pool, self.schemas.as_deref(), known, observer).await?;
        if let Some(extensions) = extensions {
            let known = self.extensions.lock();
            *known.unwrap_or_else(PoisonError::into_inner) = Some(extensions);
        }
        observer.progress(Progress::Reading {
            tables_done: reading.tables.len(),
            tables: reading.tables.len(),
        });
        let datasets = reading
            .tables
            .iter()
            .map(|table| table.dataset().to_owned());
        let mut datasets: Vec<String> = datasets.collect();
        datasets.dedup();
        *self.datasets.lock().unwrap_or_else(PoisonError::into_inner) = datasets;
        Ok(reading)
    }

    async fn plan(&self, sql: &str, observer: &dyn Observer) -> Result<Plan, SourceError> {
        plan::plan(&self.pool, sql, observer).await
    }
}

impl From<tokio_postgres::Error> for SourceError {
    fn from(error: tokio_postgres::Error) -> Self {
        let message = describe(&error);
        let code = error.code().map_or("", |state| state.code());
        if is_unavailable(&error) {
            Self::Unavailable {
                detail: format!(
                    "the Postgres warehouse is not available ({}): try again later",
                    excerpt(&message)
                ),
                source: anyhow!(message),
            }
        } else if code.starts_with("28") {
            Self::Denied(Refusal {
                detail: format!(
                    "{}: check the user and the password in WAREHOUSE_URL",
                    excerpt(&message)
                ),
                remedy: Some(Remedy::Run(
                    "psql \"$WAREHOUSE_URL\" -c 'select 1'".to_owned(),
                )),
            })
        } else if code == "42501" {
            let detail = format!(
                "{}: grant the permission to the user of WAREHOUSE_URL",
                excerpt(&message)
            );
            Self::Denied(detail.into())
        } else if code == "3D000" {
            Self::NotFound(format!(
                "{}: check the database in WAREHOUSE_URL",
                excerpt(&message)
            ))
        } else {
            Self::Refused(format!("Postgres refused the request ({})", excerpt(&message)).into())
        }
    }
}

impl From<PoolError> for SourceError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => connecting(error),
            PoolError::Timeout(_) => Self::Unavailable {
                detail: format!(
                    "the Postgres warehouse accepts no connection ({error}): try again later"
                ),
                source: anyhow!("{error}"),
            },
            other => Self::Other(anyhow!("postgres: {other}")),
        }
    }
}

/// The error of connecting, with the host and the port.
fn connecting(error: ConnectError) -> SourceError {
    let ConnectError { address, source } = error;
    match SourceError::from(source) {
        SourceError::Unavailable { detail, source } => SourceError::Unavailable {
            detail: format!("no connection to {address}: {detail}"),
            source,
        },
        other => other,
    }
}
