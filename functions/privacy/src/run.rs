//! What is due once a day. Of several runs at once, one does it.

use std::time::{Duration, Instant};

use axum::extract::State;
use bytes::Bytes;
use jiff::Timestamp;
use message_log::months;
use message_log::personal::Counts;
use serde::Serialize;
use shared::telemetry::{Unit, figure};
use shared::{Admin, Error, Json, Result};
use utoipa::ToSchema;

use crate::archive::{self, Month};
use crate::lease::Lease;
use crate::{LONGEST_RUN, Privacy, erase, export, receipt, retain};

/// Months that are there before they begin.
const AHEAD: i32 = 3;

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
    let Some(lease) = Lease::take(&privacy.pool, "run").await? else {
        return Ok(Ran::default());
    };
    let mut ran = Ran {
        ran: true,
        ..Ran::default()
    };
    let mut failed = None;
    let mut note = |what: &str, error: Error| {
        tracing::error!(error = format!("{error:#}"), "privacy: {what} failed");
        failed.get_or_insert(error);
    };
    match made_ahead(privacy).await {
        Ok(made) => ran.months_made = made,
        Err(error) => note("making months ahead", error),
    }
    match erase::drive_all(privacy, until).await {
        Ok(finished) => ran.erasures_finished = finished,
        Err(error) => note("erasing", error),
    }
    lease.renew().await?;
    match export::drive_all(privacy, until).await {
        Ok(finished) => ran.exports_finished = finished,
        Err(error) => note("exporting", error),
    }
    lease.renew().await?;
    match export::expire(privacy).await {
        Ok(removed) => ran.exports_removed = removed,
        Err(error) => note("removing exports", error),
    }
    match retain::run(privacy, until).await {
        Ok(expired) => ran.expired = expired,
        Err(error) => note("letting expire", error),
    }
    lease.renew().await?;
    let started = Instant::now();
    match archive::run(privacy, &lease, until).await {
        Ok(archived) => {
            if !archived.is_empty() {
                let took = started.elapsed().as_secs_f64() * 1_000.0;
                figure("archive_duration", Unit::Milliseconds, took);
            }
            ran.archived = archived;
        }
        Err(error) => note("archiving", error),
    }
    match receipts_hold(privacy).await {
        Ok(()) => {}
        Err(error) => note("checking receipts", error),
    }
    lease.give_back().await?;
    failed.map_or(Ok(ran), Err)
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
