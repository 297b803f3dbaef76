//! Adds messages to the index, and removes them.
//!
//! Messages are added to the tail first, one row each. Once a robeing and month have enough of them, they are packed
//! into a [segment](super::packing).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::work::Waiting;
use robeing::ROBEINGS;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::folding::fold;
use super::ngrams::{self, hashes};
use super::packing::{self, RobeingMonth};
use super::time_key::{self, TimeKey};
use crate::ids::{ids_of_month, month_of};
use crate::rows::{Edited, Row, WORKERS};

/// The most edited messages whose texts are in memory at once.
const MAX_TEXTS: usize = 500;

/// A message with the n-grams of its texts.
pub(super) struct IndexedMessage {
    pub(super) id: Uuid,
    pub(super) ngrams: Vec<i32>,
}

type Messages = BTreeMap<RobeingMonth, Vec<IndexedMessage>>;

/// Adds the rows of a roll-up, which are in the order of their ids.
pub(crate) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut messages = Messages::new();
    for row in rows {
        let key = (row.robeing_id.clone(), month_of(row.id));
        let message = indexed(row.id, row.ngrams.clone());
        messages.entry(key).or_default().extend(message);
    }
    append(db, messages).await
}

/// None for a message without letters.
fn indexed(id: Uuid, ngrams: Vec<i32>) -> Option<IndexedMessage> {
    (!ngrams.is_empty()).then_some(IndexedMessage { id, ngrams })
}

/// The n-grams of a message and its response.
pub(crate) fn ngrams_of(robeing_id: &str, texts: [&Option<String>; 2]) -> Vec<i32> {
    let texts = texts.into_iter().flatten();
    let folded: Vec<String> = texts.map(|text| fold(text)).collect();
    hashes(robeing_id, &folded.join(" "))
}

/// Adds messages to the tail, or packs them together with the tail if there are enough.
async fn append(db: &Transaction<'_>, messages: Messages) -> Result<(), Error> {
    let tails = tail_lengths(db, messages.keys()).await?;
    let (mut robeings, mut ids): (Vec<String>, Vec<Uuid>) = (Vec::new(), Vec::new());
    // The n-grams of all messages in one array, and the slice of each.
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut ngrams: Vec<i32> = Vec::new();
    for ((key, new), tail) in messages.into_iter().zip(tails) {
        if tail + new.len() >= packing::MIN_MESSAGES {
            let mut all = take_tail(db, &key).await?;
            all.extend(new);
            packing::pack(db, &key, all).await?;
            continue;
        }
        for message in new {
            robeings.push(key.0.clone());
            ids.push(message.id);
            firsts.push(ngrams.len() as i32 + 1);
            ngrams.extend(message.ngrams);
            lasts.push(ngrams.len() as i32);
        }
    }
    db.execute_typed(
        "insert into conversation.search_tail (robeing_id, id, ngrams)
         select robeing_id, id, ($3::int4[])[first:last]
         from unnest($1::text[], $2::uuid[], $4::int4[], $5::int4[])
             as new (robeing_id, id, first, last)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&ngrams, Type::INT4_ARRAY),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// How many messages of each robeing and month are in the tail.
async fn tail_lengths(
    db: &Transaction<'_>,
    keys: impl Iterator<Item = &RobeingMonth>,
) -> Result<Vec<usize>, Error> {
    let (mut robeings, mut firsts, mut pasts) = (Vec::new(), Vec::new(), Vec::new());
    for (robeing_id, month) in keys {
        let (first, past) = ids_of_month(*month);
        robeings.push(robeing_id.as_str());
        firsts.push(first);
        pasts.push(past);
    }
    let counts = db
        .query_typed(
            "select (select count(*)
                     from conversation.search_tail
                     where search_tail.robeing_id = tail.robeing_id and id >= first and id < past)
             from unnest($1::text[], $2::uuid[], $3::uuid[]) with ordinality
                 as tail (robeing_id, first, past, nth)
             order by nth",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&firsts, Type::UUID_ARRAY),
                (&pasts, Type::UUID_ARRAY),
            ],
        )
        .await?;
    let count = |row: &tokio_postgres::Row| Ok(row.try_get::<_, i64>(0)? as usize);
    counts.iter().map(count).collect()
}

async fn take_tail(
    db: &Transaction<'_>,
    (robeing_id, month): &RobeingMonth,
) -> Result<Vec<IndexedMessage>, Error> {
    let (first, past) = ids_of_month(*month);
    let rows = db
        .query_typed(
            "delete from conversation.search_tail
             where robeing_id = $1 and id >= $2 and id < $3
             returning id, ngrams",
            &[
                (robeing_id, Type::TEXT),
                (&first, Type::UUID),
                (&past, Type::UUID),
            ],
        )
        .await?;
    let message = |row: &tokio_postgres::Row| {
        Ok(IndexedMessage {
            id: row.try_get("id")?,
            ngrams: row.try_get("ngrams")?,
        })
    };
    rows.iter().map(message).collect()
}

