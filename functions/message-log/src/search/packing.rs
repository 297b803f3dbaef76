//! Packs messages into segments: for each n-gram, the time keys of the messages that contain it.
//!
//! A new segment is small. Segments of about the same size are merged into a larger one. So each message is rewritten
//! a few times at most, and a rare term is looked up in few segments, however many messages there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use platform::postgres::types::Type;
use platform::work::Waiting;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use super::roll_up::IndexedMessage;
use super::time_key::{self, TimeKey};
use crate::rows::WORKERS;

/// A robeing and the first day of a month.
pub(super) type RobeingMonth = (String, Date);

/// The messages of the smallest segment.
pub(super) const MIN_MESSAGES: usize = 32;
/// A segment is this many times as large as a segment of the level below.
const GROWTH: i32 = 8;
/// The highest level, of 131,072 messages and more. Its segments are not merged, so that no statement takes longer
/// than a few seconds.
const MAX_LEVEL: u32 = 4;
/// The posting lists that are read at once to remove messages, and their bytes.
const MAX_LISTS: i64 = 10_000;
const MAX_LIST_BYTES: i64 = 8 * 1_024 * 1_024;

struct PackedSegment {
    number: i64,
    messages: i32,
    first_id: Uuid,
    last_id: Uuid,
}

impl PackedSegment {
    fn level(&self) -> u32 {
        let times = self.messages / MIN_MESSAGES as i32;
        times.max(1).ilog(GROWTH).min(MAX_LEVEL)
    }
}

/// Packs messages into a new segment, which may be merged into a larger one at once.
pub(super) async fn pack(
    db: &Transaction<'_>,
    robeing_month: &RobeingMonth,
    messages: Vec<IndexedMessage>,
) -> Result<(), Error> {
    let ids = || messages.iter().map(|message| message.id);
    let month = robeing_month.1;
    let segment = PackedSegment {
        number: next_number(db, month).await?,
        messages: messages.len() as i32,
        first_id: ids().min().unwrap_or_default(),
        last_id: ids().max().unwrap_or_default(),
    };
    let bytes = messages.iter().map(|it| size_of_val(&*it.ngrams)).sum();
    let list = move |_: &Waiting| {
        let mut postings: BTreeMap<i32, Vec<TimeKey>> = BTreeMap::new();
        for message in messages {
            let key = time_key::of(message.id);
            for ngram in message.ngrams {
                postings.entry(ngram).or_default().push(key);
            }
        }
        let lists = postings.into_iter();
        lists
            .map(|(ngram, keys)| (ngram, time_key::to_bytes(month, &keys)))
            .unzip()
    };
    let (ngrams, lists): (Vec<i32>, Vec<Vec<u8>>) = WORKERS.run(bytes, list).await;
    db.execute_typed(
        "insert into conversation.search_posting (segment, ngram, time_keys)
         select $1, * from unnest($2::int4[], $3::bytea[])",
        &[
            (&segment.number, Type::INT8),
            (&ngrams, Type::INT4_ARRAY),
            (&lists, Type::BYTEA_ARRAY),
        ],
    )
    .await?;
    insert(db, robeing_month, &segment).await?;
    merge(db, robeing_month).await
}

/// Numbers are never reused: a reader with the number of a segment finds it whole, or not at all.
async fn next_number(db: &Transaction<'_>, month: Date) -> Result<i64, Error> {
    let (first, _) = time_key::segments_of_month(month);
    let row = db
        .query_typed_one(
            "select $1 + conversation.next_segment()",
            &[(&first, Type::INT8)],
        )
        .await?;
    row.try_get(0)
}

async fn insert(
    db: &Transaction<'_>,
    (robeing_id, month): &RobeingMonth,
    segment: &PackedSegment,
) -> Result<(), Error> {
    db.execute_typed(
        "insert into conversation.search_segment (segment, robeing_id, month, messages, first_id, last_id)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            (&segment.number, Type::INT8),
            (robeing_id, Type::TEXT),
            (month, Type::DATE),
            (&segment.messages, Type::INT4),
            (&segment.first_id, Type::UUID),
            (&segment.last_id, Type::UUID),
        ],
    )
    .await?;
    Ok(())
}

