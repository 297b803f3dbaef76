//! The archive: an old month is closed, written to the store in parts, verified, and then dropped from the
//! database.
//!
//! A part is verified by reading it back and comparing it with the rows in the log. Progress is recorded
//! after each step, so the next run resumes after a run that was killed: it deletes unverified parts and
//! writes them again.

pub mod file;
mod part;

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use message_log::months;
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Metrics, Unit};
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::lease::Lease;
use crate::personal::share_keys;
use crate::{Privacy, owners};
use part::{WriteOutcome, delete_unverified_parts, write_part};

pub use part::keys_by_id;

/// What a run did with a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MonthReport {
    /// The first day of the month.
    #[schema(value_type = String, format = Date)]
    pub month: Date,
    /// `closed`: the month accepts no messages and is not archived completely yet. `archived`: the archive
    /// has all rows. `dropped`: the rows were dropped from the database.
    pub state: &'static str,
    /// The number of rows that this run archived.
    pub rows: i64,
    /// The number of files that this run wrote.
    pub parts: u32,
    /// The size of these files.
    pub bytes: u64,
}

/// Archives the months that are due, oldest first, until `until`.
pub async fn run(
    privacy: &Privacy,
    lease: &Lease,
    until: Instant,
    metrics: &Metrics,
) -> Result<Vec<MonthReport>> {
    let mut reports = Vec::new();
    for month in due(privacy).await? {
        if Instant::now() >= until {
            break;
        }
        let report = advance(privacy, lease, month, until).await?;
        let is_done = report.state == "dropped";
        reports.push(report);
        if !is_done {
            // Months leave the log in order, because a response refers to an earlier message.
            break;
        }
    }
    record_metrics(privacy, &reports, metrics).await?;
    Ok(reports)
}

/// The months that are partly archived, and those that ended long enough ago.
async fn due(privacy: &Privacy) -> Result<Vec<Date>> {
    let client = privacy.pool.get().await?;
    let rows = client
        .query_typed(
            "select month from privacy.month where state <> 'dropped'",
            &[],
        )
        .await?;
    let mut due = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Date>, _>>()?;
    let before = Timestamp::now().saturating_sub((privacy.archive_after_days * 24).hours());
    let before = message_log::ids::day_of(before.unwrap_or(Timestamp::UNIX_EPOCH));
    due.extend(months::ended_before(&client, before).await?);
    due.sort_unstable();
    due.dedup();
    Ok(due)
}

/// Moves a month as far through its states as it can.
async fn advance(
    privacy: &Privacy,
    lease: &Lease,
    month: Date,
    until: Instant,
) -> Result<MonthReport> {
    let mut report = MonthReport {
        month,
        state: "closed",
        rows: 0,
        parts: 0,
        bytes: 0,
    };
    let state = close(privacy, month).await?;
    if state == "closed" {
        if !is_fully_derived(privacy, month).await? {
            tracing::info!(%month, "a month waits for its roll-up before it is archived");
            return Ok(report);
        }
        delete_unverified_parts(privacy, month).await?;
        loop {
            lease.renew().await?;
            match write_part(privacy, month).await? {
                WriteOutcome::Verified(part) => {
                    report.rows += part.rows;
                    report.bytes += part.bytes;
                    report.parts += 1;
                }
                WriteOutcome::Outdated => {}
                WriteOutcome::NoRowsLeft => break,
            }
            if Instant::now() >= until {
                return Ok(report);
            }
        }
        mark_archived(privacy, month).await?;
    }
    report.state = "archived";
    lease.renew().await?;
    months::drop_month(&privacy.pool, month).await?;
    let client = privacy.pool.get().await?;
    client
        .execute_typed(
            "update privacy.month set state = 'dropped', dropped_at = now()
             where month = $1 and state = 'archived'",
            &[(&month, Type::DATE)],
        )
        .await?;
    report.state = "dropped";
    Ok(report)
}

