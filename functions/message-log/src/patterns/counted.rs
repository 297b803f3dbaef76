//! Counts the intents and questions of messages, by day.
//!
//! `conversation.counted` stores the intent and the question as which each message is counted, so that the counts
//! follow the message when it changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use platform::postgres::types::Type;
use platform::work::Waiting;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::question::{MAX_MESSAGE, question};
use crate::ids::{day_of, digest};
use crate::rows::{Edited, Row, WORKERS};

/// The number of questions that are kept per robeing and day, the most frequent ones.
const MAX_QUESTIONS: i64 = 500;

/// The intent and the question as which a message is counted.
struct Counted {
    id: Uuid,
    robeing_id: String,
    day: Date,
    intent: Option<String>,
    confidence: Option<f64>,
    question: Option<(Uuid, String)>,
}

impl Counted {
    /// None for a message that has neither an intent nor a question.
    fn of(
        id: Uuid,
        robeing_id: &str,
        created_at: Timestamp,
        question: Option<String>,
        intent: Option<&str>,
        confidence: Option<f64>,
    ) -> Option<Self> {
        let day = day_of(created_at);
        let question = question.map(|question| {
            let key = digest(&[robeing_id, &day.to_string(), &question]);
            (Uuid::from_bytes(key), question)
        });
        (intent.is_some() || question.is_some()).then(|| Self {
            id,
            robeing_id: robeing_id.to_owned(),
            day,
            intent: intent.map(str::to_owned),
            confidence: confidence.filter(|_| intent.is_some()),
            question,
        })
    }
}

/// Counts the rows of a roll-up.
pub(crate) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
    let counted = rows.iter().filter_map(|row| {
        Counted::of(
            row.id,
            &row.robeing_id,
            row.created_at,
            row.question.clone(),
            row.intent.as_deref(),
            row.confidence,
        )
    });
    count(db, &counted.collect::<Vec<_>>()).await
}

/// How many counts of questions and intents changed.
pub(crate) struct Uncounted {
    pub(crate) questions: u64,
    pub(crate) intents: u64,
}

/// Removes messages from the counts.
pub(crate) async fn uncount(db: &Transaction<'_>, ids: &[Uuid]) -> Result<Uncounted, Error> {
    let row = db
        .query_typed_one(include_str!("uncount.sql"), &[(&ids, Type::UUID_ARRAY)])
        .await?;
    let count = |name| Ok::<_, Error>(row.try_get::<_, i64>(name)?.unsigned_abs());
    Ok(Uncounted {
        questions: count("questions")?,
        intents: count("intents")?,
    })
}

