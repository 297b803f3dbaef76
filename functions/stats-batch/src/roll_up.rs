//! What was committed since the last time, added to the hours and totals of each robeing.
//!
//! Exactly once: a row carries the id of its transaction, and each run takes those below the horizon
//! of what is still running, from where the last one ended, in the same transaction that moves that
//! mark. So a late commit is not missed, and a run that is killed has done nothing. Writers wait for
//! none of it. The mark's row is the lock: of several runs at once, one does the work.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Unit, figure};
use platform::{Admin, Json, Result};
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Transaction};
use utoipa::ToSchema;

use crate::Stats;
use crate::level::level;
use crate::points::stats;
use crate::rebuild::recount;

/// As long as a trigger may take: a run that recounts after a restore takes minutes.
pub const LONGEST_RUN: Duration = Duration::from_secs(15 * 60);
/// A run that finds more after this goes on next time.
const LONGEST: Duration = Duration::from_secs(45);
/// A chunk is as many transactions as had about this many rows, as the chunk before tells.
const ROWS: i64 = 500_000;
const FIRST_CHUNK: u64 = 2_000;
/// From one chunk to the next.
const MOST_GROWTH: u64 = 4;
/// A chunk that takes longer than `LONGEST_CHUNK` is made smaller; what is one transaction has more time.
const SHRINKS_BY: u64 = 16;
const LONGEST_CHUNK: &str = "15s";
const LONGEST_TRANSACTION: &str = "10min";

#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = StatsRolledUp)]
pub struct RolledUp {
    /// Messages and tasks that were added.
    pub rows: i64,
    /// Robeings that they are of; one that is in two chunks counts twice.
    pub robeings: usize,
    /// Whether nothing is left that was committed before this began. Not where another run is at it.
    pub complete: bool,
}

