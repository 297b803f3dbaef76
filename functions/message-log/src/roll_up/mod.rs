//! What was committed since the last time, added to what search and patterns are answered from.
//!
//! Exactly once: a row carries the id of its transaction, and each run takes those below the horizon
//! of what is still running, from where the last one ended, in the same transaction that moves that
//! mark. So a late commit is not missed, and a run that is killed has done nothing. Writers wait for
//! none of it.

mod patterns;
pub(crate) mod search;
mod segments;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use shared::Result;
use shared::postgres::types::Type;
use shared::telemetry::{Unit, figure};
use tokio_postgres::Transaction;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) use patterns::question;

use crate::identity::digest;
use crate::log::{Log, day_of};
use crate::pieces;
use shared::postgres::scoped::{self as db, Scope};

/// Rows a transaction: enough of a busy robeing for a segment that need not be merged soon.
const ROWS: usize = 10_000;
/// A run that finds more goes on next time.
const LONGEST: Duration = Duration::from_secs(45);

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
    let mut client = log.pool.get().await?;
    while started.elapsed() < LONGEST {
        let transaction = db::begin(&mut client, &Scope::all()).await?;
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

struct Row {
    id: Uuid,
    robeing_id: String,
    conversation: Uuid,
    message: Option<String>,
    response: Option<String>,
    intent: Option<String>,
    confidence: Option<f64>,
    tokens: i64,
    created_at: Timestamp,
    xid: u64,
}

struct Chunk {
    taken: usize,
    more: bool,
}

/// None where somebody else is at it.
async fn chunk(db: &Transaction<'_>) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let mark = db
        .query_typed_opt(
            "select xid::text as xid, cluster = (select system_identifier from pg_control_system()) as same
             from conversation.watermark
             where name = 'message-log'
             for update skip locked",
            &[],
        )
        .await?;
    let Some(mark) = mark else {
        return Ok(None);
    };
    if !mark.try_get::<_, bool>("same")? {
        begin_anew(db).await?;
    }
    let from: String = match mark.try_get("same")? {
        true => mark.try_get("xid")?,
        false => "0".to_owned(),
    };
    // A statement of its own: what it sees must not be older than the horizon.
    let horizon = db
        .query_typed_one("select pg_snapshot_xmin(pg_current_snapshot())::text", &[])
        .await?;
    let mut to: String = horizon.try_get(0)?;
    let one_more = ROWS as i64 + 1;
    let mut rows = read(db, &from, &to, Some(one_more)).await?;
    if rows.len() > ROWS {
        let last = rows[ROWS].xid;
        if rows[0].xid == last {
            // One transaction, larger than a chunk: all of it.
            to = (last + 1).to_string();
            rows = read(db, &from, &to, None).await?;
        } else {
            rows.retain(|row| row.xid < last);
            to = last.to_string();
        }
    }
    if !rows.is_empty() {
        rows.sort_by_key(|row| row.id);
        search::add(db, &rows).await?;
        patterns::add(db, &rows).await?;
    }
    search::renew(db, Some(&to)).await?;
    db.execute_typed(
        "update conversation.watermark
         set xid = $1::text::xid8, run_at = now()
         where name = 'message-log'",
        &[(&to, Type::TEXT)],
    )
    .await?;
    let more = horizon.try_get::<_, String>(0)? != to;
    let taken = rows.len();
    Ok(Some(Chunk { taken, more }))
}

/// After a restore into another cluster, whose transactions count from the start: everything is
/// there to be rolled up again.
async fn begin_anew(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    tracing::warn!("the log was restored from another cluster: rolling up all of it");
    db.batch_execute(
        "set local statement_timeout = 0;
         select conversation.adopt_cluster();
         truncate conversation.search_tail, conversation.search_segment, conversation.search_posting,
                  conversation.activity, conversation.thread, conversation.intent, conversation.question;
         update conversation.watermark
         set xid = '0', cluster = (select system_identifier from pg_control_system())
         where name = 'message-log'",
    )
    .await
}

async fn read(
    db: &Transaction<'_>,
    from: &str,
    to: &str,
    limit: Option<i64>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let rows = db
        .query_typed(
            "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id,
                    left(message, $4) as message, left(response, $4) as response, intent, confidence, token_count, created_at, xid::text as xid
             from conversation.log
             where xid >= $1::text::xid8 and xid < $2::text::xid8 and erased_at is null
             order by log.xid, log.id
             limit $3",
            &[
                (&from, Type::TEXT),
                (&to, Type::TEXT),
                (&limit, Type::INT8),
                (&(pieces::LONGEST as i32), Type::INT4),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let created_at = row.try_get("created_at")?;
            let robeing_id: String = row.try_get("robeing_id")?;
            let conversation = conversation_of(
                &robeing_id,
                row.try_get("channel_id")?,
                row.try_get("thread_ts")?,
                row.try_get("user_id")?,
                row.try_get("slack_user_id")?,
                created_at,
            );
            let xid: String = row.try_get("xid")?;
            let tokens: i32 = row.try_get("token_count")?;
            Ok(Row {
                id: row.try_get("id")?,
                conversation,
                robeing_id,
                message: row.try_get("message")?,
                response: row.try_get("response")?,
                intent: row.try_get("intent")?,
                confidence: row.try_get("confidence")?,
                tokens: tokens.into(),
                created_at,
                xid: xid.parse().unwrap_or_default(),
            })
        })
        .collect()
}

/// The thread; without one, what one person says within a day is one conversation.
pub(crate) fn conversation_of(
    robeing_id: &str,
    channel_id: Option<&str>,
    thread_ts: Option<&str>,
    user_id: Option<Uuid>,
    slack_user_id: Option<&str>,
    created_at: Timestamp,
) -> Uuid {
    let thread = match thread_ts.unwrap_or_default() {
        "" => {
            let user = user_id.map(|user| user.to_string());
            let user = user.as_deref().or(slack_user_id).unwrap_or_default();
            format!("{user} {}", day_of(created_at))
        }
        thread => thread.to_owned(),
    };
    let channel_id = channel_id.unwrap_or_default();
    Uuid::from_bytes(digest(&[robeing_id, channel_id, &thread]))
}
