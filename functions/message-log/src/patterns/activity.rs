//! Counts conversations, messages and tokens per quarter hour, since some time zones differ from UTC by half an hour or
//! three quarters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
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
        quarter.messages += i64::from(row.message.is_some());
        quarter.responses += i64::from(row.response.is_some());
        quarter.tokens += row.tokens;
        quarter.confidence += row.confidence.unwrap_or_default();
        quarter.confidences += i64::from(row.confidence.is_some());
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

/// Moves what an earlier release counted by hour on this day into quarter hours.
pub(crate) async fn move_into_quarter_hours(db: &Transaction<'_>, day: Date) -> Result<(), Error> {
    db.execute_typed(include_str!("by_quarter_hour.sql"), &[(&day, Type::DATE)])
        .await?;
    Ok(())
}
