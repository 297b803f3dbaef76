//! What was committed since the last time, added to what search and patterns are answered from.
//!
//! Exactly once: a row carries the id of its transaction, and each run takes those below the horizon
//! of what is still running, from where the last one ended, in the same transaction that moves that
//! mark. So a late commit is not missed, and a run that is killed has done nothing. Writers wait for
//! none of it.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use shared::Result;
use shared::postgres::types::Type;
use shared::telemetry::{Unit, figure};
use tokio_postgres::Transaction;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::grams::{BLOCK, Grams, fold, pieces};
use crate::identity::digest;
use crate::log::{Log, day_of};
use shared::postgres::scoped::{self as db, Scope};

/// Rows a transaction.
const ROWS: usize = 4_000;
/// A run that finds more goes on next time.
const LONGEST: Duration = Duration::from_secs(45);
/// How many questions of a robeing are kept a day, the most frequent.
const QUESTIONS: i64 = 500;

#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RolledUp {
    /// Messages that were added.
    pub rows: usize,
    /// Whether nothing is left that was committed before this began.
    pub complete: bool,
}

/// Until nothing is left, or for 45 s. Of several at once, one does it.
pub async fn run(log: &Log) -> Result<RolledUp> {
    let started = Instant::now();
    let mut done = RolledUp::default();
    let mut client = log.pool.get().await?;
    while started.elapsed() < LONGEST {
        let transaction = db::begin(&mut client, &Scope::all()).await?;
        let Some(rows) = chunk(&transaction).await? else {
            return Ok(done);
        };
        transaction.commit().await?;
        done.rows += rows.taken;
        if rows.taken > 0 {
            // Where a run is killed before it, the next one does it.
            let merge = "select conversation.merge_search()";
            client.query_typed(merge, &[]).await?;
        }
        if !rows.more {
            done.complete = true;
            break;
        }
    }
    if done.rows > 0 {
        let took = started.elapsed().as_secs_f64() * 1_000.0;
        figure("rolled_up", Unit::Count, done.rows as f64);
        figure("roll_up_duration", Unit::Milliseconds, took);
    }
    Ok(done)
}

struct Row {
    id: Uuid,
    robeing_id: String,
    conversation: Uuid,
    message: Option<String>,
    response: Option<String>,
    intent: Option<String>,
    confidence: Option<f64>,
    tokens: i64,
    created_at: Timestamp,
    xid: u64,
}

struct Chunk {
    taken: usize,
    more: bool,
}

/// None where somebody else is at it.
async fn chunk(db: &Transaction<'_>) -> Result<Option<Chunk>, tokio_postgres::Error> {
    let mark = db
        .query_typed_opt(
            "select xid::text as xid, cluster = (select system_identifier from pg_control_system()) as same
             from conversation.watermark
             where name = 'message-log'
             for update skip locked",
            &[],
        )
        .await?;
    let Some(mark) = mark else {
        return Ok(None);
    };
    if !mark.try_get::<_, bool>("same")? {
        begin_anew(db).await?;
    }
    let from: String = match mark.try_get("same")? {
        true => mark.try_get("xid")?,
        false => "0".to_owned(),
    };
    // A statement of its own: what it sees must not be older than the horizon.
    let horizon = db
        .query_typed_one("select pg_snapshot_xmin(pg_current_snapshot())::text", &[])
        .await?;
    let mut to: String = horizon.try_get(0)?;
    let one_more = ROWS as i64 + 1;
    let mut rows = read(db, &from, &to, Some(one_more)).await?;
    if rows.len() > ROWS {
        let last = rows[ROWS].xid;
        if rows[0].xid == last {
            // One transaction, larger than a chunk: all of it.
            to = (last + 1).to_string();
            rows = read(db, &from, &to, None).await?;
        } else {
            rows.retain(|row| row.xid < last);
            to = last.to_string();
        }
    }
    if !rows.is_empty() {
        index(db, &mut rows).await?;
        count_activity(db, &rows).await?;
        count_intents(db, &rows).await?;
        count_questions(db, &rows).await?;
    }
    db.execute_typed(
        "update conversation.watermark
         set xid = $1::text::xid8, run_at = now()
         where name = 'message-log'",
        &[(&to, Type::TEXT)],
    )
    .await?;
    let more = horizon.try_get::<_, String>(0)? != to;
    let taken = rows.len();
    Ok(Some(Chunk { taken, more }))
}

