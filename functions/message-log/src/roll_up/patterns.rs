//! How a robeing is used: hours, intents and questions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use shared::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::Row;
use crate::log::day_of;
use crate::pieces::{fold, is_letter};

/// How many questions of a robeing are kept a day, the most frequent.
const QUESTIONS: i64 = 500;

pub(super) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    count_activity(db, rows).await?;
    count_intents(db, rows).await?;
    count_questions(db, rows).await
}

async fn count_activity(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
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

async fn count_intents(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut intents: BTreeMap<(&str, Date, &str), (i64, f64, i64)> = BTreeMap::new();
    for row in rows {
        if let Some(intent) = &row.intent {
            let counts = intents
                .entry((&row.robeing_id, day_of(row.created_at), intent))
                .or_default();
            counts.0 += 1;
            counts.1 += row.confidence.unwrap_or_default();
            counts.2 += i64::from(row.confidence.is_some());
        }
    }
    let robeings: Vec<&str> = intents.keys().map(|key| key.0).collect();
    let days: Vec<Date> = intents.keys().map(|key| key.1).collect();
    let names: Vec<&str> = intents.keys().map(|key| key.2).collect();
    let messages: Vec<i64> = intents.values().map(|counts| counts.0).collect();
    let sums: Vec<f64> = intents.values().map(|counts| counts.1).collect();
    let counts: Vec<i64> = intents.values().map(|counts| counts.2).collect();
    db.execute_typed(
        "insert into conversation.intent as known
         select * from unnest($1::text[], $2::date[], $3::text[], $4::int8[], $5::float8[], $6::int8[])
         on conflict (robeing_id, day, intent) do update
         set messages = known.messages + excluded.messages,
             confidence_sum = known.confidence_sum + excluded.confidence_sum,
             confidence_count = known.confidence_count + excluded.confidence_count",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&names, Type::TEXT_ARRAY),
            (&messages, Type::INT8_ARRAY),
            (&sums, Type::FLOAT8_ARRAY),
            (&counts, Type::INT8_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

async fn count_questions(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let mut questions: BTreeMap<(&str, Date, String), i64> = BTreeMap::new();
    for row in rows {
        if let Some(question) = row.message.as_deref().and_then(question) {
            *questions
                .entry((&row.robeing_id, day_of(row.created_at), question))
                .or_default() += 1;
        }
    }
    let robeings: Vec<&str> = questions.keys().map(|key| key.0).collect();
    let days: Vec<Date> = questions.keys().map(|key| key.1).collect();
    let texts: Vec<&str> = questions.keys().map(|key| key.2.as_str()).collect();
    let counts: Vec<i64> = questions.values().copied().collect();
    db.execute_typed(
        "insert into conversation.question as known
         select * from unnest($1::text[], $2::date[], $3::text[], $4::int8[])
         on conflict (robeing_id, day, question) do update
         set asked = known.asked + excluded.asked",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&texts, Type::TEXT_ARRAY),
            (&counts, Type::INT8_ARRAY),
        ],
    )
    .await?;
    db.execute_typed(
        "delete from conversation.question as kept
         using (
             select robeing_id, day, question,
                    row_number() over (partition by robeing_id, day order by asked desc, question) as place
             from conversation.question
             where (robeing_id, day) in (select distinct * from unnest($1::text[], $2::date[]))
         ) as ranked
         where ranked.place > $3
           and (kept.robeing_id, kept.day, kept.question) = (ranked.robeing_id, ranked.day, ranked.question)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&QUESTIONS, Type::INT8),
        ],
    )
    .await?;
    Ok(())
}

/// A short message that asks, without what differs from one asking to the next.
pub(crate) fn question(message: &str) -> Option<String> {
    const ENDINGS: [&str; 12] = [
        "까",
        "나요",
        "가요",
        "까요",
        "은요",
        "는요",
        "죠",
        "냐",
        "뭐야",
        "알려줘",
        "알려주세요",
        "해줘",
    ];
    if message.len() > 1_000 {
        return None;
    }
    let folded = fold(message);
    let asks = folded.trim_end().ends_with('?');
    let text = folded.trim().trim_end_matches(|letter| !is_letter(letter));
    let asks = asks || ENDINGS.iter().any(|ending| text.ends_with(ending));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = text.chars().count();
    (asks && (2..=200).contains(&length)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::question;

    #[test]
    fn a_question_is_one_however_it_is_typed() {
        for text in [
            "환불은  언제 되나요?",
            " 환불은 언제 되나요??",
            "환불은 언제 되나요",
        ] {
            assert_eq!(question(text).as_deref(), Some("환불은 언제 되나요"));
        }
        assert_eq!(question("Where is it？").as_deref(), Some("where is it"));
        assert_eq!(question("감사합니다"), None);
        assert_eq!(question("?"), None);
    }
}
