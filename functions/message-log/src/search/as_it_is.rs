//! What is read without the search's index.

use platform::postgres::types::{ToSql, Type};
use platform::work::Workers;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{Hit, Hits, Words, in_parts};
use crate::page::STORED_BYTES;

/// So many of the newest messages are read, rolled up or not.
const NEWEST: i64 = 64;
/// Of what is not rolled up yet, of all robeings, so many that came last are looked at, and of those of
/// this one so many of the newest are read: it bounds a search where roll-ups have stopped.
const LATE: i64 = 20_000;
const LATE_OF_ONE: i64 = 2_000;

/// The newest of a robeing.
pub struct Newest {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// What is older is before this id; none where these are all.
    pub past: Option<Uuid>,
}

pub async fn newest(db: &Transaction<'_>, robeing_id: &str, past: Uuid) -> Result<Newest, Error> {
    let hits = newest_of(db, robeing_id, (None, None), past, NEWEST, STORED_BYTES).await?;
    let bytes: usize = hits.iter().map(Hit::bytes).sum();
    let is_full = hits.len() as i64 == NEWEST || bytes as i64 >= STORED_BYTES;
    let past = hits.last().map(|hit| hit.id).filter(|_| is_full);
    Ok(Newest { hits, past })
}

/// Newest first, of a thread and channel, where these are given: until there are so many, or so many bytes
/// of them.
pub async fn newest_of(
    db: &Transaction<'_>,
    robeing_id: &str,
    (thread, channel): (Option<&str>, Option<&str>),
    past: Uuid,
    most: i64,
    bytes: i64,
) -> Result<Vec<Hit>, Error> {
    let rows = db.query_typed(
        "select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
         from (
             select *,
                    sum(coalesce(octet_length(message), 0) + coalesce(octet_length(response), 0))
                        over (order by id desc rows between unbounded preceding and 1 preceding) as before
             from conversation.newest($1, $2, $3, $4, $5)
         ) as newest
         where coalesce(before, 0) < $6
         order by id desc",
        &[
            (&robeing_id, Type::TEXT),
            (&past, Type::UUID),
            (&thread, Type::TEXT),
            (&channel, Type::TEXT),
            (&most, Type::INT8),
            (&bytes, Type::INT8),
        ],
    )
    .await?;
    rows.iter().map(Hit::of).collect()
}

/// What was committed since the last roll-up and holds all words.
pub async fn late(
    db: &Transaction<'_>,
    workers: &Workers,
    robeing_id: &str,
    past: Uuid,
    words: &Words,
    wanted: usize,
) -> Result<Hits, Error> {
    let mut hits = Hits::new(wanted);
    // As a constant, so that the planner sees how few there are.
    let mark = db
        .query_typed(
            "select xid::text, after_id from conversation.watermark where name = 'message-log'",
            &[],
        )
        .await?;
    let (xid, after_id): (String, Uuid) = match mark.first() {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => return Ok(hits),
    };
    let values: [(&(dyn ToSql + Sync), Type); 6] = [
        (&xid, Type::TEXT),
        (&robeing_id, Type::TEXT),
        (&past, Type::UUID),
        (&LATE_OF_ONE, Type::INT8),
        (&LATE, Type::INT8),
        (&after_id, Type::UUID),
    ];
    // One by one, since most are dropped at once.
    let rows = db.query_typed_raw(
        "with late as materialized (
             select id, robeing_id
             from conversation.log
             where (xid, id) > ($1::text::xid8, $6)
             order by xid desc
             limit $5
         ),
         own as materialized (
             select id
             from late
             where robeing_id = $2 and id < $3
             order by id desc
             limit $4
         )
         select id, channel_id, thread_ts, user_id, message, response, intent, token_count, created_at
         from own
         join conversation.log using (id)
         where robeing_id = $2",
        values,
    )
    .await?;
    in_parts(rows, workers, |said| {
        let said = said.into_iter();
        hits.extend(said.filter_map(|(text, hit)| words.are_in_folded(&text).then_some(hit)));
    })
    .await?;
    Ok(hits)
}
