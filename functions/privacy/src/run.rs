//! The daily run. If several run at once, one proceeds.

use std::time::{Duration, Instant};

use axum::extract::State;
use jiff::Timestamp;
use message_log::months;
use personal::Counts;
use platform::telemetry::{Metrics, Unit};
use platform::{Admin, Json, RawBody, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;

use crate::archive::{self, MonthReport};
use crate::erase::ErasureJob;
use crate::export::{self, ExportJob};
use crate::failures::Failures;
use crate::lease::Lease;
use crate::rotate::{self, Rotation};
use crate::{LONGEST_RUN, Privacy, job, receipt, retain};

/// How many months of partitions exist ahead of time.
const MONTHS_AHEAD: i32 = 3;
/// How long one step may use a connection. Detaching a partition waits for running transactions.
const LONGEST_STEP: Duration = Duration::from_secs(120);

/// The result of a run.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunReport {
    /// False if another run was in progress, so that this one did nothing.
    pub ran: bool,
    /// The number of monthly partitions created.
    pub months_made: u32,
    /// The number of earlier erasures that this run finished.
    pub erasures_finished: u64,
    /// The number of earlier exports that this run finished.
    pub exports_finished: u64,
    /// The number of expired exports removed.
    pub exports_removed: u64,
    /// The number of expired rows deleted per table.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub expired: Counts,
    pub archived: Vec<MonthReport>,
    /// What was wrapped and signed again, while `PRIVACY_KEY` has several keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// Run the daily work.
///
/// Creates partitions, resumes erasures and exports, deletes expired data, archives old months, verifies the
/// receipts, and wraps and signs with the first key of `PRIVACY_KEY` what older keys wrapped and signed. If one part fails, the others still run, and the request returns an error so
/// that it is retried.
#[utoipa::path(
    post,
    path = "/events/privacy",
    tag = "privacy",
    operation_id = "run_privacy",
    request_body(content = Object, description = "ignored"),
    responses(
        (status = 200, description = "the work is done, or another run is in progress", body = RunReport),
        (status = 403, description = "the caller is not an admin whose scope has every robeing"),
        (status = 409, description = "the run took too long, and another one continues the work"),
        (status = 500, description = "a part failed; the log has the reason"),
        (status = 503, description = "the database or the store is unavailable"),
    )
)]
pub async fn trigger(
    State(privacy): State<Privacy>,
    Admin(caller): Admin,
    _: RawBody,
) -> Result<Json<RunReport>> {
    caller.must_see_all(ROBEINGS)?;
    run(&privacy).await.map(Json)
}

/// Runs for at most [`LONGEST_RUN`], plus the step that is in progress then.
pub async fn run(privacy: &Privacy) -> Result<RunReport> {
    let until = Instant::now() + LONGEST_RUN;
    let privacy = &privacy.with_step_limit(LONGEST_STEP);
    let Some(lease) = Lease::acquire(&privacy.pool, "run").await? else {
        return Ok(RunReport::default());
    };
    let mut report = RunReport {
        ran: true,
        ..RunReport::default()
    };
    let mut failures = Failures::default();
    let metrics = Metrics::default();
    let created = create_months_ahead(privacy).await;
    let created = failures.record("creating partitions", created);
    report.months_made = created.unwrap_or_default();
    report.erasures_finished =
        job::run_unfinished::<ErasureJob>(privacy, until, &mut failures).await;
    lease.renew().await?;
    report.exports_finished = job::run_unfinished::<ExportJob>(privacy, until, &mut failures).await;
    lease.renew().await?;
    report.exports_removed = export::remove_expired(privacy, &mut failures).await;
    report.expired = retain::run(privacy, until, &mut failures, &metrics).await;
    lease.renew().await?;
    let started = Instant::now();
    let archived = archive::run(privacy, &lease, until, &metrics).await;
    report.archived = failures.record("archiving", archived).unwrap_or_default();
    if !report.archived.is_empty() {
        let duration_ms = started.elapsed().as_secs_f64() * 1_000.0;
        metrics.add("archive_duration", Unit::Milliseconds, duration_ms);
    }
    failures.record(
        "verifying receipts",
        verify_receipts(privacy, &metrics).await,
    );
    lease.renew().await?;
    let rotation = failures.record("rotating keys", rotate::run(privacy, until).await);
    report.rotation = rotation.flatten();
    lease.release().await?;
    failures.or_first(report)
}

async fn create_months_ahead(privacy: &Privacy) -> Result<u32> {
    let client = privacy.pool.get().await?;
    months::make_ahead(&client, Timestamp::now(), MONTHS_AHEAD).await
}

async fn verify_receipts(privacy: &Privacy, metrics: &Metrics) -> Result<()> {
    let client = privacy.pool.get().await?;
    match receipt::verify(&client, &privacy.master()).await?.fault {
        None => Ok(()),
        Some(fault) => {
            metrics.count("receipts_broken");
            Err(anyhow::anyhow!("{fault}").into())
        }
    }
}
