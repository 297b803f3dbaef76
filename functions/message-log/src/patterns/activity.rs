//! Counts conversations, messages and tokens per hour.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::rows::Row;

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
    struct Hour {
        conversations: i64,
        messages: i64,
        responses: i64,
        tokens: i64,
        confidence: f64,
        confidences: i64,
    }
    let hour_of = |time: Timestamp| {
        let second = time.as_second();
        Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(time)
    };
    let mut hours: BTreeMap<(&str, Timestamp), Hour> = BTreeMap::new();
    for row in rows {
        let hour = hours
            .entry((&row.robeing_id, hour_of(row.created_at)))
            .or_default();
        hour.messages += i64::from(row.message.is_some());
        hour.responses += i64::from(row.response.is_some());
        hour.tokens += row.tokens;
        hour.confidence += row.confidence.unwrap_or_default();
        hour.confidences += i64::from(row.confidence.is_some());
    }
    for conversation in new {
        let row = threads[&conversation.try_get::<_, Uuid>(0)?];
        hours
            .entry((&row.robeing_id, hour_of(row.created_at)))
            .or_default()
            .conversations += 1;
    }
    let column = |of: fn(&Hour) -> i64| -> Vec<i64> { hours.values().map(of).collect() };
    let robeings: Vec<&str> = hours.keys().map(|(robeing, _)| *robeing).collect();
    let times: Vec<Timestamp> = hours.keys().map(|(_, hour)| *hour).collect();
    let confidence: Vec<f64> = hours.values().map(|hour| hour.confidence).collect();
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
            (&column(|hour| hour.conversations), Type::INT8_ARRAY),
            (&column(|hour| hour.messages), Type::INT8_ARRAY),
            (&column(|hour| hour.responses), Type::INT8_ARRAY),
            (&column(|hour| hour.tokens), Type::INT8_ARRAY),
            (&confidence, Type::FLOAT8_ARRAY),
            (&column(|hour| hour.confidences), Type::INT8_ARRAY),
        ],
    )
    .await?;
    Ok(())
}