/// Brings the index of edited messages up to date, as far as they are rolled up.
///
/// The index names messages by their time keys, which others may share. So all messages with these time keys are
/// removed, and added again with their current texts.
pub(crate) async fn renew(db: &Transaction<'_>, edited: &[Edited]) -> Result<(), Error> {
    let mut removed: BTreeMap<RobeingMonth, BTreeSet<TimeKey>> = BTreeMap::new();
    for it in edited {
        let keys = removed.entry((it.robeing_id.clone(), month_of(it.id)));
        keys.or_default().insert(time_key::of(it.id));
    }
    for (robeing_month, keys) in &removed {
        packing::remove(db, robeing_month, keys).await?;
    }
    let keys: Vec<(&str, TimeKey)> = removed
        .iter()
        .flat_map(|((robeing_id, _), keys)| keys.iter().map(|key| (robeing_id.as_str(), *key)))
        .collect();
    remove_from_tail(db, &IdRanges::of(&keys)).await?;
    for keys in keys.chunks(MAX_TEXTS) {
        let messages = read_log(db, &IdRanges::of(keys)).await?;
        append(db, messages).await?;
    }
    Ok(())
}

/// The ranges of ids that some time keys stand for.
#[derive(Default)]
struct IdRanges<'a> {
    robeings: Vec<&'a str>,
    firsts: Vec<Uuid>,
    pasts: Vec<Uuid>,
}

impl<'a> IdRanges<'a> {
    fn of(keys: &[(&'a str, TimeKey)]) -> Self {
        let mut ranges = Self::default();
        for (robeing_id, key) in keys {
            ranges.robeings.push(robeing_id);
            ranges.firsts.push(time_key::first_id(*key));
            ranges.pasts.push(time_key::past_id(*key));
        }
        ranges
    }
}

async fn remove_from_tail(db: &Transaction<'_>, ranges: &IdRanges<'_>) -> Result<(), Error> {
    db.execute_typed(
        "delete from conversation.search_tail
         using unnest($1::text[], $2::uuid[], $3::uuid[]) as time_key (robeing_id, first_id, past_id)
         where search_tail.robeing_id = time_key.robeing_id
           and id >= first_id
           and id < past_id
           and get_byte(uuid_send(id), 15) = get_byte(uuid_send(first_id), 15)",
        &[
            (&ranges.robeings, Type::TEXT_ARRAY),
            (&ranges.firsts, Type::UUID_ARRAY),
            (&ranges.pasts, Type::UUID_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// Reads messages with these time keys from the log, as far as they are rolled up.
async fn read_log(db: &Transaction<'_>, ranges: &IdRanges<'_>) -> Result<Messages, Error> {
    let rows = db
        .query_typed(
            "select message.*
             from unnest($1::text[], $2::uuid[], $3::uuid[]) as time_key (robeing_id, first_id, past_id)
             cross join lateral (
                 select id, robeing_id, left(message, $4) as message, left(response, $4) as response
                 from conversation.log
                 where robeing_id = time_key.robeing_id
                   and id >= time_key.first_id
                   and id < time_key.past_id
                   and get_byte(uuid_send(id), 15) = get_byte(uuid_send(time_key.first_id), 15)
                   and (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')
                 -- Keeps the planner from reading the whole log.
                 offset 0
             ) as message
             order by id",
            &[
                (&ranges.robeings, Type::TEXT_ARRAY),
                (&ranges.firsts, Type::UUID_ARRAY),
                (&ranges.pasts, Type::UUID_ARRAY),
                (&(ngrams::MAX_LENGTH as i32), Type::INT4),
            ],
        )
        .await?;
    let bytes = rows.len() * ngrams::MAX_LENGTH;
    let read = |waiting: &Waiting| {
        let rows = waiting.each(rows, |row| {
            let (id, robeing_id): (Uuid, String) = (row.try_get("id")?, row.try_get("robeing_id")?);
            let texts = [row.try_get("message")?, row.try_get("response")?];
            let message = indexed(id, ngrams_of(&robeing_id, [&texts[0], &texts[1]]));
            Ok(((robeing_id, month_of(id)), message))
        });
        let mut messages = Messages::new();
        for row in rows {
            let (key, message) = row?;
            messages.entry(key).or_default().extend(message);
        }
        Ok(messages)
    };
    WORKERS.run(bytes, read).await
}

/// Removes the postings of a robeing. Its segments are deleted by the caller.
pub(crate) async fn remove_postings(
    db: &Transaction<'_>,
    robeing_id: &str,
    robeings: Option<&[String]>,
) -> Result<(), Error> {
    db.execute_typed(
        "delete from conversation.search_posting
         where segment in (
             select segment from conversation.search_segment
             where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2)))",
        &[(&robeing_id, Type::TEXT), (&robeings, Type::TEXT_ARRAY)],
    )
    .await?;
    Ok(())
}

/// Removes a month from the index, except its postings, which are a partition.
pub(crate) async fn remove_month(client: &Client, month: Date) -> Result<(), Error> {
    let (first_segment, past_segment) = time_key::segments_of_month(month);
    let (first_id, past_id) = ids_of_month(month);
    db::query(
        client,
        &Scope::all(ROBEINGS),
        "with segment as (
             delete from conversation.search_segment where segment >= $1 and segment < $2
         )
         delete from conversation.search_tail where id >= $3 and id < $4",
        &[
            (&first_segment, Type::INT8),
            (&past_segment, Type::INT8),
            (&first_id, Type::UUID),
            (&past_id, Type::UUID),
        ],
    )
    .await?;
    Ok(())
}
