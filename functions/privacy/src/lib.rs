//! Privacy: erases people, exports what is held about them, archives old months, and enforces retention.
//!
//! `POST /events/privacy` runs once a day: it creates partitions for the coming months, archives and drops
//! old ones, deletes what has expired, and resumes erasures and exports that took longer than their
//! request. `POST /v1/erasures` and `POST /v1/exports` start one, and mostly finish it.
//!
//! This crate knows no table of another function. Each function that stores personal data implements
//! [`::personal::Owner`] in its module `personal`; [`owners`] lists them. This crate drives them
//! ([`drive`]), and owns the archive.

pub mod archive;
mod download;
pub mod drive;
pub mod erase;
pub mod export;
mod keys;
mod lease;
pub mod owners;
mod personal;
pub mod receipt;
mod retain;
pub mod run;
mod subject;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use platform::postgres::Pool;
use platform::serve::may_take;
use platform::store::Store;
use platform::{Resources, Router, routes};

use keys::Master;

/// Of one run; what is left is done by the next.
pub const LONGEST_RUN: Duration = Duration::from_secs(14 * 60);
/// The time after which the trigger returns an error: a run, and a minute for its last step.
pub const LONGEST_TRIGGER: Duration = Duration::from_secs(LONGEST_RUN.as_secs() + 60);

#[derive(Clone)]
pub struct Privacy {
    pool: Pool,
    store: Arc<dyn Store>,
    master: Arc<Master>,
    /// How long a month is in the log after it ended, in days.
    archive_after_days: i64,
    /// How long anything is kept at all, in days.
    retention_days: Option<i64>,
}

impl Privacy {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        let archive_after_days: i64 = env.parse("ARCHIVE_AFTER_DAYS", 365)?;
        ensure!(
            (1..=36_500).contains(&archive_after_days),
            "ARCHIVE_AFTER_DAYS is {archive_after_days}: set it to 1 to 36500"
        );
        let retention_days: i64 = env.parse("RETENTION_DAYS", 0)?;
        ensure!(
            (0..=36_500).contains(&retention_days),
            "RETENTION_DAYS is {retention_days}: set it to 1 to 36500, or to 0 to keep everything"
        );
        let master = env.secret("PRIVACY_KEY").context(
            "PRIVACY_KEY is not set: set it to 64 hex digits, as of `openssl rand -hex 32`",
        )?;
        Ok(Self {
            pool: resources.postgres()?,
            store: resources.store()?,
            master: Arc::new(Master::parse(&master)?),
            archive_after_days,
            retention_days: Some(retention_days).filter(|days| *days > 0),
        })
    }

    /// The same for work that nobody waits for: it may use a connection for so long at a time.
    fn unhurried(&self, longest: Duration) -> Self {
        let pool = self.pool.within(longest);
        Self {
            pool,
            ..self.clone()
        }
    }

    /// The same on another store: for a test that has one which fails.
    #[must_use]
    pub fn with_store(self, store: Arc<dyn Store>) -> Self {
        Self { store, ..self }
    }
}

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let privacy = Privacy::open(resources)?;
    let links = privacy.clone();
    resources
        .front()
        .take_linked(download::ROUTE, move |address| {
            download::prove(&links, address)
        })?;
    let daily = Router::new()
        .routes(routes!(run::trigger))
        .layer(may_take(LONGEST_TRIGGER));
    Ok(Router::new()
        .routes(routes!(erase::ask))
        .routes(routes!(erase::read))
        .routes(routes!(export::ask))
        .routes(routes!(export::read))
        .routes(routes!(download::download))
        .merge(daily)
        .with_state(privacy))
}