/// Roll up, by a scheduler.
///
/// The body is the scheduler's and is not looked at: there is one thing to do.
#[utoipa::path(
    post,
    path = "/events/stats-batch",
    tag = "events",
    operation_id = "stats_batch_event",
    request_body(content = Object, description = "anything; `{}` by hand"),
    responses(
        (status = 200, description = "what was added", body = RolledUp),
        (status = 403, description = "the caller is no admin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn trigger(State(stats): State<Stats>, _: Admin, _: Bytes) -> Result<Json<RolledUp>> {
    run(&stats).await.map(Json)
}

/// Until nothing is left, or for 45 s.
pub async fn run(stats: &Stats) -> Result<RolledUp> {
    let started = Instant::now();
    let mut done = RolledUp::default();
    let mut size = FIRST_CHUNK;
    let mut client = stats.pool.within(LONGEST_RUN).get().await?;
    let mut lag = None;
    while started.elapsed() < LONGEST {
        let chunk = {
            let transaction = scoped::begin(&mut client, &Scope::all(ROBEINGS)).await?;
            match chunk(&transaction, size).await {
                Ok(chunk) => {
                    transaction.commit().await?;
                    chunk
                }
                Err(error) if is_too_long(&error) && size > 1 => {
                    drop(transaction);
                    tracing::warn!(
                        transactions = size,
                        "a chunk takes too long: trying a smaller one"
                    );
                    size = (size / SHRINKS_BY).max(1);
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
        lag.get_or_insert(chunk.lag);
        let fits = (ROWS as u64).saturating_mul(size) / chunk.rows.unsigned_abs().max(1);
        size = fits.clamp(1, size.saturating_mul(MOST_GROWTH));
        if !chunk.more {
            done.complete = true;
            break;
        }
    }
    figure("stats_rows", Unit::Count, done.rows as f64);
    if let Some(lag) = lag {
        figure("stats_lag", Unit::Seconds, lag);
    }
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    figure("stats_duration", Unit::Milliseconds, took);
    Ok(done)
}

struct Chunk {
    rows: i64,
    robeings: usize,
    more: bool,
    /// How long ago that was, in seconds, what had been counted before.
    lag: f64,
}

/// Up to `size` transactions; none where somebody else is at it.
async fn chunk(db: &Transaction<'_>, size: u64) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let mark = db
        .query_typed_opt(
            "select xid::text as xid, as_of, extract(epoch from now() - as_of)::float8 as lag,
                    cluster = (select system_identifier from pg_control_system()) as is_ours
             from robeing.watermark
             where name = 'stats-batch'
             for update skip locked",
            &[],
        )
        .await?;
    let Some(mark) = mark else {
        return Ok(None);
    };
    let is_ours: bool = mark.try_get("is_ours")?;
    if !is_ours {
        tracing::warn!("the database was restored into another cluster: counting everything again");
        db.batch_execute(
            "set local statement_timeout = 0;
             select conversation.adopt_cluster();
             update robeing.task set xid = '3';
             update robeing.removed set xid = '3'",
        )
        .await?;
    }
    // A statement of its own: what it sees must not be older than the horizon.
    let horizon = db
        .query_typed_one(
            "select pg_snapshot_xmin(it)::text::int8 as horizon, pg_snapshot_xmax(it)::text::int8 as next
             from pg_current_snapshot() as it",
            &[],
        )
        .await?;
    let (horizon, next): (i64, i64) = (horizon.try_get("horizon")?, horizon.try_get("next")?);
    let from: i64 = mark
        .try_get::<_, String>("xid")?
        .parse()
        .unwrap_or_default();
    let reach = from.saturating_add_unsigned(size);
    let to = if is_ours {
        horizon.min(reach).max(from)
    } else {
        horizon
    };
    let (rows, robeings) = if !is_ours {
        let recounted = recount(db, to).await?;
        (recounted.conversations, recounted.robeings)
    } else if to > from {
        add(db, from, to).await?
    } else {
        (0, 0)
    };
    // Once the horizon is where the next transaction would have been, all before it have ended.
    db.execute_typed(
        "update robeing.watermark
         set xid = $1::text::xid8,
             cluster = (select system_identifier from pg_control_system()),
             as_of = case
                 when $1 <> $2 then as_of
                 when $2 = $3 then now()
                 when $2::text::xid8 >= next_xid then next_at
                 else as_of
             end,
             next_xid = case when $2::text::xid8 >= next_xid then $3::text::xid8 else next_xid end,
             next_at = case when $2::text::xid8 >= next_xid then now() else next_at end
         where name = 'stats-batch'",
        &[
            (&to.to_string(), Type::TEXT),
            (&horizon.to_string(), Type::TEXT),
            (&next.to_string(), Type::TEXT),
        ],
    )
    .await?;
    Ok(Some(Chunk {
        rows,
        robeings,
        more: to < horizon,
        lag: mark.try_get("lag")?,
    }))
}

/// One range of transactions: the rows, and the robeings that have grown.
async fn add(
    db: &Transaction<'_>,
    from: i64,
    to: i64,
) -> Result<(i64, usize), tokio_postgres::Error> {
    let longest = match to - from {
        1 => LONGEST_TRANSACTION,
        _ => LONGEST_CHUNK,
    };
    db.batch_execute(&format!("set local statement_timeout = '{longest}'"))
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
    let grown: Vec<Grown> = grown
        .iter()
        .filter_map(|row| Grown::of(row).transpose())
        .collect::<Result<_, _>>()?;
    settle(db, &grown).await?;
    Ok((rows, grown.len()))
}

/// A robeing and what it has earned for each stat.
pub struct Grown {
    robeing_id: String,
    earned: [i64; 5],
}

impl Grown {
    pub fn of(row: &Row) -> Result<Option<Self>, tokio_postgres::Error> {
        let Some(robeing_id) = row.try_get("robeing_id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            robeing_id,
            earned: [
                row.try_get("memory_experience")?,
                row.try_get("compute_experience")?,
                row.try_get("empathy_experience")?,
                row.try_get("leadership_experience")?,
                row.try_get("ethics_experience")?,
            ],
        }))
    }
}

/// Levels and stats, by what was earned. How many were not as they should be.
pub async fn settle(db: &Transaction<'_>, grown: &[Grown]) -> Result<u64, tokio_postgres::Error> {
    let mut columns: [Vec<i64>; 7] = Default::default();
    for one in grown {
        let experience = one.earned.into_iter().fold(0, i64::saturating_add);
        let level = level(experience);
        let values = [level, experience]
            .into_iter()
            .chain(stats(level, one.earned));
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    let robeings: Vec<&str> = grown.iter().map(|one| one.robeing_id.as_str()).collect();
    let [
        level,
        experience,
        memory,
        compute,
        empathy,
        leadership,
        ethics,
    ] = &columns;
    db.execute_typed(
        "update robeing.stats as known
         set level = new.level, experience = new.experience, memory_stat = memory,
             compute_stat = compute, empathy_stat = empathy, leadership_stat = leadership,
             ethics_stat = ethics, updated_at = now()
         from unnest($1::text[], $2::int8[], $3::int8[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
             as new (robeing_id, level, experience, memory, compute, empathy, leadership, ethics)
         where known.robeing_id = new.robeing_id
           and (known.level, known.experience, memory_stat, compute_stat, empathy_stat, leadership_stat, ethics_stat)
               is distinct from (new.level, new.experience, memory, compute, empathy, leadership, ethics)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (level, Type::INT8_ARRAY),
            (experience, Type::INT8_ARRAY),
            (memory, Type::INT8_ARRAY),
            (compute, Type::INT8_ARRAY),
            (empathy, Type::INT8_ARRAY),
            (leadership, Type::INT8_ARRAY),
            (ethics, Type::INT8_ARRAY),
        ],
    )
    .await
}

fn is_too_long(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::QUERY_CANCELED)
}
