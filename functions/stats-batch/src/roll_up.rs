//! `POST /events/stats-batch`: adds newly committed conversations and tasks to the counts per quarter hour and the totals
//! of each robeing.
//!
//! Each row is counted exactly once, and writers don't wait: see [`watermark`].

use std::time::{Duration, Instant};

use axum::extract::State;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Metrics, Unit};
use platform::{Admin, Json, RawBody, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;
use utoipa::ToSchema;
use watermark::{Horizon, Locked, Position};

use crate::leveling::{EarnedExperience, update_levels};
use crate::rebuild::recount_restored;
use crate::{Stats, WATERMARK, outdated};

/// The time limit of a run. A run that counts everything again after a restore takes minutes.
pub const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// A run starts no further chunk after this time. The next run continues.
const MAX_TIME: Duration = Duration::from_secs(45);
/// The rows per chunk to aim for. The number of transactions per chunk is estimated from the chunk before.
const TARGET_ROWS: i64 = 500_000;
const FIRST_CHUNK: u64 = 2_000;
/// The largest factor from one chunk to the next.
const MAX_GROWTH: u64 = 4;
/// The divisor after a chunk that exceeds `CHUNK_TIMEOUT`. A single transaction can't be divided and has more time.
const SHRINK: u64 = 16;
const CHUNK_TIMEOUT: &str = "15s";
const TRANSACTION_TIMEOUT: &str = "10min";

#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = StatsRolledUp)]
pub struct RolledUp {
    /// The number of messages and tasks that were added.
    pub rows: i64,
    /// The number of their robeings. A robeing in two chunks counts twice.
    pub robeings: usize,
    /// Whether everything that was committed before the run began is counted; false if another run is in progress.
    pub complete: bool,
}

/// Roll up conversations and tasks into stats.
///
/// The body is ignored.
#[utoipa::path(
    post,
    path = "/events/stats-batch",
    tag = "events",
    operation_id = "stats_batch_event",
    request_body(content = Object, description = "any JSON, such as `{}`"),
    responses(
        (status = 200, description = "what was added", body = RolledUp),
        (status = 403, description = "the caller is not an admin whose scope has every robeing"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn trigger(
    State(stats): State<Stats>,
    Admin(caller): Admin,
    _: RawBody,
) -> Result<Json<RolledUp>> {
    caller.must_see_all(ROBEINGS)?;
    run(&stats).await.map(Json)
}

/// Runs until nothing is left, or for 45 s.
pub async fn run(stats: &Stats) -> Result<RolledUp> {
    let started = Instant::now();
    let mut done = RolledUp::default();
    let mut size = FIRST_CHUNK;
    let mut client = stats.pool.within(LONGEST_RUN).get().await?;
    let mut lag = None;
    while started.elapsed() < MAX_TIME {
        let chunk = {
            let transaction = scoped::begin(&mut client, &Scope::all(ROBEINGS)).await?;
            match chunk(&transaction, size).await {
                Ok(chunk) => {
                    transaction.commit().await?;
                    chunk
                }
                Err(error) if is_timeout(&error) && size > 1 => {
                    drop(transaction);
                    tracing::warn!(
                        transactions = size,
                        "a chunk took too long: trying a smaller one"
                    );
                    size = (size / SHRINK).max(1);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
        };
        let Some(chunk) = chunk else {
            return Ok(done);
        };
        done.rows += chunk.rows;
        done.robeings += chunk.robeings;
        lag = lag.or(chunk.lag_seconds);
        let fits = (TARGET_ROWS as u64).saturating_mul(size) / chunk.rows.unsigned_abs().max(1);
        size = fits.clamp(1, size.saturating_mul(MAX_GROWTH));
        if !chunk.has_more {
            done.complete = true;
            break;
        }
    }
    if done.complete {
        outdated::run(&mut client, || started.elapsed() < MAX_TIME).await;
    }
    let metrics = Metrics::default();
    metrics.add("stats_rows", Unit::Count, done.rows as f64);
    if let Some(lag) = lag {
        metrics.add("stats_lag", Unit::Seconds, lag);
    }
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    metrics.add("stats_duration", Unit::Milliseconds, took);
    Ok(done)
}

struct Chunk {
    rows: i64,
    robeings: usize,
    has_more: bool,
    /// The age of what was counted before.
    lag_seconds: Option<f64>,
}

/// Counts up to `size` transactions. None if another run has the lock.
async fn chunk(db: &Transaction<'_>, size: u64) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let Some(Locked {
        position,
        lag_seconds,
    }) = WATERMARK.try_lock(db).await?
    else {
        return Ok(None);
    };
    let Some(Position { xid: from, .. }) = position else {
        let recounted = recount_restored(db).await?;
        return Ok(Some(Chunk {
            rows: recounted.conversations,
            robeings: recounted.robeings,
            has_more: false,
            lag_seconds,
        }));
    };
    let horizon = Horizon::read(db).await?;
    let reach = from.saturating_add_unsigned(size);
    let to = horizon.xid.min(reach).max(from);
    let (rows, robeings) = add(db, from, to).await?;
    WATERMARK.advance(db, Position::before(to), horizon).await?;
    Ok(Some(Chunk {
        rows,
        robeings,
        has_more: to < horizon.xid,
        lag_seconds,
    }))
}

/// Counts a range of transactions. Returns the number of rows, and of robeings whose experience has grown.
async fn add(
    db: &Transaction<'_>,
    from: i64,
    to: i64,
) -> Result<(i64, usize), tokio_postgres::Error> {
    let timeout = match to - from {
        0 => return Ok((0, 0)),
        1 => TRANSACTION_TIMEOUT,
        _ => CHUNK_TIMEOUT,
    };
    db.batch_execute(&format!("set local statement_timeout = '{timeout}'"))
        .await?;
    let grown = db
        .query_typed(
            include_str!("roll_up.sql"),
            &[
                (&from.to_string(), Type::TEXT),
                (&to.to_string(), Type::TEXT),
            ],
        )
        .await?;
    let rows = match grown.first() {
        Some(row) => row.try_get("rows")?,
        None => 0,
    };
    let earned = grown
        .iter()
        .filter_map(|row| EarnedExperience::of(row).transpose());
    let earned = earned.collect::<Result<Vec<_>, _>>()?;
    update_levels(db, &earned).await?;
    Ok((rows, earned.len()))
}

fn is_timeout(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}
