//! Reads the rows of a month for an archive.

use std::collections::HashMap;
use std::pin::pin;

use futures::TryStreamExt as _;
use jiff::Timestamp;
use jiff::civil::Date;
use platform::postgres::types::{Json, ToSql, Type};
use serde_json::value::RawValue;
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use crate::ids::ids_of_month;

/// A row of the log, as it is archived.
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
    /// The person who sent the message, or whom it answers.
    pub person: (Option<Uuid>, Option<String>),
}

/// The number of rows of the month with ids after `after`, up to `last`.
pub async fn count(
    db: &Transaction<'_>,
    month: Date,
    after: Uuid,
    last: Uuid,
) -> Result<i64, tokio_postgres::Error> {
    let (first, past) = ids_of_month(month);
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

/// The next rows of the month after `after`, in the order of ids: at most `rows`, and little more than `bytes` of
/// text.
pub async fn read(
    db: &Transaction<'_>,
    month: Date,
    after: Uuid,
    rows: i64,
    bytes: usize,
) -> Result<Vec<Record>, tokio_postgres::Error> {
    let (first, past) = ids_of_month(month);
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
    add_answered_people(db, &mut records).await?;
    Ok(records)
}

/// A row without a person gets the person of the row that it answers.
async fn add_answered_people(
    db: &Transaction<'_>,
    records: &mut [Record],
) -> Result<(), tokio_postgres::Error> {
    let answered: Vec<Uuid> = records
        .iter()
        .filter(|it| it.person == (None, None))
        .filter_map(|it| it.reply_to)
        .collect();
    if answered.is_empty() {
        return Ok(());
    }
    let rows = db
        .query_typed(
            "select id, robeing_id, user_id, slack_user_id from conversation.log where id = any ($1)",
            &[(&answered, Type::UUID_ARRAY)],
        )
        .await?;
    let mut people: HashMap<(Uuid, String), (Option<Uuid>, Option<String>)> = HashMap::new();
    for row in rows {
        let person = (row.try_get(2)?, row.try_get(3)?);
        people.insert((row.try_get(0)?, row.try_get(1)?), person);
    }
    for record in records.iter_mut() {
        if let (Some(answered), (None, None)) = (record.reply_to, &record.person)
            && let Some(person) = people.get(&(answered, record.robeing_id.clone()))
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

    /// The bytes of its texts.
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