/// Whether every owner has derived its rows from the messages of a closed month.
async fn is_fully_derived(privacy: &Privacy, month: Date) -> Result<bool> {
    let mut client = privacy.pool.get().await?;
    let Some(xid) = months::newest_xid(&client, month).await? else {
        return Ok(true);
    };
    let transaction = db::read(&mut client, &Scope::all(ROBEINGS)).await?;
    for owner in owners::all() {
        if !owner.has_derived(&transaction, &xid).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Closes the month if it is open. Returns its state: `closed` or a later one.
async fn close(privacy: &Privacy, month: Date) -> Result<String> {
    let mut client = privacy.pool.get().await?;
    let state = "select state from privacy.month where month = $1";
    let known = client
        .query_typed_opt(state, &[(&month, Type::DATE)])
        .await?;
    if let Some(row) = known {
        return Ok(row.try_get(0)?);
    }
    months::close(&mut client, month).await?;
    client
        .execute_typed(
            "insert into privacy.month (month, state) values ($1, 'closed') on conflict do nothing",
            &[(&month, Type::DATE)],
        )
        .await?;
    let row = client
        .query_typed_one(state, &[(&month, Type::DATE)])
        .await?;
    Ok(row.try_get(0)?)
}

/// Checks that the verified parts hold every row of the month, then deletes unused keys and marks the month
/// as archived.
async fn mark_archived(privacy: &Privacy, month: Date) -> Result<()> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    share_keys(&transaction).await?;
    if !months::is_whole(&transaction, month).await? {
        return Err(anyhow::anyhow!(
            "the partition of {month} is detached from the log, or being detached: attach it again"
        )
        .into());
    }
    let parts = transaction
        .query_typed(
            "select after_id, last_id, rows, verified_at is not null as is_verified
             from privacy.part where month = $1 order by after_id",
            &[(&month, Type::DATE)],
        )
        .await?;
    let (mut end, mut archived) = (Uuid::nil(), 0);
    for part in parts {
        let (after, last): (Uuid, Uuid) = (part.try_get("after_id")?, part.try_get("last_id")?);
        let rows: i64 = part.try_get("rows")?;
        let is_next = part.try_get("is_verified")? && after == end;
        if !is_next || months::count(&transaction, month, after, last).await? > rows {
            return Err(anyhow::anyhow!("the parts of {month} do not hold all of its rows").into());
        }
        end = last;
        archived += rows;
    }
    if months::count(&transaction, month, end, Uuid::max()).await? > 0 {
        return Err(anyhow::anyhow!("rows of {month} are in none of its parts").into());
    }
    transaction
        .execute_typed(
            "delete from privacy.person_key
             where month = $1 and not exists (select from privacy.sealed where key_id = id)",
            &[(&month, Type::DATE)],
        )
        .await?;
    transaction
        .execute_typed(
            "update privacy.month set state = 'archived', rows = $2, archived_at = now()
             where month = $1 and state = 'closed'",
            &[(&month, Type::DATE), (&archived, Type::INT8)],
        )
        .await?;
    Ok(transaction.commit().await?)
}

async fn record_metrics(
    privacy: &Privacy,
    reports: &[MonthReport],
    metrics: &Metrics,
) -> Result<()> {
    let rows: i64 = reports.iter().map(|month| month.rows).sum();
    if rows > 0 {
        let bytes: u64 = reports.iter().map(|month| month.bytes).sum();
        metrics.add("archived_rows", Unit::Count, rows as f64);
        metrics.add("archived_bytes", Unit::Bytes, bytes as f64);
    }
    // How long the oldest remaining month has been due.
    let oldest = due(privacy).await?.into_iter().min();
    let lag = oldest.map_or(Duration::ZERO, |month| {
        let ended = month
            .saturating_add(1.months())
            .saturating_add(privacy.archive_after_days.days());
        let ended = ended.to_zoned(jiff::tz::TimeZone::UTC);
        ended.map_or(Duration::ZERO, |ended| {
            let late = Timestamp::now().duration_since(ended.timestamp());
            Duration::from_secs(late.as_secs().max(0).unsigned_abs())
        })
    });
    metrics.add("retention_lag", Unit::Seconds, lag.as_secs_f64());
    Ok(())
}
