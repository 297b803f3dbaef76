//! What is rolled up next: rows in the order of their transactions, as much as fits into memory.

use jiff::Timestamp;
use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{counted::question, search};
use crate::identity::digest;
use crate::log::day_of;
use crate::pieces;

/// Rows a chunk: enough of a busy robeing for a segment that need not be merged soon.
const ROWS: i64 = 10_000;
/// Their texts, in bytes, of which packing them needs up to twenty times as much.
const BYTES: i64 = 4 * 1_024 * 1_024;
/// What is read of a text at most, in bytes.
const LONGEST: i32 = 4 * pieces::LONGEST as i32;

pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) robeing_id: String,
    pub(super) conversation: Uuid,
    pub(super) message: Option<String>,
    pub(super) response: Option<String>,
    pub(super) intent: Option<String>,
    pub(super) confidence: Option<f64>,
    pub(super) tokens: i64,
    pub(super) created_at: Timestamp,
    /// What its texts are found by, and what it asks, once they are read.
    pub(super) pieces: Vec<i32>,
    pub(super) question: Option<String>,
    xid: i64,
    /// What comes before it is as much as a chunk takes; it has no text then.
    is_over: bool,
}

/// Up to where the log is rolled up: all transactions below `xid`, and of that one, where it is too
/// large for one chunk, what has an id up to `after`.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct Mark {
    pub(super) xid: i64,
    pub(super) after: Uuid,
}

impl Mark {
    pub(super) fn before(xid: i64) -> Self {
        let after = Uuid::nil();
        Self { xid, after }
    }
}

/// What comes after the mark and below the horizon, and the mark after that.
pub(super) async fn next(
    db: &Transaction<'_>,
    mark: Mark,
    horizon: i64,
) -> Result<(Vec<Row>, Mark), Error> {
    if !mark.after.is_nil() {
        return of_transaction(db, mark).await;
    }
    let (from, below) = (mark.xid.to_string(), horizon.to_string());
    let mut rows = read(
        db,
        "select * from conversation.log
         where xid >= $1::text::xid8 and xid < $2::text::xid8 and erased_at is null
         order by xid
         limit $3",
        "xid",
        &[
            (&from, Type::TEXT),
            (&below, Type::TEXT),
            (&(ROWS + 1), Type::INT8),
        ],
    )
    .await?;
    let Some(over) = rows.iter().find(|row| row.is_over).map(|row| row.xid) else {
        return Ok((rows, Mark::before(horizon)));
    };
    if rows[0].xid == over {
        return of_transaction(db, Mark::before(over)).await;
    }
    rows.retain(|row| row.xid < over);
    Ok((rows, Mark::before(over)))
}

/// Of one transaction, by id. The log is walked along, rather than its rows looked up by their
/// transaction: after a restore all rows are of one.
async fn of_transaction(db: &Transaction<'_>, mark: Mark) -> Result<(Vec<Row>, Mark), Error> {
    let last = db
        .query_typed_opt(
            "select id from conversation.log where id > $1 order by id offset $2 limit 1",
            &[(&mark.after, Type::UUID), (&(ROWS - 1), Type::INT8)],
        )
        .await?;
    let last: Option<Uuid> = last.map(|row| row.try_get(0)).transpose()?;
    let xid = mark.xid.to_string();
    let mut rows = read(
        db,
        "select *
         from (
             select * from conversation.log
             where id > $1 and id <= coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             -- Keeps the planner from looking for the transaction.
             offset 0
         ) as log
         where xid = $3::text::xid8 and erased_at is null",
        "id",
        &[
            (&mark.after, Type::UUID),
            (&last, Type::UUID),
            (&xid, Type::TEXT),
        ],
    )
    .await?;
    let next = match (rows.iter().position(|row| row.is_over), last) {
        (Some(over), _) => {
            rows.truncate(over);
            Mark {
                after: rows[over - 1].id,
                ..mark
            }
        }
        (None, Some(after)) => Mark { after, ..mark },
        (None, None) => Mark::before(mark.xid + 1),
    };
    Ok((rows, next))
}

/// Texts are measured before any is sent.
async fn read(
    db: &Transaction<'_>,
    source: &'static str,
    order: &'static str,
    params: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    let rows = db
        .query_typed(
            &format!(
                "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id,
                        case when not is_over then left(message, {characters}) end as message,
                        case when not is_over then left(response, {characters}) end as response,
                        intent, confidence, token_count, created_at, xid::text::int8 as xid, is_over
                 from (
                     select *,
                            row_number() over so_far > {ROWS}
                            or row_number() over so_far > 1
                               and sum(  least(coalesce(octet_length(message), 0), {LONGEST})
                                       + least(coalesce(octet_length(response), 0), {LONGEST})) over so_far > {BYTES}
                            as is_over
                     from ({source}) as source
                     window so_far as (order by {order} rows unbounded preceding)
                 ) as next
                 order by {order}",
                characters = pieces::LONGEST,
            ),
            params,
        )
        .await?;
    rows.iter().map(Row::of).collect()
}

impl Row {
    fn of(row: &tokio_postgres::Row) -> Result<Self, Error> {
        let created_at = row.try_get("created_at")?;
        let robeing_id: String = row.try_get("robeing_id")?;
        let conversation = conversation_of(
            &robeing_id,
            row.try_get("channel_id")?,
            row.try_get("thread_ts")?,
            row.try_get("user_id")?,
            row.try_get("slack_user_id")?,
            created_at,
        );
        let tokens: i32 = row.try_get("token_count")?;
        Ok(Self {
            id: row.try_get("id")?,
            conversation,
            robeing_id,
            message: row.try_get("message")?,
            response: row.try_get("response")?,
            intent: row.try_get("intent")?,
            confidence: row.try_get("confidence")?,
            tokens: tokens.into(),
            created_at,
            pieces: Vec::new(),
            question: None,
            xid: row.try_get("xid")?,
            is_over: row.try_get("is_over")?,
        })
    }
}

impl Row {
    /// Its texts, in bytes.
    pub(super) fn work(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(String::len).sum()
    }

    pub(super) fn read(mut self) -> Self {
        self.pieces = search::pieces(&self.robeing_id, [&self.message, &self.response]);
        self.question = self.message.as_deref().and_then(question);
        self
    }
}

/// The thread; without one, what one person says within a day is one conversation.
pub(crate) fn conversation_of(
    robeing_id: &str,
    channel_id: Option<&str>,
    thread_ts: Option<&str>,
    user_id: Option<Uuid>,
    slack_user_id: Option<&str>,
    created_at: Timestamp,
) -> Uuid {
    let thread = match thread_ts.unwrap_or_default() {
        "" => {
            let user = user_id.map(|user| user.to_string());
            let user = user.as_deref().or(slack_user_id).unwrap_or_default();
            format!("{user} {}", day_of(created_at))
        }
        thread => thread.to_owned(),
    };
    let channel_id = channel_id.unwrap_or_default();
    Uuid::from_bytes(digest(&[robeing_id, channel_id, &thread]))
}
