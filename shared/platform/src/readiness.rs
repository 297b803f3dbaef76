//! Readiness: whether a function can do its work, and what it lacks. `GET /readyz` reports it.
//!
//! An app registers a check for each thing that it needs:
//!
//! ```no_run
//! # fn app(resources: &platform::Resources) -> anyhow::Result<()> {
//! use platform::readiness;
//!
//! let bucket = readiness::bucket(resources.store()?, "schema/metadata_cache.json");
//! resources.readiness().check("bucket", bucket);
//! # Ok(())
//! # }
//! ```
//!
//! Nobody is authenticated on that route. A report therefore consists of the program's texts and the names of
//! variables, and all checks run at most once in `MAX_AGE`, however many requests arrive.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, join_all};
use serde::Serialize;
use tokio::time::timeout;

use crate::clock::{Clock, Moment};
use crate::postgres::{self, Pool};
use crate::store::{Store, StoreError};

/// The age up to which a report is served again.
const MAX_AGE: Duration = Duration::from_secs(5);
/// The time limit of a check.
const MAX_TIME: Duration = Duration::from_secs(3);

/// The result of a check.
#[derive(Debug)]
pub enum Finding {
    /// It is there.
    Ready,
    /// It is optional and not configured. The text says what the function does without it.
    Off(Cow<'static, str>),
    /// The function can't work without it. Only the log has the cause.
    Lacking {
        /// What is wrong, and what to do.
        detail: &'static str,
        cause: Option<anyhow::Error>,
    },
}

impl Finding {
    pub fn off(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Off(detail.into())
    }

    pub fn lacking(detail: &'static str) -> Self {
        let cause = None;
        Self::Lacking { detail, cause }
    }

    pub fn lacking_because(detail: &'static str, cause: impl Into<anyhow::Error>) -> Self {
        let cause = Some(cause.into());
        Self::Lacking { detail, cause }
    }
}

/// What a function lacks.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub status: Status,
    pub checks: Vec<CheckReport>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    pub name: &'static str,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// Optional, and not configured.
    Off,
    Unavailable,
}

impl Report {
    /// The report without the checks of these names.
    ///
    /// # Errors
    /// The first name that no check has.
    pub fn without<'a>(mut self, names: &[&'a str]) -> Result<Self, &'a str> {
        for name in names {
            let count = self.checks.len();
            self.checks.retain(|check| check.name != *name);
            if self.checks.len() == count {
                return Err(name);
            }
        }
        self.status = overall(&self.checks);
        Ok(self)
    }
}

fn overall(checks: &[CheckReport]) -> Status {
    let fails = |check: &CheckReport| check.status == Status::Unavailable;
    if checks.iter().any(fails) {
        Status::Unavailable
    } else {
        Status::Ok
    }
}

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Finding> + Send>> + Send + Sync>;
type Running = Shared<BoxFuture<'static, Arc<Report>>>;

/// The checks of a process. Clones share them.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Default)]
struct Inner {
    checks: Mutex<BTreeMap<&'static str, Check>>,
    /// The newest report, which may not be complete yet, and when it was begun.
    newest: Mutex<Option<(Moment, Running)>>,
    /// The checks that failed last, so that a lasting failure is logged once.
    failing: Mutex<BTreeSet<&'static str>>,
}

impl Readiness {
    /// Adds a check. If several functions of a process need the same thing, it is checked once.
    pub fn check<F>(&self, name: &'static str, run: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Finding> + Send + 'static,
    {
        let run: Check = Arc::new(move || Box::pin(run()));
        locked(&self.0.checks).entry(name).or_insert(run);
    }

    /// The report, at most `MAX_AGE` old. A caller who leaves doesn't end the checks, so that connecting
    /// again starts no others.
    pub async fn report(&self, clock: &Clock) -> Report {
        let running = {
            let mut newest = locked(&self.0.newest);
            match &*newest {
                Some((begun, running)) if clock.since(*begun) < MAX_AGE => running.clone(),
                _ => {
                    let running = self.begin();
                    *newest = Some((clock.now(), running.clone()));
                    running
                }
            }
        };
        Report::clone(&*running.await)
    }

    fn begin(&self) -> Running {
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.run().await });
        let report = async {
            // It fails only if the runtime stops.
            let stopped = |_| Report {
                status: Status::Unavailable,
                checks: vec![CheckReport {
                    name: "process",
                    status: Status::Unavailable,
                    detail: Some("the process stops".into()),
                }],
            };
            Arc::new(task.await.unwrap_or_else(stopped))
        };
        report.boxed().shared()
    }
}

impl Inner {
    async fn run(&self) -> Report {
        let checks = locked(&self.checks).clone();
        let results = checks.into_iter().map(async |(name, check)| {
            let check = AssertUnwindSafe(async { check().await }).catch_unwind();
            let finding = match timeout(MAX_TIME, check).await {
                Ok(Ok(finding)) => finding,
                // The panic hook has logged the panic.
                Ok(Err(_)) => Finding::lacking("the check failed: the log has the reason"),
                Err(_) => Finding::lacking("did not respond in time: try again later"),
            };
            self.reported(name, finding)
        });
        let checks = join_all(results).await;
        Report {
            status: overall(&checks),
            checks,
        }
    }

    fn reported(&self, name: &'static str, finding: Finding) -> CheckReport {
        let (status, detail) = match &finding {
            Finding::Ready => (Status::Ok, None),
            Finding::Off(detail) => (Status::Off, Some(detail.clone())),
            Finding::Lacking { detail, .. } => (Status::Unavailable, Some(Cow::Borrowed(*detail))),
        };
        let mut failing = locked(&self.failing);
        if let Finding::Lacking { detail, cause } = finding {
            if failing.insert(name) {
                let cause = cause.map(|cause| format!("{cause:#}"));
                tracing::warn!(check = name, cause, "not ready: {name}: {detail}");
            }
        } else if failing.remove(name) {
            tracing::info!(check = name, "ready again: {name}");
        }
        CheckReport {
            name,
            status,
            detail,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks that the database can be reached and has these migrations.
pub fn database(
    pool: Pool,
    files: &'static [(&'static str, &'static str)],
) -> impl Fn() -> BoxFuture<'static, Finding> + Send + Sync {
    move || {
        let pool = pool.within(MAX_TIME);
        async move {
            match postgres::pending(&pool, files).await {
                Ok(pending) if pending.is_empty() => Finding::Ready,
                Ok(_) => Finding::lacking("migrations are missing: run `metasync migrate`"),
                Err(error) => Finding::lacking_because(
                    "the database can't be used: the log has the reason",
                    error,
                ),
            }
        }
        .boxed()
    }
}

/// Checks that the bucket can be read, with an object that the function may read. The object need not exist.
pub fn bucket(
    store: Arc<dyn Store>,
    key: &'static str,
) -> impl Fn() -> BoxFuture<'static, Finding> + Send + Sync {
    move || {
        let store = Arc::clone(&store);
        async move {
            match store.get_range(key, 0..1).await {
                Ok(_) | Err(StoreError::NotFound(_)) => Finding::Ready,
                Err(error @ StoreError::Denied { .. }) => Finding::lacking_because(
                    "the bucket denies access: grant the function the rights of the catalogue",
                    error,
                ),
                Err(error) => Finding::lacking_because(
                    "the bucket can't be read: the log has the reason",
                    error,
                ),
            }
        }
        .boxed()
    }
}
