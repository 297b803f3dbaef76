//! Segments: for each piece of text the moments of the messages that hold it.
//!
//! A segment is small when it is packed, and is merged with others of its size into one of the next:
//! so a message is written anew a few times in all, and a rare word is looked for in few places,
//! however many messages there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use platform::postgres::types::Type;
use platform::work::Waiting;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use super::WORKERS;
use super::search::Searched;
use crate::search::moments::{self, Moment};

/// A robeing and a month.
pub(super) type Place = (String, Date);

/// In messages.
pub(super) const SMALLEST: usize = 32;
/// A segment of one level is so many times as large as one of the level below.
const GROWTH: i32 = 8;
/// The last, of 131,072 messages and more, whose segments are not merged any more: no statement takes
/// much longer than a few seconds.
const LARGEST: u32 = 4;
/// Lists that are read at once where moments are taken out, and their bytes.
const PAGE: i64 = 10_000;
const PAGE_BYTES: i64 = 8 * 1_024 * 1_024;

struct Segment {
    number: i64,
    messages: i32,
    first_id: Uuid,
    last_id: Uuid,
}

impl Segment {
    fn level(&self) -> u32 {
        let times = self.messages / SMALLEST as i32;
        times.max(1).ilog(GROWTH).min(LARGEST)
    }
}

/// A segment of its own, which may at once become part of a larger one.
pub(super) async fn pack(
    db: &Transaction<'_>,
    place: &Place,
    messages: Vec<Searched>,
) -> Result<(), Error> {
    let ids = || messages.iter().map(|message| message.id);
    let segment = Segment {
        number: next_number(db, place.1).await?,
        messages: messages.len() as i32,
        first_id: ids().min().unwrap_or_default(),
        last_id: ids().max().unwrap_or_default(),
    };
    let month = place.1;
    let bytes = messages.iter().map(|it| size_of_val(&*it.pieces)).sum();
    let list = move |_: &Waiting| {
        let mut postings: BTreeMap<i32, Vec<Moment>> = BTreeMap::new();
        for message in messages {
            let moment = moments::of(message.id);
            for piece in message.pieces {
                postings.entry(piece).or_default().push(moment);
            }
        }
        let lists = postings.into_iter();
        lists
            .map(|(piece, moments)| (piece, moments::to_bytes(month, &moments)))
            .unzip()
    };
    let (pieces, moments): (Vec<i32>, Vec<Vec<u8>>) = WORKERS.run(bytes, list).await;
    db.execute_typed(
        "insert into conversation.search_posting (segment, piece, moments)
         select $1, * from unnest($2::int4[], $3::bytea[])",
        &[
            (&segment.number, Type::INT8),
            (&pieces, Type::INT4_ARRAY),
            (&moments, Type::BYTEA_ARRAY),
        ],
    )
    .await?;
    insert(db, place, &segment).await?;
    merge(db, place).await
}

/// None is given twice: whoever has a segment's number finds it whole, or not at all.
async fn next_number(db: &Transaction<'_>, month: Date) -> Result<i64, Error> {
    let first = moments::first_segment(month);
    let row = db
        .query_typed_one(
            "select $1 + conversation.next_segment()",
            &[(&first, Type::INT8)],
        )
        .await?;
    row.try_get(0)
}

async fn insert(db: &Transaction<'_>, place: &Place, it: &Segment) -> Result<(), Error> {
    db.execute_typed(
        "insert into conversation.search_segment (segment, robeing_id, month, messages, first_id, last_id)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            (&it.number, Type::INT8),
            (&place.0, Type::TEXT),
            (&place.1, Type::DATE),
            (&it.messages, Type::INT4),
            (&it.first_id, Type::UUID),
            (&it.last_id, Type::UUID),
        ],
    )
    .await?;
    Ok(())
}

