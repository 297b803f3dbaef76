//! What messages are searched by: the pieces of their texts.
//!
//! What comes in is a tail of single messages first. Once a robeing and month have enough of them,
//! they are packed into a [segment](segments).

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::work::Waiting;
use robeing::ROBEINGS;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::segments::{self, Place};
use super::{Row, WORKERS};
use crate::derived::Edited;
use crate::pieces::{self, fold, hashes};
use crate::search::moments::{self, Moment};

/// Texts of edited messages that are in memory at once.
const AT_ONCE: usize = 500;

/// A message as it is searched.
pub(super) struct Searched {
    pub(super) id: Uuid,
    pub(super) pieces: Vec<i32>,
}

/// The rows of a roll-up, in the order of their ids.
pub(super) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut places: BTreeMap<Place, Vec<Searched>> = BTreeMap::new();
    for row in rows {
        let place = place(&row.robeing_id, row.id);
        let searched = searched(row.id, row.pieces.clone());
        places.entry(place).or_default().extend(searched);
    }
    append(db, places).await
}

/// None for a message without letters.
fn searched(id: Uuid, pieces: Vec<i32>) -> Option<Searched> {
    (!pieces.is_empty()).then_some(Searched { id, pieces })
}

pub(super) fn pieces(robeing_id: &str, texts: [&Option<String>; 2]) -> Vec<i32> {
    let texts = texts.into_iter().flatten();
    let folded: Vec<String> = texts.map(|text| fold(text)).collect();
    hashes(robeing_id, &folded.join(" "))
}

fn place(robeing_id: &str, id: Uuid) -> Place {
    (robeing_id.to_owned(), moments::month_of(id))
}