/// Counts edited messages by their current texts, as far as they are rolled up.
pub(crate) async fn renew(db: &Transaction<'_>, edited: &[Edited]) -> Result<(), Error> {
    let ids: Vec<Uuid> = edited.iter().map(|it| it.id).collect();
    uncount(db, &ids).await?;
    let rows = db
        .query_typed(
            "select id, robeing_id, created_at, intent, confidence,
                    case when octet_length(message) <= $2 then message end as message
             from conversation.log
             where id = any ($1)
               and erased_at is null
               and deleted_at is null
               and (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')",
            &[
                (&ids, Type::UUID_ARRAY),
                (&(MAX_MESSAGE as i32), Type::INT4),
            ],
        )
        .await?;
    let bytes = rows.len() * MAX_MESSAGE;
    let read = |waiting: &Waiting| {
        let counted = waiting.each(rows, |row| {
            let message: Option<String> = row.try_get("message")?;
            Ok(Counted::of(
                row.try_get("id")?,
                row.try_get("robeing_id")?,
                row.try_get("created_at")?,
                message.as_deref().and_then(question),
                row.try_get("intent")?,
                row.try_get("confidence")?,
            ))
        });
        counted.into_iter().filter_map(Result::transpose).collect()
    };
    let counted: Result<Vec<Counted>, Error> = WORKERS.run(bytes, read).await;
    count(db, &counted?).await
}

async fn count(db: &Transaction<'_>, counted: &[Counted]) -> Result<(), Error> {
    if counted.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = counted.iter().map(|it| it.id).collect();
    let robeings: Vec<&str> = counted.iter().map(|it| it.robeing_id.as_str()).collect();
    let days: Vec<Date> = counted.iter().map(|it| it.day).collect();
    let intents: Vec<Option<&str>> = counted.iter().map(|it| it.intent.as_deref()).collect();
    let confidences: Vec<Option<f64>> = counted.iter().map(|it| it.confidence).collect();
    let questions = counted.iter().map(|it| it.question.as_ref());
    let questions: Vec<Option<Uuid>> = questions.map(|it| it.map(|(key, _)| *key)).collect();
    db.execute_typed(
        "insert into conversation.counted (id, robeing_id, day, intent, confidence, question)
         select * from unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::float8[], $6::uuid[])",
        &[
            (&ids, Type::UUID_ARRAY),
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&intents, Type::TEXT_ARRAY),
            (&confidences, Type::FLOAT8_ARRAY),
            (&questions, Type::UUID_ARRAY),
        ],
    )
    .await?;
    count_intents(db, counted).await?;
    count_questions(db, counted).await
}

async fn count_intents(db: &Transaction<'_>, counted: &[Counted]) -> Result<(), Error> {
    let mut intents: BTreeMap<(&str, Date, &str), (i64, f64, i64)> = BTreeMap::new();
    for it in counted {
        if let Some(intent) = &it.intent {
            let counts = intents.entry((&it.robeing_id, it.day, intent)).or_default();
            counts.0 += 1;
            counts.1 += it.confidence.unwrap_or_default();
            counts.2 += i64::from(it.confidence.is_some());
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

async fn count_questions(db: &Transaction<'_>, counted: &[Counted]) -> Result<(), Error> {
    let mut questions: BTreeMap<Uuid, (&Counted, &str, i64)> = BTreeMap::new();
    for it in counted {
        if let Some((key, question)) = &it.question {
            questions.entry(*key).or_insert((it, question, 0)).2 += 1;
        }
    }
    let keys: Vec<Uuid> = questions.keys().copied().collect();
    let robeings: Vec<&str> = questions
        .values()
        .map(|it| it.0.robeing_id.as_str())
        .collect();
    let days: Vec<Date> = questions.values().map(|it| it.0.day).collect();
    let texts: Vec<&str> = questions.values().map(|it| it.1).collect();
    let counts: Vec<i64> = questions.values().map(|it| it.2).collect();
    db.execute_typed(
        "insert into conversation.question as known (key, robeing_id, day, question, asked)
         select * from unnest($1::uuid[], $2::text[], $3::date[], $4::text[], $5::int8[])
         on conflict (key) do update
         set asked = known.asked + excluded.asked",
        &[
            (&keys, Type::UUID_ARRAY),
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&texts, Type::TEXT_ARRAY),
            (&counts, Type::INT8_ARRAY),
        ],
    )
    .await?;
    // Messages with a question that is dropped are counted for none. If it is asked again, its count starts at 1.
    db.execute_typed(
        "with rare as (
             delete from conversation.question as kept
             using (
                 select key,
                        row_number() over (partition by robeing_id, day order by asked desc, question) as place
                 from conversation.question
                 where (robeing_id, day) in (select distinct * from unnest($1::text[], $2::date[]))
             ) as ranked
             where ranked.place > $3 and kept.key = ranked.key
             returning kept.key
         )
         update conversation.counted
         set question = null
         where question in (select key from rare)",
        &[
            (&robeings, Type::TEXT_ARRAY),
            (&days, Type::DATE_ARRAY),
            (&MAX_QUESTIONS, Type::INT8),
        ],
    )
    .await?;
    Ok(())
}
