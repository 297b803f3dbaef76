//! What is due once a day. Of several runs at once, one does it.

use std::time::{Duration, Instant};

use axum::extract::State;
use bytes::Bytes;
use jiff::Timestamp;
use message_log::months;
use personal::Counts;
use platform::telemetry::{Unit, figure};
use platform::{Admin, Error, Json, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::archive::{self, Month};
use crate::drive::drive_all;
use crate::erase::Erasing;
use crate::export::{self, Exporting};
use crate::lease::Lease;
use crate::{LONGEST_RUN, Privacy, receipt, retain};

/// Months that are there before they begin.
const AHEAD: i32 = 3;
/// How long one step may use a connection. Detaching a month waits for transactions that run.
const LONGEST_STEP: Duration = Duration::from_secs(120);

/// What one run did.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ran {
    /// False where another run is at it: then this one did nothing.
    pub ran: bool,
    /// Months that got room.
    pub months_made: u32,
    /// Erasures and exports that were left from before and are done now.
    pub erasures_finished: u64,
    pub exports_finished: u64,
    pub exports_removed: u64,
    /// How many rows of which table have had their time.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub expired: Counts,
    pub archived: Vec<Month>,
}

/// Do what is due, by a scheduler or by hand.
///
/// Erasures and exports that are left, expiry, archive. Whatever of it fails, the rest is done, and the
/// answer is an error, so that it is tried again.
#[utoipa::path(
    post,
    path = "/events/privacy",
    tag = "privacy",
    operation_id = "run_privacy",
    request_body(content = Object, description = "anything"),
    responses(
        (status = 200, description = "done, or left to another run", body = Ran),
        (status = 500, description = "a part of it failed; the log says why"),
        (status = 503, description = "the database or the store is not available"),
    )
)]
pub async fn trigger(State(privacy): State<Privacy>, _: Admin, _: Bytes) -> Result<Json<Ran>> {
    run(&privacy).await.map(Json)
}

pub async fn run(privacy: &Privacy) -> Result<Ran> {
    run_for(privacy, LONGEST_RUN).await
}

/// As [`run`], for at most about so long.
pub async fn run_for(privacy: &Privacy, time: Duration) -> Result<Ran> {
    let until = Instant::now() + time;
    let privacy = &privacy.unhurried(LONGEST_STEP);
    let Some(lease) = Lease::take(&privacy.pool, "run").await? else {
        return Ok(Ran::default());
    };
    let mut ran = Ran {
        ran: true,
        ..Ran::default()
    };
    let mut failures = Failures::default();
    let made = made_ahead(privacy).await;
    ran.months_made = failures
        .note("making months ahead", made)
        .unwrap_or_default();
    ran.erasures_finished = drive_all::<Erasing>(privacy, until, &mut failures).await;
    lease.renew().await?;
    ran.exports_finished = drive_all::<Exporting>(privacy, until, &mut failures).await;
    lease.renew().await?;
    ran.exports_removed = export::expire(privacy, &mut failures).await;
    ran.expired = retain::run(privacy, until, &mut failures).await;
    lease.renew().await?;
    let started = Instant::now();
    let archived = archive::run(privacy, &lease, until).await;
    ran.archived = failures.note("archiving", archived).unwrap_or_default();
    if !ran.archived.is_empty() {
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        figure("archive_duration", Unit::Milliseconds, took);
    }
    failures.note("checking receipts", receipts_hold(privacy).await);
    lease.give_back().await?;
    failures.first.map_or(Ok(ran), Err)
}

/// What failed while the rest went on. The first is the answer of the run, so that it is tried again.
#[derive(Default)]
pub struct Failures {
    first: Option<Error>,
}

impl Failures {
    /// Logs an error, which ends nothing but what it is of.
    pub fn note<T>(&mut self, what: &str, outcome: Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "privacy: {what} failed");
                self.first.get_or_insert(error);
                None
            }
        }
    }
}

async fn made_ahead(privacy: &Privacy) -> Result<u32> {
    let client = privacy.pool.get().await?;
    months::make_ahead(&client, Timestamp::now(), AHEAD).await
}

async fn receipts_hold(privacy: &Privacy) -> Result<()> {
    let client = privacy.pool.get().await?;
    match receipt::first_broken(&client, &privacy.master).await? {
        None => Ok(()),
        Some(number) => {
            figure("receipts_broken", Unit::Count, 1.0);
            Err(anyhow::anyhow!("receipt {number} is not what was written, or is missing").into())
        }
    }
}
