//! Counts conversations, messages and tokens per quarter hour, since some time zones differ from UTC by half an hour or
//! three quarters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::rows::{Recount, Row};

/// Counts the rows of a roll-up.
pub(crate) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut threads: BTreeMap<Uuid, &Row> = BTreeMap::new();
    for row in rows {
        let first = threads.entry(row.conversation).or_insert(row);
        if row.created_at < first.created_at {
            *first = row;
        }
    }
    let list =
        |of: fn(&Row) -> &str| -> Vec<&str> { threads.values().map(|row| of(row)).collect() };
    let conversations: Vec<Uuid> = threads.keys().copied().collect();
    let times: Vec<Timestamp> = threads.values().map(|row| row.created_at).collect();
    let new = db
        .query_typed(
            "insert into conversation.thread (conversation, robeing_id, first_message_at)
             select * from unnest($1::uuid[], $2::text[], $3::timestamptz[])
             on conflict (conversation) do nothing
             returning conversation",
            &[
                (&conversations, Type::UUID_ARRAY),
                (&list(|row| &row.robeing_id), Type::TEXT_ARRAY),
                (&times, Type::TIMESTAMPTZ_ARRAY),
            ],
        )
        .await?;
    #[derive(Default)]
    struct QuarterHour {
        conversations: i64,
        messages: i64,
        responses: i64,
        tokens: i64,
        confidence: f64,
        confidences: i64,
    }
    let quarter_of = |time: Timestamp| {
        let second = time.as_second();
        Timestamp::from_second(second - second.rem_euclid(15 * 60)).unwrap_or(time)
    };
    let mut quarters: BTreeMap<(&str, Timestamp), QuarterHour> = BTreeMap::new();
    for row in rows {
        let quarter = quarters
            .entry((&row.robeing_id, quarter_of(row.created_at)))
            .or_default();
        quarter.messages += i64::from(row.message.is_some()) - row.pending.messages;
        quarter.responses += i64::from(row.response.is_some()) - row.pending.responses;
        quarter.tokens += row.tokens - row.pending.tokens;
        quarter.confidence += row.confidence.unwrap_or_default() - row.pending.confidence;
        quarter.confidences += i64::from(row.confidence.is_some()) - row.pending.confidences;
    }
    for conversation in new {
        let row = threads[&conversation.try_get::<_, Uuid>(0)?];
        quarters
            .entry((&row.robeing_id, quarter_of(row.created_at)))
            .or_default()
            .conversations += 1;
    }
    let column = |of: fn(&QuarterHour) -> i64| -> Vec<i64> { quarters.values().map(of).collect() };
    let robeings: Vec<&str> = quarters.keys().map(|(robeing, _)| *robeing).collect();
    let times: Vec<Timestamp> = quarters.keys().map(|(_, quarter)| *quarter).collect();
    let confidence: Vec<f64> = quarters.values().map(|it| it.confidence).collect();
    db.execute_typed(
        "insert into conversation.activity as known
         select *
         from unnest($1::text[], $2::timestamptz[], $3::int8[], $4::int8[], $5::int8[], $6::int8[],
                     $7::float8[], $8::int8[])
         on conflict (robeing_id, hour) do update
         set conversations = known.conversations + excluded.conversations,
             messages = known.messages + excluded.messages,
             responses = known.responses + excluded.responses,
             tokens = known.tokens + excluded.tokens,
             confidence_sum = known.confidence_sum + excluded.confidence_sum,
             confidence_count = known.confidence_count + excluded.confidence_count",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&times, Type::TIMESTAMPTZ_ARRAY),
            (&column(|it| it.conversations), Type::INT8_ARRAY),
            (&column(|it| it.messages), Type::INT8_ARRAY),
            (&column(|it| it.responses), Type::INT8_ARRAY),
            (&column(|it| it.tokens), Type::INT8_ARRAY),
            (&confidence, Type::FLOAT8_ARRAY),
            (&column(|it| it.confidences), Type::INT8_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// Adds what changes of messages add to their counts, as far as the messages are rolled up. What is not rolled up yet is
/// counted as it is then.
pub(crate) async fn recount(
    db: &Transaction<'_>,
    changes: &[(Uuid, Recount)],
) -> Result<(), Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = changes.iter().map(|(id, _)| *id).collect();
    let column =
        |of: fn(&Recount) -> i64| -> Vec<i64> { changes.iter().map(|it| of(&it.1)).collect() };
    let confidence: Vec<f64> = changes.iter().map(|(_, it)| it.confidence).collect();
    db.execute_typed(
        "with change as (
             select robeing_id,
                    to_timestamp(floor(extract(epoch from created_at) / 900) * 900) as hour,
                    sum(messages)::int8 as messages, sum(responses)::int8 as responses, sum(tokens)::int8 as tokens,
                    sum(change.confidence) as confidence, sum(confidences)::int8 as confidences
             from unnest($1::uuid[], $2::int8[], $3::int8[], $4::int8[], $5::float8[], $6::int8[])
                 as change (id, messages, responses, tokens, confidence, confidences)
             join conversation.log using (id)
             where (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')
             group by 1, 2
         )
         insert into conversation.activity as known
         select robeing_id, hour, 0, messages, responses, tokens, confidence, confidences
         from change
         on conflict (robeing_id, hour) do update
         set messages = known.messages + excluded.messages,
             responses = known.responses + excluded.responses,
             tokens = known.tokens + excluded.tokens,
             confidence_sum = known.confidence_sum + excluded.confidence_sum,
             confidence_count = known.confidence_count + excluded.confidence_count",
        &[
            (&ids, Type::UUID_ARRAY),
            (&column(|it| it.messages), Type::INT8_ARRAY),
            (&column(|it| it.responses), Type::INT8_ARRAY),
            (&column(|it| it.tokens), Type::INT8_ARRAY),
            (&confidence, Type::FLOAT8_ARRAY),
            (&column(|it| it.confidences), Type::INT8_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

/// Moves what an earlier release counted by hour on this day into quarter hours.
pub(crate) async fn move_into_quarter_hours(db: &Transaction<'_>, day: Date) -> Result<(), Error> {
    db.execute_typed(include_str!("by_quarter_hour.sql"), &[(&day, Type::DATE)])
        .await?;
    Ok(())
}
