//! Drives the steps of an erasure or an export: within its request, and by the next trigger.

use std::time::Instant;

use async_trait::async_trait;
use personal::Owner;
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::telemetry::{Unit, figure};
use robeing::ROBEINGS;
use uuid::Uuid;

use crate::lease::Lease;
use crate::run::Failures;
use crate::{Privacy, owners};

/// A request that takes several steps. A step records how far it came in its own transaction, so the
/// request resumes there after its process was killed.
#[async_trait]
pub trait Request {
    /// In logs, and in the name of the lease.
    const NAME: &'static str;
    /// Whether steps take longer than one transaction, so that only the holder of a lease may work.
    const NEEDS_LEASE: bool;
    /// The metrics for how many are done, and how long each took.
    const DONE: &'static str;
    const DURATION: &'static str;
    /// Selects the requests that are not done, oldest first.
    const RUNNING: &'static str;

    async fn step(&mut self, privacy: &Privacy, id: Uuid, until: Instant) -> Result<Outcome>;
}

/// The outcome of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    More,
    Done,
    /// Another process works at the request, or has finished it; or the next trigger resumes it.
    Stop,
}

/// Works at a request until it is done or `until`. Returns whether this call finished it.
pub async fn drive<R: Request + Default + Send>(
    privacy: &Privacy,
    id: Uuid,
    until: Instant,
) -> Result<bool> {
    let lease = match R::NEEDS_LEASE {
        false => None,
        true => match Lease::take(&privacy.pool, &format!("{} {id}", R::NAME)).await? {
            None => return Ok(false),
            lease => lease,
        },
    };
    let started = Instant::now();
    let driven = steps::<R>(privacy, id, until, lease.as_ref()).await;
    if let Some(lease) = lease {
        // Also after an error, so that a retry need not wait until the lease ends.
        lease.give_back().await?;
    }
    let is_done = driven?;
    if is_done {
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        figure(R::DONE, Unit::Count, 1.0);
        figure(R::DURATION, Unit::Milliseconds, took);
    }
    Ok(is_done)
}

async fn steps<R: Request + Default + Send>(
    privacy: &Privacy,
    id: Uuid,
    until: Instant,
    lease: Option<&Lease>,
) -> Result<bool> {
    let mut request = R::default();
    while Instant::now() < until {
        match request.step(privacy, id, until).await? {
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

/// Works at every request that is not done, and returns how many this call finished.
pub async fn drive_all<R: Request + Default + Send>(
    privacy: &Privacy,
    until: Instant,
    failures: &mut Failures,
) -> u64 {
    let running = running::<R>(privacy).await;
    let running = failures.note(&format!("looking for {}s", R::NAME), running);
    let mut finished = 0;
    for id in running.unwrap_or_default() {
        let driven = drive::<R>(privacy, id, until).await;
        let is_done = failures.note(&format!("{} {id}", R::NAME), driven);
        finished += u64::from(is_done == Some(true));
    }
    finished
}

async fn running<R: Request>(privacy: &Privacy) -> Result<Vec<Uuid>> {
    let client = privacy.pool.get().await?;
    let rows = db::query(&client, &Scope::all(ROBEINGS), R::RUNNING, &[]).await?;
    let ids = rows.iter().map(|row| row.try_get(0));
    Ok(ids.collect::<Result<_, _>>()?)
}

/// How far a request has come through the owners: the one at work, and the cursor in its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    owner: usize,
    pub after: Uuid,
}

/// The name that is stored for a position behind the last owner.
const THROUGH: &str = "done";

impl Position {
    /// From the columns `owner` and `after_id`, both null at the start.
    pub fn stored(owner: Option<&str>, after: Option<Uuid>) -> Self {
        let position = |name: &str| match name {
            THROUGH => Some(owners::all().len()),
            name => owners::all().iter().position(|owner| owner.name() == name),
        };
        // A name that no owner has starts over: a step that runs again does no harm.
        match owner.map(position) {
            Some(Some(owner)) => Self {
                owner,
                after: after.unwrap_or_default(),
            },
            Some(None) | None => Self::default(),
        }
    }

    /// None once every owner is through.
    pub fn owner(&self) -> Option<&'static dyn Owner> {
        owners::all().get(self.owner).copied()
    }

    /// For the column `owner`.
    pub fn name(&self) -> &'static str {
        self.owner().map_or(THROUGH, Owner::name)
    }

    /// Moves on to the cursor of the owner's next step, or to the next owner.
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