/// To the tail, and the tail into a segment where there is enough of it.
async fn append(db: &Transaction<'_>, places: BTreeMap<Place, Vec<Searched>>) -> Result<(), Error> {
    let waiting = waiting(db, places.keys()).await?;
    let (mut robeings, mut ids): (Vec<String>, Vec<Uuid>) = (Vec::new(), Vec::new());
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut pieces: Vec<i32> = Vec::new();
    for ((place, new), waiting) in places.into_iter().zip(waiting) {
        if waiting + new.len() >= segments::SMALLEST {
            let mut all = take_tail(db, &place).await?;
            all.extend(new);
            segments::pack(db, &place, all).await?;
            continue;
        }
        for message in new {
            robeings.push(place.0.clone());
            ids.push(message.id);
            firsts.push(pieces.len() as i32 + 1);
            pieces.extend(message.pieces);
            lasts.push(pieces.len() as i32);
        }
    }
    db.execute_typed(
        "insert into conversation.search_tail (robeing_id, id, pieces)
         select robeing_id, id, ($3::int4[])[first:last]
         from unnest($1::text[], $2::uuid[], $4::int4[], $5::int4[])
             as new (robeing_id, id, first, last)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&pieces, Type::INT4_ARRAY),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// How many messages of each place are in the tail.
async fn waiting(
    db: &Transaction<'_>,
    places: impl Iterator<Item = &Place>,
) -> Result<Vec<usize>, Error> {
    let (mut robeings, mut firsts, mut pasts) = (Vec::new(), Vec::new(), Vec::new());
    for (robeing_id, month) in places {
        robeings.push(robeing_id.as_str());
        firsts.push(moments::first_id(*month));
        pasts.push(moments::past_id(*month));
    }
    let counts = db
        .query_typed(
            "select (select count(*)
                     from conversation.search_tail
                     where search_tail.robeing_id = asked.robeing_id and id >= first and id < past)
             from unnest($1::text[], $2::uuid[], $3::uuid[]) with ordinality
                 as asked (robeing_id, first, past, nth)
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

async fn take_tail(db: &Transaction<'_>, place: &Place) -> Result<Vec<Searched>, Error> {
    let (robeing_id, month) = place;
    let rows = db
        .query_typed(
            "delete from conversation.search_tail
             where robeing_id = $1 and id >= $2 and id < $3
             returning id, pieces",
            &[
                (robeing_id, Type::TEXT),
                (&moments::first_id(*month), Type::UUID),
                (&moments::past_id(*month), Type::UUID),
            ],
        )
        .await?;
    let searched = |row: &tokio_postgres::Row| {
        Ok(Searched {
            id: row.try_get("id")?,
            pieces: row.try_get("pieces")?,
        })
    };
    rows.iter().map(searched).collect()
}

/// Edited messages are found by what they say now, as far as they are rolled up, and by nothing else.
///
/// Search knows messages by their moments, so that all of these moments are taken out and what is
/// there is added anew.
pub(crate) async fn renew(db: &Transaction<'_>, edited: &[Edited]) -> Result<(), Error> {
    let mut places: BTreeMap<Place, BTreeSet<Moment>> = BTreeMap::new();
    for it in edited {
        let place = place(&it.robeing_id, it.id);
        places.entry(place).or_default().insert(moments::of(it.id));
    }
    for (place, moments) in &places {
        segments::forget(db, place, moments).await?;
    }
    let moments: Vec<(&str, Moment)> = places
        .iter()
        .flat_map(|((robeing_id, _), moments)| {
            moments.iter().map(|moment| (robeing_id.as_str(), *moment))
        })
        .collect();
    forget_tail(db, &Ranges::of(&moments)).await?;
    for moments in moments.chunks(AT_ONCE) {
        let said = said_at(db, &Ranges::of(moments)).await?;
        append(db, said).await?;
    }
    Ok(())
}

/// Where the ids of some moments are.
#[derive(Default)]
struct Ranges<'a> {
    robeings: Vec<&'a str>,
    leasts: Vec<Uuid>,
    pasts: Vec<Uuid>,
}

impl<'a> Ranges<'a> {
    fn of(moments: &[(&'a str, Moment)]) -> Self {
        let mut ranges = Self::default();
        for (robeing_id, moment) in moments {
            ranges.robeings.push(robeing_id);
            ranges.leasts.push(moments::id(*moment));
            ranges.pasts.push(moments::past(*moment));
        }
        ranges
    }
}

async fn forget_tail(db: &Transaction<'_>, ranges: &Ranges<'_>) -> Result<(), Error> {
    db.execute_typed(
        "delete from conversation.search_tail
         using unnest($1::text[], $2::uuid[], $3::uuid[]) as moment (robeing_id, least, past)
         where search_tail.robeing_id = moment.robeing_id
           and id >= least
           and id < past
           and get_byte(uuid_send(id), 15) = get_byte(uuid_send(least), 15)",
        &[
            (&ranges.robeings, Type::TEXT_ARRAY),
            (&ranges.leasts, Type::UUID_ARRAY),
            (&ranges.pasts, Type::UUID_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// What the log has of these moments, as far as it is rolled up.
async fn said_at(
    db: &Transaction<'_>,
    ranges: &Ranges<'_>,
) -> Result<BTreeMap<Place, Vec<Searched>>, Error> {
    let rows = db
        .query_typed(
            "select said.*
             from unnest($1::text[], $2::uuid[], $3::uuid[]) as moment (robeing_id, least, past)
             cross join lateral (
                 select id, robeing_id, left(message, $4) as message, left(response, $4) as response
                 from conversation.log
                 where robeing_id = moment.robeing_id
                   and id >= moment.least
                   and id < moment.past
                   and get_byte(uuid_send(id), 15) = get_byte(uuid_send(moment.least), 15)
                   and (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')
                 -- Keeps the planner from reading the whole log.
                 offset 0
             ) as said
             order by id",
            &[
                (&ranges.robeings, Type::TEXT_ARRAY),
                (&ranges.leasts, Type::UUID_ARRAY),
                (&ranges.pasts, Type::UUID_ARRAY),
                (&(pieces::LONGEST as i32), Type::INT4),
            ],
        )
        .await?;
    let bytes = rows.len() * pieces::LONGEST;
    let read = |waiting: &Waiting| {
        let rows = waiting.each(rows, |row| {
            let (id, robeing_id): (Uuid, String) = (row.try_get("id")?, row.try_get("robeing_id")?);
            let texts = [row.try_get("message")?, row.try_get("response")?];
            let searched = searched(id, pieces(&robeing_id, [&texts[0], &texts[1]]));
            Ok((place(&robeing_id, id), searched))
        });
        let mut found: BTreeMap<Place, Vec<Searched>> = BTreeMap::new();
        for row in rows {
            let (place, searched) = row?;
            found.entry(place).or_default().extend(searched);
        }
        Ok(found)
    };
    WORKERS.run(bytes, read).await
}

/// Of all segments of a robeing, which are the caller's to delete.
pub(crate) async fn forget_postings(
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

/// What search knows of a month, beside the postings, which are a partition.
pub(crate) async fn forget_month(client: &Client, month: Date) -> Result<(), Error> {
    db::query(
        client,
        &Scope::all(ROBEINGS),
        "with segment as (
             delete from conversation.search_segment where segment >= $1 and segment < $2
         )
         delete from conversation.search_tail where id >= $3 and id < $4",
        &[
            (&moments::first_segment(month), Type::INT8),
            (&moments::past_segment(month), Type::INT8),
            (&moments::first_id(month), Type::UUID),
            (&moments::past_id(month), Type::UUID),
        ],
    )
    .await?;
    Ok(())
}
