//! What messages are searched by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use shared::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::Row;
use crate::grams::{BLOCK, Grams, fold, pieces};
use crate::log::day_of;

/// What comes into one block.
struct Added {
    messages: i32,
    first_id: Uuid,
    last_id: Uuid,
}

/// Numbers the messages of each robeing and month, which says what block each is in. They come in the
/// order of their ids.
pub(super) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut next = next_numbers(db, rows).await?;
    let mut added: BTreeMap<(&str, Date, i32), Added> = BTreeMap::new();
    let mut ids = Vec::with_capacity(rows.len());
    let mut robeings: Vec<&str> = Vec::with_capacity(rows.len());
    let mut blocks: Vec<i32> = Vec::with_capacity(rows.len());
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut grams: Vec<i32> = Vec::new();
    for row in rows {
        let place = (row.robeing_id.as_str(), month_of(row));
        let number = next.entry(place).or_default();
        let block = (*number / i64::from(BLOCK)) as i32;
        *number += 1;
        let in_block = added.entry((place.0, place.1, block)).or_insert(Added {
            messages: 0,
            first_id: row.id,
            last_id: row.id,
        });
        in_block.messages += 1;
        in_block.last_id = row.id;
        let texts = [&row.message, &row.response];
        firsts.push(grams.len() as i32 + 1);
        grams.extend(Grams::of(&row.robeing_id).in_block(block, &pieces_of(texts)));
        lasts.push(grams.len() as i32);
        ids.push(row.id);
        robeings.push(&row.robeing_id);
        blocks.push(block);
    }
    db.execute_typed(
        "insert into conversation.search (id, robeing_id, block, grams)
         select id, robeing_id, block, ($4::int4[])[first:last]
         from unnest($1::uuid[], $2::text[], $3::int4[], $5::int4[], $6::int4[])
             as new (id, robeing_id, block, first, last)",
        &[
            (&ids, Type::UUID_ARRAY),
            (&robeings, Type::TEXT_ARRAY),
            (&blocks, Type::INT4_ARRAY),
            (&grams, Type::INT4_ARRAY),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
        ],
    )
    .await?;
    count(db, &added).await
}

/// How many messages are in the search already.
async fn next_numbers<'a>(
    db: &Transaction<'_>,
    rows: &'a [Row],
) -> Result<HashMap<(&'a str, Date), i64>, Error> {
    let places: BTreeSet<(&str, Date)> = rows
        .iter()
        .map(|row| (row.robeing_id.as_str(), month_of(row)))
        .collect();
    let (robeings, months): (Vec<&str>, Vec<Date>) = places.iter().copied().unzip();
    let last = db
        .query_typed(
            "select position, block, messages
             from unnest($1::text[], $2::date[]) with ordinality as asked (robeing_id, month, position)
             cross join lateral (
                 select block, messages
                 from conversation.search_block
                 where search_block.robeing_id = asked.robeing_id and search_block.month = asked.month
                 order by block desc
                 limit 1
             ) as last",
            &[(&robeings, Type::TEXT_ARRAY), (&months, Type::DATE_ARRAY)],
        )
        .await?;
    let places: Vec<(&str, Date)> = places.into_iter().collect();
    last.iter()
        .map(|row| {
            let place = places[row.try_get::<_, i64>("position")? as usize - 1];
            let block: i32 = row.try_get("block")?;
            let messages: i32 = row.try_get("messages")?;
            Ok((
                place,
                i64::from(block) * i64::from(BLOCK) + i64::from(messages),
            ))
        })
        .collect()
}

async fn count(
    db: &Transaction<'_>,
    added: &BTreeMap<(&str, Date, i32), Added>,
) -> Result<(), Error> {
    let robeings: Vec<&str> = added.keys().map(|key| key.0).collect();
    let months: Vec<Date> = added.keys().map(|key| key.1).collect();
    let blocks: Vec<i32> = added.keys().map(|key| key.2).collect();
    let messages: Vec<i32> = added.values().map(|it| it.messages).collect();
    let first_ids: Vec<Uuid> = added.values().map(|it| it.first_id).collect();
    let last_ids: Vec<Uuid> = added.values().map(|it| it.last_id).collect();
    db.execute_typed(
        "insert into conversation.search_block as known
             (robeing_id, month, block, messages, first_id, last_id)
         select * from unnest($1::text[], $2::date[], $3::int4[], $4::int4[], $5::uuid[], $6::uuid[])
         on conflict (robeing_id, month, block) do update
         set messages = known.messages + excluded.messages,
             first_id = least(known.first_id, excluded.first_id),
             last_id = greatest(known.last_id, excluded.last_id)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&months, Type::DATE_ARRAY),
            (&blocks, Type::INT4_ARRAY),
            (&messages, Type::INT4_ARRAY),
            (&first_ids, Type::UUID_ARRAY),
            (&last_ids, Type::UUID_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// What was edited and committed before `to` is found by what it says now, in the block that it is in.
pub(super) async fn renew(db: &Transaction<'_>, to: &str) -> Result<(), Error> {
    let edited = db
        .query_typed(
            "with edited as (
                 delete from conversation.edited
                 where xid < $1::text::xid8
                 returning id
             )
             select distinct log.id, log.robeing_id, log.message, log.response, search.block
             from edited
             join conversation.log on log.id = edited.id
             join conversation.search on search.id = edited.id",
            &[(&to, Type::TEXT)],
        )
        .await?;
    for row in edited {
        let id: Uuid = row.try_get("id")?;
        let robeing_id: String = row.try_get("robeing_id")?;
        let block: i32 = row.try_get("block")?;
        let texts: [Option<String>; 2] = [row.try_get("message")?, row.try_get("response")?];
        let pieces = pieces_of([&texts[0], &texts[1]]);
        let grams: Vec<i32> = Grams::of(&robeing_id).in_block(block, &pieces).collect();
        db.execute_typed(
            "update conversation.search set grams = $2 where id = $1",
            &[(&id, Type::UUID), (&grams, Type::INT4_ARRAY)],
        )
        .await?;
    }
    Ok(())
}

fn pieces_of(texts: [&Option<String>; 2]) -> Vec<[char; 3]> {
    let texts = texts.into_iter().flatten();
    let folded: Vec<String> = texts.map(|text| fold(text)).collect();
    pieces(&folded.join(" "))
}

fn month_of(row: &Row) -> Date {
    day_of(row.created_at).first_of_month()
}
