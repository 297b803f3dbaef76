//! What messages are searched by.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use shared::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::Row;
use crate::grams::{BLOCK, Grams, fold, pieces};
use crate::log::day_of;

/// Numbers the messages of each robeing and month, which says what block each is in.
pub(super) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut added: BTreeMap<(&str, Date), i64> = BTreeMap::new();
    for row in rows {
        *added.entry((&row.robeing_id, month_of(row))).or_default() += 1;
    }
    let robeings: Vec<&str> = added.keys().map(|(robeing, _)| *robeing).collect();
    let months: Vec<Date> = added.keys().map(|(_, month)| *month).collect();
    let counts: Vec<i64> = added.values().copied().collect();
    let sizes = db
        .query_typed(
            "insert into conversation.search_size as size (robeing_id, month, messages)
             select * from unnest($1::text[], $2::date[], $3::int8[])
             on conflict (robeing_id, month) do update
             set messages = size.messages + excluded.messages
             returning robeing_id, month, messages",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&months, Type::DATE_ARRAY),
                (&counts, Type::INT8_ARRAY),
            ],
        )
        .await?;
    let mut next: HashMap<(String, Date), i64> = HashMap::new();
    for size in &sizes {
        let (robeing, month): (String, Date) =
            (size.try_get("robeing_id")?, size.try_get("month")?);
        let new = added
            .get(&(robeing.as_str(), month))
            .copied()
            .unwrap_or_default();
        next.insert((robeing, month), size.try_get::<_, i64>("messages")? - new);
    }
    let mut ids = Vec::with_capacity(rows.len());
    let mut blocks: Vec<i32> = Vec::with_capacity(rows.len());
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut grams: Vec<i32> = Vec::new();
    for row in rows {
        let Some(number) = next.get_mut(&(row.robeing_id.clone(), month_of(row))) else {
            continue;
        };
        let block = *number / BLOCK;
        *number += 1;
        let texts = [&row.message, &row.response];
        firsts.push(grams.len() as i32 + 1);
        grams.extend(Grams::of(&row.robeing_id).in_block(block, &pieces_of(texts)));
        lasts.push(grams.len() as i32);
        blocks.push(block as i32);
        ids.push(row.id);
    }
    db.execute_typed(
        "insert into conversation.search (id, block, grams)
         select id, block, ($3::int4[])[first:last]
         from unnest($1::uuid[], $2::int4[], $4::int4[], $5::int4[]) as new (id, block, first, last)",
        &[
            (&ids, Type::UUID_ARRAY),
            (&blocks, Type::INT4_ARRAY),
            (&grams, Type::INT4_ARRAY),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
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
        let grams: Vec<i32> = Grams::of(&robeing_id)
            .in_block(block.into(), &pieces)
            .collect();
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