/// The segments of a level become one as soon as that is one of the next.
async fn merge(db: &Transaction<'_>, place: &Place) -> Result<(), Error> {
    let mut all = of_place(db, place).await?;
    let mut enough = SMALLEST as i32;
    for level in 0..LARGEST {
        enough *= GROWTH;
        let (of_level, others): (Vec<Segment>, Vec<Segment>) = all
            .into_iter()
            .partition(|segment| segment.level() == level);
        all = others;
        let messages = of_level.iter().map(|segment| segment.messages).sum();
        if messages < enough {
            continue;
        }
        let first_id = of_level.iter().map(|segment| segment.first_id).min();
        let last_id = of_level.iter().map(|segment| segment.last_id).max();
        let merged = Segment {
            number: next_number(db, place.1).await?,
            messages,
            first_id: first_id.unwrap_or_default(),
            last_id: last_id.unwrap_or_default(),
        };
        let numbers: Vec<i64> = of_level.iter().map(|segment| segment.number).collect();
        db.execute_typed(
            "with gone as (
                 delete from conversation.search_posting
                 where segment = any ($1)
                 returning segment, piece, moments
             )
             insert into conversation.search_posting (segment, piece, moments)
             select $2, piece, string_agg(moments, '' order by segment)
             from gone
             group by piece
             order by piece",
            &[(&numbers, Type::INT8_ARRAY), (&merged.number, Type::INT8)],
        )
        .await?;
        db.execute_typed(
            "delete from conversation.search_segment where segment = any ($1)",
            &[(&numbers, Type::INT8_ARRAY)],
        )
        .await?;
        insert(db, place, &merged).await?;
        all.push(merged);
    }
    Ok(())
}

async fn of_place(db: &Transaction<'_>, place: &Place) -> Result<Vec<Segment>, Error> {
    let rows = db
        .query_typed(
            "select segment, messages, first_id, last_id
             from conversation.search_segment
             where robeing_id = $1 and month = $2",
            &[(&place.0, Type::TEXT), (&place.1, Type::DATE)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Segment {
                number: row.try_get("segment")?,
                messages: row.try_get("messages")?,
                first_id: row.try_get("first_id")?,
                last_id: row.try_get("last_id")?,
            })
        })
        .collect()
}

/// Takes these moments out of every list of the segments that may have them.
pub(super) async fn forget(
    db: &Transaction<'_>,
    place: &Place,
    gone: &BTreeSet<Moment>,
) -> Result<(), Error> {
    let gone = Arc::new(gone.clone());
    for segment in of_place(db, place).await? {
        let moments = moments::between(segment.first_id, segment.last_id);
        if gone.range(moments).next().is_some() {
            forget_in(db, place.1, segment.number, &gone).await?;
        }
    }
    Ok(())
}

async fn forget_in(
    db: &Transaction<'_>,
    month: Date,
    segment: i64,
    gone: &Arc<BTreeSet<Moment>>,
) -> Result<(), Error> {
    let mut after: Option<i32> = None;
    loop {
        let rows = db
            .query_typed(
                "select piece, moments
                 from (
                     select *, sum(octet_length(moments)) over (order by piece) - octet_length(moments) as bytes
                     from (
                         select piece, moments
                         from conversation.search_posting
                         where segment = $1 and ($2::int4 is null or piece > $2)
                         order by piece
                         limit $3
                     ) as next
                 ) as measured
                 where bytes < $4
                 order by piece",
                &[
                    (&segment, Type::INT8),
                    (&after, Type::INT4),
                    (&PAGE, Type::INT8),
                    (&PAGE_BYTES, Type::INT8),
                ],
            )
            .await?;
        let Some(last) = rows.last() else {
            break;
        };
        after = Some(last.try_get("piece")?);
        let gone = gone.clone();
        let take_out = move |_: &Waiting| without(month, &rows, &gone);
        let (pieces, lists) = WORKERS.run(PAGE_BYTES as usize, take_out).await?;
        db.execute_typed(
            "update conversation.search_posting
             set moments = kept.moments
             from unnest($2::int4[], $3::bytea[]) as kept (piece, moments)
             where segment = $1 and search_posting.piece = kept.piece",
            &[
                (&segment, Type::INT8),
                (&pieces, Type::INT4_ARRAY),
                (&lists, Type::BYTEA_ARRAY),
            ],
        )
        .await?;
    }
    db.execute_typed(
        "delete from conversation.search_posting where segment = $1 and moments = ''",
        &[(&segment, Type::INT8)],
    )
    .await?;
    Ok(())
}

/// The lists that had some of these moments, by their pieces, and what is left of them.
fn without(
    month: Date,
    lists: &[Row],
    gone: &BTreeSet<Moment>,
) -> Result<(Vec<i32>, Vec<Vec<u8>>), Error> {
    let (mut pieces, mut left) = (Vec::new(), Vec::new());
    for list in lists {
        let mut moments = moments::from_bytes(month, list.try_get("moments")?);
        let before = moments.len();
        moments.retain(|moment| !gone.contains(moment));
        if moments.len() < before {
            pieces.push(list.try_get("piece")?);
            left.push(moments::to_bytes(month, &moments));
        }
    }
    Ok((pieces, left))
}
