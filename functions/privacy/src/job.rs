//! Runs the steps of an erasure or an export: within its request, and in later runs of the trigger.

use std::time::Instant;

use async_trait::async_trait;
use personal::Owner;
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::telemetry::{Metrics, Unit};
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::failures::Failures;
use crate::lease::Lease;
use crate::{Privacy, owners};

/// An erasure or export, which takes several steps. A step records its progress in its own transaction,
/// so the job resumes there if its process is killed.
#[async_trait]
pub trait Job {
    /// The name in log messages and in the name of the lease.
    const NAME: &'static str;
    /// Whether a step takes several transactions, so that only the holder of a lease may run it.
    const NEEDS_LEASE: bool;
    /// The metric that counts finished jobs.
    const DONE: &'static str;
    /// The metric for the duration of a finished job.
    const DURATION: &'static str;
    /// Selects the ids of unfinished jobs, oldest first.
    const UNFINISHED: &'static str;

    async fn step(
        &mut self,
        privacy: &Privacy,
        id: Uuid,
        until: Instant,
        metrics: &Metrics,
    ) -> Result<Outcome>;
}

/// The outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    More,
    Done,
    /// Another process runs or has finished the job, or the next trigger resumes it.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Running,
    Done,
}

/// Runs a job until it is done or until `until`. Returns whether this call finished it.
pub async fn run<J: Job + Default + Send>(
    privacy: &Privacy,
    id: Uuid,
    until: Instant,
) -> Result<bool> {
    let lease = match J::NEEDS_LEASE {
        false => None,
        true => match Lease::acquire(&privacy.pool, &format!("{} {id}", J::NAME)).await? {
            None => return Ok(false),
            lease => lease,
        },
    };
    let started = Instant::now();
    let metrics = Metrics::default();
    let result = run_steps::<J>(privacy, id, until, lease.as_ref(), &metrics).await;
    if let Some(lease) = lease {
        // Released after an error as well, so that a retry doesn't have to wait for its expiry.
        lease.release().await?;
    }
    let is_done = result?;
    if is_done {
        let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
        metrics.count(J::DONE);
        metrics.add(J::DURATION, Unit::Milliseconds, duration_ms);
    }
    Ok(is_done)
}

async fn run_steps<J: Job + Default + Send>(
    privacy: &Privacy,
    id: Uuid,
    until: Instant,
    lease: Option<&Lease>,
    metrics: &Metrics,
) -> Result<bool> {
    let mut job = J::default();
    while Instant::now() < until {
        match job.step(privacy, id, until, metrics).await? {
            Outcome::More => {}
            Outcome::Done => return Ok(true),
            Outcome::Stop => return Ok(false),
        }
        if let Some(lease) = lease {
            lease.renew().await?;
        }
    }
    Ok(false)
}

/// Runs every unfinished job, and returns how many this call finished.
pub async fn run_unfinished<J: Job + Default + Send>(
    privacy: &Privacy,
    until: Instant,
    failures: &mut Failures,
) -> u64 {
    let ids = unfinished::<J>(privacy).await;
    let ids = failures.record(&format!("listing unfinished {}s", J::NAME), ids);
    let mut finished = 0;
    for id in ids.unwrap_or_default() {
        let result = run::<J>(privacy, id, until).await;
        let is_done = failures.record(&format!("{} {id}", J::NAME), result);
        finished += u64::from(is_done == Some(true));
    }
    finished
}

async fn unfinished<J: Job>(privacy: &Privacy) -> Result<Vec<Uuid>> {
    let client = privacy.pool.get().await?;
    let rows = db::query(&client, &Scope::all(ROBEINGS), J::UNFINISHED, &[]).await?;
    let ids = rows.iter().map(|row| row.try_get(0));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// The progress of a job through the owners: the current owner, and the cursor in its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    owner: usize,
    pub after: Uuid,
}

/// The stored name of the position behind the last owner.
const END: &str = "done";

impl Position {
    /// The position from the columns `owner` and `after_id`, which are null at the start.
    pub fn stored(owner: Option<&str>, after: Option<Uuid>) -> Self {
        let index = |name: &str| match name {
            END => Some(owners::all().len()),
            name => owners::all().iter().position(|owner| owner.name() == name),
        };
        // An unknown name starts over: a step may run again.
        match owner.and_then(index) {
            Some(owner) => Self {
                owner,
                after: after.unwrap_or_default(),
            },
            None => Self::default(),
        }
    }

    /// The current owner; none after the last one.
    pub fn owner(&self) -> Option<&'static dyn Owner> {
        owners::all().get(self.owner).copied()
    }

    /// The value of the column `owner`.
    pub fn name(&self) -> &'static str {
        self.owner().map_or(END, Owner::name)
    }

    /// Moves to the cursor of the owner's next step, or to the next owner.
    pub fn advance(&mut self, next: Option<Uuid>) {
        match next {
            Some(next) => self.after = next,
            None => {
                self.owner += 1;
                self.after = Uuid::nil();
            }
        }
    }
}
