//! Privacy: erases people, exports their data, archives old months, and enforces retention.
//!
//! `POST /events/privacy` runs once per day. It creates partitions for the coming months, archives and
//! drops old months, deletes expired rows, resumes unfinished erasures and exports, and rotates keys ([`rotate`]).
//! `POST /v1/erasures` and `POST /v1/exports` start a job, and usually finish it within the request.
//!
//! This crate knows no table of another function. Each function that stores personal data implements
//! [`::personal::Owner`] in its module `personal`; [`owners`] lists the implementations. This crate calls
//! them in steps ([`job`]), and owns the archive.

pub mod archive;
mod download;
pub mod erase;
pub mod export;
mod failures;
pub mod job;
mod keys;
mod lease;
pub mod owners;
mod personal;
mod receipt;
mod retain;
pub mod rotate;
pub mod run;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use people::People;
use platform::postgres::Pool;
use platform::secrets::Rotating;
use platform::serve::{Class, rate_class, time_limit};
use platform::store::Store;
use platform::{All as _, Resources, Router, readiness, routes};

use keys::MasterKeys;

/// The maximum duration of a run. The next run continues with the rest.
pub const LONGEST_RUN: Duration = Duration::from_secs(14 * 60);
/// The time after which the trigger returns an error: a run, plus a minute for its last step.
pub const LONGEST_TRIGGER: Duration = Duration::from_secs(LONGEST_RUN.as_secs() + 60);

#[derive(Clone)]
pub struct Privacy {
    pool: Pool,
    store: Arc<dyn Store>,
    master: Rotating<MasterKeys>,
    /// How many days a month stays in the log after its end.
    archive_after_days: i64,
    /// How many days messages are kept; none if they are kept forever.
    retention_days: Option<i64>,
}

impl Privacy {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        let days = "a whole number of days from 1 to 36500";
        let archive_after_days = env.parse_as("ARCHIVE_AFTER_DAYS", 365, days, |days| {
            (1..=36_500).contains(days)
        });
        let days_or_none = format!("{days}, or to 0 to keep everything");
        let retention_days = env.parse_as("RETENTION_DAYS", 0, &days_or_none, |days| {
            (0..=36_500).contains(days)
        });
        let master = resources.rotating(|env| {
            let meaning = "64 hex digits, for example from `openssl rand -hex 32`";
            MasterKeys::parse(&env.required_secret("PRIVACY_KEY", meaning)?)
        });
        let (pool, store, master, archive_after_days, retention_days) = (
            resources.postgres(),
            resources.store(),
            master,
            archive_after_days,
            retention_days,
        )
            .all()?;
        Ok(Self {
            pool,
            store,
            master,
            archive_after_days,
            retention_days: Some(retention_days).filter(|days| *days > 0),
        })
    }

    /// A copy whose steps may use a connection for up to `limit` each.
    fn with_step_limit(&self, limit: Duration) -> Self {
        let pool = self.pool.within(limit);
        Self {
            pool,
            ..self.clone()
        }
    }

    /// The keys in use. One operation uses one value.
    fn master(&self) -> Arc<MasterKeys> {
        self.master.current()
    }

    /// A copy that uses another store, such as one that fails in a test.
    #[must_use]
    pub fn with_store(self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self }
    }
}

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let privacy = Privacy::open(resources)?;
    People::open(resources)?;
    let readiness = resources.readiness();
    let database = readiness::database(privacy.pool.clone(), migrations::FILES);
    readiness.check("database", database);
    let store = Arc::clone(&privacy.store);
    readiness.check("bucket", readiness::bucket(store, "exports/readiness"));
    let links = privacy.clone();
    resources
        .ingress()
        .accept_linked(download::ROUTE, move |address| {
            download::authenticate(&links, address)
        })?;
    let daily = Router::new()
        .routes(routes!(run::trigger))
        .layer(time_limit(LONGEST_TRIGGER));
    let administration = Router::new()
        .routes(routes!(erase::create))
        .routes(routes!(erase::read))
        .routes(routes!(export::create))
        .routes(routes!(export::read))
        .layer(rate_class(Class::Administration));
    Ok(administration
        .routes(routes!(download::download))
        .merge(daily)
        .with_state(privacy))
}
