//! Months of the log as wholes: made ahead, closed, read for an archive, given up.
//!
//! Who calls this owns the tables: triggers are made and partitions dropped.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use futures::TryStreamExt as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, ToSql, Type};
use platform::postgres::{Client, Pool};
use platform::{Error, Result};
use robeing::ROBEINGS;
use serde_json::value::RawValue;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::identity::first_id_at;
use crate::roll_up::search::forget_month;

/// How long a statement waits for a lock that keeps writers of its month waiting behind it.
const LOCK_TIMEOUT: &str = "40ms";
/// What waits for running transactions is given up after this, and goes on with the next run.
const DETACH_TIMEOUT: Duration = Duration::from_secs(60);

/// One row of the log, as an archive keeps it.
#[derive(Debug)]
pub struct Record {
    pub id: Uuid,
    pub robeing_id: String,
    pub channel_id: Option<String>,
    pub channel_type: Option<String>,
    pub thread_ts: Option<String>,
    pub user_id: Option<Uuid>,
    pub slack_user_id: Option<String>,
    pub message: Option<String>,
    pub response: Option<String>,
    pub parts: Option<Box<RawValue>>,
    pub intent: Option<String>,
    pub confidence: Option<f64>,
    pub metadata: Box<RawValue>,
    pub token_count: i32,
    pub reply_to: Option<Uuid>,
    pub source: String,
    pub source_event_id: String,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
    /// Whose it is: who said it, or whom it answers.
    pub person: (Option<Uuid>, Option<String>),
}

/// Makes room for the month of `now` and so many after it; says how many were missing.
pub async fn make_ahead(client: &Client, now: Timestamp, months: i32) -> Result<u32> {
    let first = crate::log::day_of(now).first_of_month();
    let mut made = 0;
    for ahead in 0..=months {
        let month = first.saturating_add(ahead.months());
        if parts(client, "log", month).await?.is_none() {
            let add = "select conversation.add_month($1)";
            client.query_typed(add, &[(&month, Type::DATE)]).await?;
            made += 1;
        }
    }
    Ok(made)
}

/// The months that have room and end before `day`, oldest first.
pub async fn ended_before(client: &Client, day: Date) -> Result<Vec<Date>> {
    let rows = client
        .query_typed(
            "select to_date(right(child.relname, 7), 'YYYY_MM') as month
             from pg_inherits
             join pg_class as child on child.oid = inhrelid
             where inhparent = 'conversation.log'::regclass
             order by month",
            &[],
        )
        .await?;
    let months = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Date>, _>>()?;
    let ended = |month: &Date| month.saturating_add(1.months()) <= day;
    Ok(months.into_iter().filter(ended).collect())
}

/// From here on the month takes no row and changes none; rows may still be deleted. Answers in later
/// months get the person whom they answer, since the message that tells is about to go.
pub async fn close(client: &mut Client, month: Date) -> Result<()> {
    let transaction = db::begin(client, &Scope::all(ROBEINGS)).await?;
    transaction
        .batch_execute(&format!("set local lock_timeout = '{LOCK_TIMEOUT}'"))
        .await?;
    let (first, past) = ids_of(month);
    transaction
        .execute_typed(
            "update conversation.log as answer
             set user_id = asked.user_id, slack_user_id = asked.slack_user_id
             from conversation.log as asked
             where asked.id >= $1
               and asked.id < $2
               and (asked.user_id is not null or asked.slack_user_id is not null)
               and answer.reply_to = asked.id
               and answer.reply_to >= $1
               and answer.reply_to < $2
               and answer.robeing_id = asked.robeing_id
               and answer.id >= $2
               and answer.user_id is null
               and answer.slack_user_id is null
               and answer.erased_at is null",
            &[(&first, Type::UUID), (&past, Type::UUID)],
        )
        .await?;
    transaction
        .query_typed(
            "select conversation.close_month($1)",
            &[(&month, Type::DATE)],
        )
        .await?;
    Ok(transaction.commit().await?)
}

