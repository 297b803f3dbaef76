//! Reads the newest messages, and messages that are not rolled up yet, without the index.

use platform::postgres::types::{ToSql, Type};
use platform::work::Workers;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{Hit, Hits, Terms, read_in_parts};
use crate::page::STORED_BYTES;

/// The number of newest messages that each search reads, rolled up or not.
const NEWEST: i64 = 64;
/// The most messages of all robeings that are not rolled up yet, and of the robeing, that a search reads. It bounds
/// a search while roll-ups don't run.
const MAX_UNINDEXED: i64 = 20_000;
const MAX_UNINDEXED_OF_ROBEING: i64 = 2_000;

/// The newest messages of a robeing.
pub struct Newest {
    /// Newest first.
    pub hits: Vec<Hit>,
    /// Older messages have lower ids; none if there are no older messages.
    pub past: Option<Uuid>,
}

pub async fn newest(db: &Transaction<'_>, robeing_id: &str, past: Uuid) -> Result<Newest, Error> {
    let hits = newest_of(db, robeing_id, (None, None), past, NEWEST, STORED_BYTES).await?;
    let bytes: usize = hits.iter().map(Hit::bytes).sum();
    let is_full = hits.len() as i64 == NEWEST || bytes as i64 >= STORED_BYTES;
    let past = hits.last().map(|hit| hit.id).filter(|_| is_full);
    Ok(Newest { hits, past })
}

/// The newest messages of a robeing, of a thread or channel if one is given. It stops at `most` messages, or at
/// `bytes` bytes of text.
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

/// The messages that were committed since the last roll-up and contain all terms.
pub async fn unindexed(
    db: &Transaction<'_>,
    workers: &Workers,
    robeing_id: &str,
    past: Uuid,
    terms: &Terms,
    wanted: usize,
) -> Result<Hits, Error> {
    let mut hits = Hits::new(wanted);
    // Read separately, so that the planner sees the value and how few rows are above it.
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
        (&MAX_UNINDEXED_OF_ROBEING, Type::INT8),
        (&MAX_UNINDEXED, Type::INT8),
        (&after_id, Type::UUID),
    ];
    // Rows are streamed, since most are dropped at once.
    let rows = db.query_typed_raw(
        "with unindexed as materialized (
             select id, robeing_id
             from conversation.log
             where (xid, id) > ($1::text::xid8, $6)
             order by xid desc
             limit $5
         ),
         own as materialized (
             select id
             from unindexed
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
    read_in_parts(rows, workers, |messages| {
        let messages = messages.into_iter();
        hits.extend(messages.filter_map(|(text, hit)| terms.are_in(&text).then_some(hit)));
    })
    .await?;
    Ok(hits)
}