/// After a restore into another cluster, whose transactions count from the start: everything is
/// there to be rolled up again.
async fn begin_anew(db: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
    tracing::warn!("the log was restored from another cluster: rolling up all of it");
    db.batch_execute(
        "update conversation.log set xid = '3';
         truncate conversation.search, conversation.search_size, conversation.activity,
                  conversation.thread, conversation.intent, conversation.question;
         update conversation.watermark
         set xid = '0', cluster = (select system_identifier from pg_control_system())
         where name = 'message-log'",
    )
    .await
}

async fn read(
    db: &Transaction<'_>,
    from: &str,
    to: &str,
    limit: Option<i64>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let rows = db
        .query_typed(
            "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id, message, response,
                    intent, confidence, token_count, created_at, xid::text as xid
             from conversation.log
             where xid >= $1::text::xid8 and xid < $2::text::xid8
             order by xid, id
             limit $3",
            &[(&from, Type::TEXT), (&to, Type::TEXT), (&limit, Type::INT8)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let created_at = row.try_get("created_at")?;
            let robeing_id: String = row.try_get("robeing_id")?;
            let text = |name| -> Result<String, tokio_postgres::Error> {
                Ok(row.try_get::<_, Option<String>>(name)?.unwrap_or_default())
            };
            let thread = text("thread_ts")?;
            // Without a thread, what one person says within a day is one conversation.
            let thread = if thread.is_empty() {
                let user: Option<Uuid> = row.try_get("user_id")?;
                let user = user.map(|user| user.to_string());
                let user = user.map_or_else(|| text("slack_user_id"), Ok)?;
                format!("{user} {}", day_of(created_at))
            } else {
                thread
            };
            let conversation = digest(&[&robeing_id, &text("channel_id")?, &thread]);
            let xid: String = row.try_get("xid")?;
            let tokens: i32 = row.try_get("token_count")?;
            Ok(Row {
                id: row.try_get("id")?,
                conversation: Uuid::from_bytes(conversation),
                robeing_id,
                message: row.try_get("message")?,
                response: row.try_get("response")?,
                intent: row.try_get("intent")?,
                confidence: row.try_get("confidence")?,
                tokens: tokens.into(),
                created_at,
                xid: xid.parse().unwrap_or_default(),
            })
        })
        .collect()
}

/// Numbers the messages of each robeing and month, which says what block each is in.
async fn index(db: &Transaction<'_>, rows: &mut [Row]) -> Result<(), tokio_postgres::Error> {
    rows.sort_by_key(|row| row.id);
    let mut added: BTreeMap<(&str, Date), i64> = BTreeMap::new();
    for row in &*rows {
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
    let (mut firsts, mut lasts): (Vec<i32>, Vec<i32>) = (Vec::new(), Vec::new());
    let mut grams: Vec<i32> = Vec::new();
    for row in &*rows {
        let Some(number) = next.get_mut(&(row.robeing_id.clone(), month_of(row))) else {
            continue;
        };
        let block = *number / BLOCK;
        *number += 1;
        let texts = [&row.message, &row.response].into_iter().flatten();
        let text: Vec<String> = texts.map(|text| fold(text)).collect();
        let pieces = pieces(&text.join(" "));
        if pieces.is_empty() {
            continue;
        }
        firsts.push(grams.len() as i32 + 1);
        grams.extend(Grams::of(&row.robeing_id).in_block(block, &pieces));
        lasts.push(grams.len() as i32);
        ids.push(row.id);
    }
    db.execute_typed(
        "insert into conversation.search (id, grams)
         select id, ($2::int4[])[first:last]
         from unnest($1::uuid[], $3::int4[], $4::int4[]) as new (id, first, last)",
        &[
            (&ids, Type::UUID_ARRAY),
            (&grams, Type::INT4_ARRAY),
            (&firsts, Type::INT4_ARRAY),
            (&lasts, Type::INT4_ARRAY),
        ],
    )
    .await?;
    Ok(())
}

fn month_of(row: &Row) -> Date {
    day_of(row.created_at).first_of_month()
}

async fn count_activity(db: &Transaction<'_>, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
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

async fn count_intents(db: &Transaction<'_>, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
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

async fn count_questions(db: &Transaction<'_>, rows: &[Row]) -> Result<(), tokio_postgres::Error> {
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
fn question(message: &str) -> Option<String> {
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
    let text = folded
        .trim()
        .trim_end_matches(|it: char| !it.is_alphanumeric());
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
