//! A Postgres database as a warehouse: `postgres://user:password@host/database?schemas=a,b`.
//!
//! The catalog is read by five queries in one snapshot, however many tables there are. What the
//! role may not read is left out and told; without `schemas`, every schema counts that the role may
//! use or of which tables are known. A partitioned table stands for its partitions, and tables of extensions are left out.

mod catalog;
mod columns;
mod plan;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use platform::Env;
use platform::excerpt::excerpt;
use platform::postgres::{self, Pool, PoolError, describe, is_unavailable, take_parameter};
use schema::Dialect;
use schema::document::{self, SourceKind, Table};

use crate::error::{Refusal, Remedy, SourceError};
use crate::observer::{Observer, Progress};
use crate::source::{Plan, Reading, Source};

/// What one query of the catalog may take is bounded as well.
const LONGEST_READING: Duration = Duration::from_secs(5 * 60);
/// Somebody may wait for the answer.
const LONGEST_PLAN: Duration = Duration::from_secs(9);

pub struct Postgres {
    pool: Pool,
    /// As the URL names them; none for all.
    schemas: Option<Vec<String>>,
    /// `database.schema`, as the last reading found them.
    datasets: Mutex<Vec<String>>,
}

impl Postgres {
    /// From a URL as in `WAREHOUSE_URL`, which errors name. TLS is as [`postgres::open`] has it,
    /// with the CA bundle of `DATABASE_CA`. Connects at the first reading.
    pub fn open(url: &str, env: &Env) -> anyhow::Result<Self> {
        let (url, schemas) = take_parameter(url, "schemas");
        let schemas = schemas.map(|names| {
            let names = names.split(',').map(str::trim);
            let names = names.filter(|name| !name.is_empty());
            names.map(str::to_owned).collect::<Vec<_>>()
        });
        anyhow::ensure!(
            schemas.as_ref().is_none_or(|names| !names.is_empty()),
            "WAREHOUSE_URL has an empty `schemas`: name some, or leave it out to read all"
        );
        Ok(Self {
            pool: postgres::open_url("WAREHOUSE_URL", &url, env)?.within(LONGEST_PLAN),
            schemas,
            datasets: Mutex::default(),
        })
    }
}

#[async_trait]
impl Source for Postgres {
    fn describe(&self) -> document::Source {
        let datasets = self.datasets.lock();
        document::Source {
            kind: SourceKind::Postgres,
            dialect: Dialect::Postgres,
            datasets: datasets.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    async fn read(&self, known: &[Table], observer: &dyn Observer) -> Result<Reading, SourceError> {
        observer.progress(Progress::Listing {
            datasets_done: 0,
            datasets: self.schemas.as_ref().map_or(1, Vec::len),
        });
        let pool = self.pool.within(LONGEST_READING);
        let reading = catalog::read(&pool, self.schemas.as_deref(), known, observer).await?;
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
        let told = describe(&error);
        let code = error.code().map_or("", |state| state.code());
        if is_unavailable(&error) {
            Self::Unavailable {
                detail: format!(
                    "the Postgres warehouse is not available ({}): try again later",
                    excerpt(&told)
                ),
                source: anyhow!(told),
            }
        } else if code.starts_with("28") {
            Self::Denied(Refusal {
                detail: format!(
                    "{}: check the user and the password in WAREHOUSE_URL",
                    excerpt(&told)
                ),
                remedy: Some(Remedy::Run(
                    "psql \"$WAREHOUSE_URL\" -c 'select 1'".to_owned(),
                )),
            })
        } else if code == "42501" {
            let detail = format!("{}: grant it to the user of WAREHOUSE_URL", excerpt(&told));
            Self::Denied(detail.into())
        } else if code == "3D000" {
            Self::NotFound(format!(
                "{}: check the database in WAREHOUSE_URL",
                excerpt(&told)
            ))
        } else {
            Self::Refused(format!("Postgres refuses it ({})", excerpt(&told)).into())
        }
    }
}

impl From<PoolError> for SourceError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) => Self::Unavailable {
                detail: format!(
                    "the Postgres warehouse gives no connection ({error}): try again later"
                ),
                source: anyhow!("{error}"),
            },
            other => Self::Other(anyhow!("postgres: {other}")),
        }
    }
}