/// Whether all of a closed month is in what search and patterns are answered from.
pub async fn is_rolled_up(client: &Client, month: Date) -> Result<bool> {
    let (first, past) = ids_of(month);
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        "select cluster = (select system_identifier from pg_control_system())
                and not exists (
                      select from conversation.log
                      where id >= $1 and id < $2 and (xid, id) > (watermark.xid, watermark.after_id))
         from conversation.watermark
         where name = 'message-log'",
        &[(&first, Type::UUID), (&past, Type::UUID)],
    )
    .await?;
    Ok(match rows.first() {
        Some(row) => row.try_get(0)?,
        None => false,
    })
}

/// The newest transaction that inserted a row of the month, for whoever counts the log by them.
pub async fn newest_xid(client: &Client, month: Date) -> Result<Option<String>> {
    let (first, past) = ids_of(month);
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        "select xid::text from conversation.log
         where id >= $1 and id < $2
         order by conversation.log.xid desc
         limit 1",
        &[(&first, Type::UUID), (&past, Type::UUID)],
    )
    .await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Whether the month can be read whole through the log. One that somebody has taken out, or begun to,
/// can not, and would seem empty.
pub async fn is_whole(db: &Transaction<'_>, month: Date) -> Result<bool, tokio_postgres::Error> {
    let child = format!("conversation.log_{}", month.strftime("%Y_%m"));
    let row = db
        .query_typed_opt(
            "select not inhdetachpending
             from pg_inherits
             where inhrelid = to_regclass($1) and inhparent = 'conversation.log'::regclass",
            &[(&child, Type::TEXT)],
        )
        .await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

/// How many rows of the month lie after one id up to another.
pub async fn count(
    db: &Transaction<'_>,
    month: Date,
    after: Uuid,
    last: Uuid,
) -> Result<i64, tokio_postgres::Error> {
    let (first, past) = ids_of(month);
    let row = db
        .query_typed_one(
            "select count(*) from conversation.log
             where id >= $1 and id < $2 and id > $3 and id <= $4",
            &[
                (&first, Type::UUID),
                (&past, Type::UUID),
                (&after, Type::UUID),
                (&last, Type::UUID),
            ],
        )
        .await?;
    row.try_get(0)
}

/// The next rows of the month after `after`, in the order of ids: at most `rows`, and not many more
/// than `bytes` of text.
pub async fn read(
    db: &Transaction<'_>,
    month: Date,
    after: Uuid,
    rows: i64,
    bytes: usize,
) -> Result<Vec<Record>, tokio_postgres::Error> {
    let (first, past) = ids_of(month);
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&first, Type::UUID),
        (&past, Type::UUID),
        (&after, Type::UUID),
        (&rows, Type::INT8),
    ];
    let mut found = pin!(
        db.query_typed_raw(
            "select id, robeing_id, channel_id, channel_type, thread_ts, user_id, slack_user_id,
                    message, response, parts, intent, confidence, metadata, token_count, reply_to,
                    source, source_event_id, created_at, edited_at, deleted_at, erased_at
             from conversation.log
             where id >= $1 and id < $2 and id > $3
             order by id
             limit $4",
            values.map(|(value, kind)| (value, kind)),
        )
        .await?
    );
    let (mut records, mut read) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let record = Record::of(&row)?;
        read += record.size();
        records.push(record);
        if read >= bytes {
            break;
        }
    }
    say_whose(db, &mut records).await?;
    Ok(records)
}

/// What says of nobody that it is theirs is that of whom it answers.
async fn say_whose(
    db: &Transaction<'_>,
    records: &mut [Record],
) -> Result<(), tokio_postgres::Error> {
    let asked: Vec<Uuid> = records
        .iter()
        .filter(|it| it.person == (None, None))
        .filter_map(|it| it.reply_to)
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let rows = db
        .query_typed(
            "select id, robeing_id, user_id, slack_user_id from conversation.log where id = any ($1)",
            &[(&asked, Type::UUID_ARRAY)],
        )
        .await?;
    let mut people: HashMap<(Uuid, String), (Option<Uuid>, Option<String>)> = HashMap::new();
    for row in rows {
        let person = (row.try_get(2)?, row.try_get(3)?);
        people.insert((row.try_get(0)?, row.try_get(1)?), person);
    }
    for record in records.iter_mut() {
        if let (Some(asked), (None, None)) = (record.reply_to, &record.person)
            && let Some(person) = people.get(&(asked, record.robeing_id.clone()))
        {
            record.person = person.clone();
        }
    }
    Ok(())
}

