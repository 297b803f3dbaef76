//! What was committed since the last time, added to what search and patterns are answered from.
//!
//! Exactly once: a row carries the id of its transaction, and each run takes those below the horizon
//! of what is still running, from where the last one ended, in the same transaction that moves that
//! mark. So a late commit is not missed, and a run that is killed has done nothing. Writers wait for
//! none of it.

mod activity;
pub(crate) mod counted;
mod rows;
pub(crate) mod search;
mod segments;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Unit, figure};
use platform::work::{Waiting, Workers};
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Transaction;
use utoipa::ToSchema;

pub(crate) use rows::conversation_of;

use crate::derived::renew;
use crate::log::Log;
use rows::{Mark, Row};

/// What reads texts and packs what they are found by. Of all roll-ups one runs, and an erasure may do the
/// same beside it.
static WORKERS: LazyLock<Workers> = LazyLock::new(Workers::default);

/// A run that finds more goes on next time.
const LONGEST: Duration = Duration::from_secs(45);
/// As long as a trigger may take: after a restore into another cluster all is begun anew.
pub const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RolledUp {
    /// Messages that were added.
    pub rows: usize,
    /// Whether nothing is left that was committed before this began.
    pub complete: bool,
}

/// Until nothing is left, or for 45 s. Of several at once, one does it.
pub async fn run(log: &Log) -> Result<RolledUp> {
    let started = Instant::now();
    let mut done = RolledUp::default();
    let mut client = log.pool.within(LONGEST_RUN).get().await?;
    while started.elapsed() < LONGEST {
        let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
        // The largest segments take a second to make, and many on a small or busy server.
        let longest = "set local statement_timeout = '60s'";
        transaction.batch_execute(longest).await?;
        let Some(rows) = chunk(&transaction).await? else {
            return Ok(done);
        };
        transaction.commit().await?;
        done.rows += rows.taken;
        if !rows.more {
            done.complete = true;
            break;
        }
    }
    if done.rows > 0 {
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        figure("rolled_up", Unit::Count, done.rows as f64);
        figure("roll_up_duration", Unit::Milliseconds, took);
    }
    Ok(done)
}

struct Chunk {
    taken: usize,
    more: bool,
}

/// None where somebody else is at it.
async fn chunk(db: &Transaction<'_>) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let mark = db
        .query_typed_opt(
            "select xid::text::int8 as xid, after_id, cluster = (select system_identifier from pg_control_system()) as same
             from conversation.watermark
             where name = 'message-log'
             for update skip locked",
            &[],
        )
        .await?;
    let Some(row) = mark else {
        return Ok(None);
    };
    let mark = if row.try_get("same")? {
        Mark {
            xid: row.try_get("xid")?,
            after: row.try_get("after_id")?,
        }
    } else {
        begin_anew(db).await?;
        Mark::default()
    };
    // A statement of its own: what it sees must not be older than the horizon.
    let horizon = db
        .query_typed_one(
            "select pg_snapshot_xmin(pg_current_snapshot())::text::int8",
            &[],
        )
        .await?;
    let horizon = horizon.try_get(0)?;
    let (rows, next) = rows::next(db, mark, horizon).await?;
    let bytes = rows.iter().map(Row::work).sum();
    let read = |waiting: &Waiting| waiting.each(rows, Row::read);
    let mut rows = WORKERS.run(bytes, read).await;
    if !rows.is_empty() {
        rows.sort_by_key(|row| row.id);
        search::add(db, &rows).await?;
        activity::add(db, &rows).await?;
        counted::add(db, &rows).await?;
    }
    db.execute_typed(
        "update conversation.watermark
         set xid = $1::text::xid8, after_id = $2, run_at = now()
         where name = 'message-log'",
        &[
            (&next.xid.to_string(), Type::TEXT),
            (&next.after, Type::UUID),
        ],
    )
    .await?;
    renew(db, Some(next.xid)).await?;
    Ok(Some(Chunk {
        taken: rows.len(),
        more: next != Mark::before(horizon),
    }))
}

/// After a restore into another cluster, whose transactions count from the start: everything is
/// there to be rolled up again.
async fn begin_anew(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    tracing::warn!("the log was restored from another cluster: rolling up all of it");
    db.batch_execute(
        "set local statement_timeout = 0;
         select conversation.adopt_cluster();
         truncate conversation.search_tail, conversation.search_segment, conversation.search_posting,
                  conversation.activity, conversation.thread, conversation.counted, conversation.intent,
                  conversation.question;
         update conversation.watermark
         set xid = '0', after_id = default, cluster = (select system_identifier from pg_control_system())
         where name = 'message-log'",
    )
    .await
}
