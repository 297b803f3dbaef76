//! Adds newly committed messages to the index of search and the counts of patterns.
//!
//! Each row is added exactly once, and writers don't wait: see [`watermark`]. This module has one run, its chunks and
//! the rows that they read. [`crate::search`] and [`crate::patterns`] have what a chunk does with its rows.

mod outdated;
mod reading;

use std::time::{Duration, Instant};

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::telemetry::{Metrics, Unit};
use platform::work::Waiting;
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Transaction;
use utoipa::ToSchema;
use watermark::{Horizon, Position, Watermark};

use crate::derived::renew;
use crate::log::Log;
use crate::patterns::{activity, counted};
use crate::rows::{Row, WORKERS};
use crate::search;

/// How far the log is rolled up.
pub(crate) const WATERMARK: Watermark = Watermark::new("conversation.watermark", "message-log");

/// A run derives no further copies of outdated days after this time.
const TIME_FOR_OUTDATED: Duration = Duration::from_secs(10);
/// A run ends after this time, before the platform ends it. The next one continues.
const MAX_TIME: Duration = Duration::from_secs(25);
/// The time limit of a run. A run that starts over after a restore needs it.
pub const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RolledUp {
    /// The number of added messages.
    pub rows: usize,
    /// Whether everything that was committed before the run began is rolled up.
    pub complete: bool,
}

/// Runs until nothing is left, or for 25 s. If several runs start at once, one proceeds.
pub async fn run(log: &Log) -> Result<RolledUp> {
    let started = Instant::now();
    let mut done = RolledUp::default();
    let mut client = log.pool.within(LONGEST_RUN).get().await?;
    while started.elapsed() < MAX_TIME {
        let transaction = begin(&mut client).await?;
        let Some(chunk) = chunk(&transaction).await? else {
            return Ok(done);
        };
        transaction.commit().await?;
        done.rows += chunk.rows;
        if !chunk.has_more {
            done.complete = true;
            break;
        }
    }
    if done.complete {
        outdated::run(&mut client, || started.elapsed() < TIME_FOR_OUTDATED).await;
    }
    if done.rows > 0 {
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        let metrics = Metrics::default();
        metrics.add("rolled_up", Unit::Count, done.rows as f64);
        metrics.add("roll_up_duration", Unit::Milliseconds, took);
    }
    Ok(done)
}

async fn begin(client: &mut Client) -> Result<Transaction<'_>> {
    let transaction = db::begin(client, &Scope::all(ROBEINGS)).await?;
    // Merging the largest segments takes a second, and much longer on a small or busy server.
    let timeout = "set local statement_timeout = '60s'";
    transaction.batch_execute(timeout).await?;
    Ok(transaction)
}

struct Chunk {
    rows: usize,
    has_more: bool,
}

/// None if another run has the lock.
async fn chunk(db: &Transaction<'_>) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let Some(locked) = WATERMARK.try_lock(db).await? else {
        return Ok(None);
    };
    let from = match locked.position {
        Some(position) => position,
        None => {
            start_over(db).await?;
            Position::default()
        }
    };
    let horizon = Horizon::read(db).await?;
    let (rows, next) = reading::next(db, from, horizon.xid).await?;
    let bytes = rows.iter().map(Row::bytes).sum();
    let analyze = |waiting: &Waiting| waiting.each(rows, reading::analyzed);
    let mut rows = WORKERS.run(bytes, analyze).await;
    if !rows.is_empty() {
        rows.sort_by_key(|row| row.id);
        search::roll_up::add(db, &rows).await?;
        activity::add(db, &rows).await?;
        counted::add(db, &rows).await?;
    }
    WATERMARK.advance(db, next, horizon).await?;
    renew(db, Some(next.xid)).await?;
    Ok(Some(Chunk {
        rows: rows.len(),
        has_more: next != Position::before(horizon.xid),
    }))
}

/// Empties what was rolled up, after a restore into another cluster.
async fn start_over(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    tracing::warn!("the database was restored from another cluster: rolling up the whole log");
    db.batch_execute(
        "set local statement_timeout = 0;
         select conversation.adopt_cluster();
         truncate conversation.search_tail, conversation.search_segment, conversation.search_posting,
                  conversation.activity, conversation.thread, conversation.counted, conversation.intent,
                  conversation.question, conversation.outdated_day",
    )
    .await
}