impl Record {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let raw = |name| -> Result<Option<Box<RawValue>>, tokio_postgres::Error> {
            let json: Option<Json<Box<RawValue>>> = row.try_get(name)?;
            Ok(json.map(|Json(raw)| raw))
        };
        let user_id = row.try_get("user_id")?;
        let slack_user_id: Option<String> = row.try_get("slack_user_id")?;
        Ok(Self {
            id: row.try_get("id")?,
            robeing_id: row.try_get("robeing_id")?,
            channel_id: row.try_get("channel_id")?,
            channel_type: row.try_get("channel_type")?,
            thread_ts: row.try_get("thread_ts")?,
            user_id,
            slack_user_id: slack_user_id.clone(),
            message: row.try_get("message")?,
            response: row.try_get("response")?,
            parts: raw("parts")?,
            intent: row.try_get("intent")?,
            confidence: row.try_get("confidence")?,
            metadata: raw("metadata")?.unwrap_or_default(),
            token_count: row.try_get("token_count")?,
            reply_to: row.try_get("reply_to")?,
            source: row.try_get("source")?,
            source_event_id: row.try_get("source_event_id")?,
            created_at: row.try_get("created_at")?,
            edited_at: row.try_get("edited_at")?,
            deleted_at: row.try_get("deleted_at")?,
            erased_at: row.try_get("erased_at")?,
            person: (user_id, slack_user_id),
        })
    }

    /// In bytes of text.
    fn size(&self) -> usize {
        let texts = [&self.message, &self.response];
        let json = [self.parts.as_deref(), Some(&*self.metadata)];
        texts.into_iter().flatten().map(String::len).sum::<usize>()
            + json
                .into_iter()
                .flatten()
                .map(|it| it.get().len())
                .sum::<usize>()
    }
}

/// Takes the month out of the log and drops it, with what search knows of it. Writers and readers of
/// other months are kept waiting by none of it. Where it was given up half-way, it goes on.
pub async fn drop_month(pool: &Pool, month: Date) -> Result<()> {
    for parent in ["search_posting", "counted", "log"] {
        let child = format!("{parent}_{}", month.strftime("%Y_%m"));
        let mut client = pool.get().await?;
        if let Some(is_pending) = parts(&client, parent, month).await? {
            let how = if is_pending {
                "finalize"
            } else {
                "concurrently"
            };
            let detach = format!(
                "alter table conversation.{parent} detach partition conversation.{child} {how}"
            );
            match tokio::time::timeout(DETACH_TIMEOUT, client.batch_execute(&detach)).await {
                Ok(detached) => detached?,
                Err(elapsed) => {
                    // The connection still waits, so nobody else should get it.
                    client.close_when_dropped();
                    let detail = format!("transactions that read {child} go on for too long");
                    return Err(Error::unavailable(detail, elapsed));
                }
            }
        }
        client
            .batch_execute(&format!("drop table if exists conversation.{child}"))
            .await?;
    }
    let past = month.saturating_add(1.months());
    let client = pool.get().await?;
    forget_month(&client, month).await?;
    // Questions and intents are what people said and wanted: they don't outlive it outside of the
    // archive.
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "with question as (
             delete from conversation.question where day >= $1 and day < $2
         )
         delete from conversation.intent where day >= $1 and day < $2",
        &[(&month, Type::DATE), (&past, Type::DATE)],
    )
    .await?;
    Ok(())
}

/// Whether the month is a partition of `parent`, and then whether taking it out was begun.
async fn parts(client: &Client, parent: &str, month: Date) -> Result<Option<bool>> {
    let child = format!("conversation.{parent}_{}", month.strftime("%Y_%m"));
    let parent = format!("conversation.{parent}");
    let row = client
        .query_typed_opt(
            "select inhdetachpending
             from pg_inherits
             where inhrelid = to_regclass($1) and inhparent = to_regclass($2)",
            &[(&child, Type::TEXT), (&parent, Type::TEXT)],
        )
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The first id of the month, and the first past it.
pub fn ids_of(month: Date) -> (Uuid, Uuid) {
    let first_of = |day: Date| {
        let midnight = day.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        first_id_at(midnight.unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let month = month.first_of_month();
    (first_of(month), first_of(month.saturating_add(1.months())))
}
