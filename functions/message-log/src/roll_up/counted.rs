//! What people want and ask: the intents and questions of messages, by day.
//!
//! `conversation.counted` has what each message is counted as, so that the counts follow it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use platform::postgres::types::Type;
use platform::work::Waiting;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{Row, WORKERS};
use crate::derived::Edited;
use crate::identity::digest;
use crate::log::day_of;
use crate::pieces::{fold, is_letter};

/// How many questions of a robeing are kept per day, the most frequent.
const QUESTIONS: i64 = 500;
/// In bytes: what is longer is no question that somebody else asks in the same words.
const LONGEST_QUESTION: usize = 1_000;

/// What a message is counted as.
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
pub(super) async fn add(db: &Transaction<'_>, rows: &[Row]) -> Result<(), Error> {
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

/// How many questions and intents are counted otherwise now.
pub(crate) struct Forgotten {
    pub(crate) questions: u64,
    pub(crate) intents: u64,
}

/// Takes messages out of what they are counted as.
pub(crate) async fn forget(db: &Transaction<'_>, ids: &[Uuid]) -> Result<Forgotten, Error> {
    let row = db
        .query_typed_one(
            include_str!("forget_counted.sql"),
            &[(&ids, Type::UUID_ARRAY)],
        )
        .await?;
    let count = |name| Ok::<_, Error>(row.try_get::<_, i64>(name)?.unsigned_abs());
    Ok(Forgotten {
        questions: count("questions")?,
        intents: count("intents")?,
    })
}

/// Counts edited messages by what they say now, as far as they are rolled up.
pub(crate) async fn renew(db: &Transaction<'_>, edited: &[Edited]) -> Result<(), Error> {
    let ids: Vec<Uuid> = edited.iter().map(|it| it.id).collect();
    forget(db, &ids).await?;
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
                (&(LONGEST_QUESTION as i32), Type::INT4),
            ],
        )
        .await?;
    let bytes = rows.len() * LONGEST_QUESTION;
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
    // What is not counted any more is nobody's count: asked again, it begins at one.
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
            (&QUESTIONS, Type::INT8),
        ],
    )
    .await?;
    Ok(())
}

/// A short message that asks, without what differs from one asking to the next.
pub(super) fn question(message: &str) -> Option<String> {
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
    if message.len() > LONGEST_QUESTION {
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