/// Merges the segments of a level once they have enough messages for the next level.
async fn merge(db: &Transaction<'_>, robeing_month: &RobeingMonth) -> Result<(), Error> {
    let mut all = segments(db, robeing_month).await?;
    let mut enough = MIN_MESSAGES as i32;
    for level in 0..MAX_LEVEL {
        enough *= GROWTH;
        let (of_level, others): (Vec<PackedSegment>, Vec<PackedSegment>) = all
            .into_iter()
            .partition(|segment| segment.level() == level);
        all = others;
        let messages = of_level.iter().map(|segment| segment.messages).sum();
        if messages < enough {
            continue;
        }
        let first_id = of_level.iter().map(|segment| segment.first_id).min();
        let last_id = of_level.iter().map(|segment| segment.last_id).max();
        let merged = PackedSegment {
            number: next_number(db, robeing_month.1).await?,
            messages,
            first_id: first_id.unwrap_or_default(),
            last_id: last_id.unwrap_or_default(),
        };
        let numbers: Vec<i64> = of_level.iter().map(|segment| segment.number).collect();
        db.execute_typed(
            "with merged as (
                 delete from conversation.search_posting
                 where segment = any ($1)
                 returning segment, ngram, time_keys
             )
             insert into conversation.search_posting (segment, ngram, time_keys)
             select $2, ngram, string_agg(time_keys, '' order by segment)
             from merged
             group by ngram
             order by ngram",
            &[(&numbers, Type::INT8_ARRAY), (&merged.number, Type::INT8)],
        )
        .await?;
        db.execute_typed(
            "delete from conversation.search_segment where segment = any ($1)",
            &[(&numbers, Type::INT8_ARRAY)],
        )
        .await?;
        insert(db, robeing_month, &merged).await?;
        all.push(merged);
    }
    Ok(())
}

async fn segments(
    db: &Transaction<'_>,
    (robeing_id, month): &RobeingMonth,
) -> Result<Vec<PackedSegment>, Error> {
    let rows = db
        .query_typed(
            "select segment, messages, first_id, last_id
             from conversation.search_segment
             where robeing_id = $1 and month = $2",
            &[(robeing_id, Type::TEXT), (month, Type::DATE)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(PackedSegment {
                number: row.try_get("segment")?,
                messages: row.try_get("messages")?,
                first_id: row.try_get("first_id")?,
                last_id: row.try_get("last_id")?,
            })
        })
        .collect()
}

/// Removes time keys from the posting lists of all segments that may have them.
pub(super) async fn remove(
    db: &Transaction<'_>,
    robeing_month: &RobeingMonth,
    removed: &BTreeSet<TimeKey>,
) -> Result<(), Error> {
    let removed = Arc::new(removed.clone());
    for segment in segments(db, robeing_month).await? {
        let keys = time_key::between(segment.first_id, segment.last_id);
        if removed.range(keys).next().is_some() {
            remove_from(db, robeing_month.1, segment.number, &removed).await?;
        }
    }
    Ok(())
}

async fn remove_from(
    db: &Transaction<'_>,
    month: Date,
    segment: i64,
    removed: &Arc<BTreeSet<TimeKey>>,
) -> Result<(), Error> {
    let mut after: Option<i32> = None;
    loop {
        let rows = db
            .query_typed(
                "select ngram, time_keys
                 from (
                     select *, sum(octet_length(time_keys)) over (order by ngram) - octet_length(time_keys) as bytes
                     from (
                         select ngram, time_keys
                         from conversation.search_posting
                         where segment = $1 and ($2::int4 is null or ngram > $2)
                         order by ngram
                         limit $3
                     ) as next
                 ) as measured
                 where bytes < $4
                 order by ngram",
                &[
                    (&segment, Type::INT8),
                    (&after, Type::INT4),
                    (&MAX_LISTS, Type::INT8),
                    (&MAX_LIST_BYTES, Type::INT8),
                ],
            )
            .await?;
        let Some(last) = rows.last() else {
            break;
        };
        after = Some(last.try_get("ngram")?);
        let removed = removed.clone();
        let shorten = move |_: &Waiting| shortened(month, &rows, &removed);
        let (ngrams, lists) = WORKERS.run(MAX_LIST_BYTES as usize, shorten).await?;
        db.execute_typed(
            "update conversation.search_posting
             set time_keys = shortened.time_keys
             from unnest($2::int4[], $3::bytea[]) as shortened (ngram, time_keys)
             where segment = $1 and search_posting.ngram = shortened.ngram",
            &[
                (&segment, Type::INT8),
                (&ngrams, Type::INT4_ARRAY),
                (&lists, Type::BYTEA_ARRAY),
            ],
        )
        .await?;
    }
    db.execute_typed(
        "delete from conversation.search_posting where segment = $1 and time_keys = ''",
        &[(&segment, Type::INT8)],
    )
    .await?;
    Ok(())
}

/// The n-grams of the lists that had some of the removed time keys, and the shortened lists.
fn shortened(
    month: Date,
    lists: &[Row],
    removed: &BTreeSet<TimeKey>,
) -> Result<(Vec<i32>, Vec<Vec<u8>>), Error> {
    let (mut ngrams, mut shortened) = (Vec::new(), Vec::new());
    for list in lists {
        let mut keys = time_key::from_bytes(month, list.try_get("time_keys")?);
        let before = keys.len();
        keys.retain(|key| !removed.contains(key));
        if keys.len() < before {
            ngrams.push(list.try_get("ngram")?);
            shortened.push(time_key::to_bytes(month, &keys));
        }
    }
    Ok((ngrams, shortened))
}
