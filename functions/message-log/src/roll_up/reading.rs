//! Reads the next rows of the log, in the order of their transactions, as many as fit into memory.

use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;
use watermark::Position;

use crate::patterns::question::question;
use crate::rows::{Recount, Row, conversation_of};
use crate::search::ngrams::MAX_LENGTH;
use crate::search::roll_up::ngrams_of;

/// The most rows per chunk. A busy robeing then gets segments that need not be merged soon.
const MAX_ROWS: i64 = 10_000;
/// The most bytes of text per chunk. Packing needs up to twenty times as much memory.
const MAX_BYTES: i64 = 4 * 1_024 * 1_024;
/// The most bytes that are read of a text.
const MAX_TEXT: i32 = 4 * MAX_LENGTH as i32;

/// A row with what the choice of a chunk needs.
struct Candidate {
    row: Row,
    xid: i64,
    /// Whether the rows before it fill the chunk. Then it has no texts.
    is_over: bool,
}

/// Reads the next rows after `from`, of transactions before `horizon`. Returns them with the position after them.
pub(super) async fn next(
    db: &Transaction<'_>,
    from: Position,
    horizon: i64,
) -> Result<(Vec<Row>, Position), Error> {
    if !from.after_id.is_nil() {
        return of_transaction(db, from).await;
    }
    let (from, below) = (from.xid.to_string(), horizon.to_string());
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
            (&(MAX_ROWS + 1), Type::INT8),
        ],
    )
    .await?;
    let Some(over) = rows.iter().find(|row| row.is_over).map(|row| row.xid) else {
        return Ok((into_rows(rows), Position::before(horizon)));
    };
    if rows[0].xid == over {
        return of_transaction(db, Position::before(over)).await;
    }
    rows.retain(|row| row.xid < over);
    Ok((into_rows(rows), Position::before(over)))
}

fn into_rows(candidates: Vec<Candidate>) -> Vec<Row> {
    candidates.into_iter().map(|it| it.row).collect()
}

/// Reads the next rows of one transaction, by id. It scans the log in the order of ids instead of looking rows up by
/// their transaction, because after a restore all rows have the same transaction.
async fn of_transaction(
    db: &Transaction<'_>,
    from: Position,
) -> Result<(Vec<Row>, Position), Error> {
    let last = db
        .query_typed_opt(
            "select id from conversation.log where id > $1 order by id offset $2 limit 1",
            &[(&from.after_id, Type::UUID), (&(MAX_ROWS - 1), Type::INT8)],
        )
        .await?;
    let last: Option<Uuid> = last.map(|row| row.try_get(0)).transpose()?;
    let xid = from.xid.to_string();
    let mut rows = read(
        db,
        "select *
         from (
             select * from conversation.log
             where id > $1 and id <= coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             -- Keeps the planner from using the index on xid.
             offset 0
         ) as log
         where xid = $3::text::xid8 and erased_at is null",
        "id",
        &[
            (&from.after_id, Type::UUID),
            (&last, Type::UUID),
            (&xid, Type::TEXT),
        ],
    )
    .await?;
    let next = match (rows.iter().position(|row| row.is_over), last) {
        (Some(over), _) => {
            rows.truncate(over);
            Position {
                after_id: rows[over - 1].row.id,
                ..from
            }
        }
        (None, Some(after_id)) => Position { after_id, ..from },
        (None, None) => Position::before(from.xid + 1),
    };
    Ok((into_rows(rows), next))
}

/// The database measures the texts, and sends only those of this chunk.
async fn read(
    db: &Transaction<'_>,
    source: &'static str,
    order: &'static str,
    params: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Candidate>, Error> {
    let rows = db
        .query_typed(
            &format!(
                "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id,
                        case when not is_over then left(message, {MAX_LENGTH}) end as message,
                        case when not is_over then left(response, {MAX_LENGTH}) end as response,
                        intent, next.confidence, token_count, created_at, xid::text::int8 as xid, is_over,
                        coalesce(pending.messages, 0) as pending_messages,
                        coalesce(pending.responses, 0) as pending_responses,
                        coalesce(pending.tokens, 0) as pending_tokens,
                        coalesce(pending.confidence, 0) as pending_confidence,
                        coalesce(pending.confidences, 0) as pending_confidences
                 from (
                     select *,
                            row_number() over so_far > {MAX_ROWS}
                            or row_number() over so_far > 1
                               and sum(  least(coalesce(octet_length(message), 0), {MAX_TEXT})
                                       + least(coalesce(octet_length(response), 0), {MAX_TEXT})) over so_far > {MAX_BYTES}
                            as is_over
                     from ({source}) as source
                     window so_far as (order by {order} rows unbounded preceding)
                 ) as next
                 -- A change that is not rolled up yet is counted with its own roll-up.
                 left join (
                     select id, sum(messages)::int8 as messages, sum(responses)::int8 as responses,
                            sum(tokens)::int8 as tokens, sum(confidence) as confidence,
                            sum(confidences)::int8 as confidences
                     from conversation.edited
                     where is_counted
                     group by id
                 ) as pending using (id)
                 order by {order}",
            ),
            params,
        )
        .await?;
    rows.iter().map(Candidate::of).collect()
}

impl Candidate {
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
        let row_of_log = Row {
            id: row.try_get("id")?,
            conversation,
            robeing_id,
            message: row.try_get("message")?,
            response: row.try_get("response")?,
            intent: row.try_get("intent")?,
            confidence: row.try_get("confidence")?,
            tokens: tokens.into(),
            created_at,
            pending: Recount {
                messages: row.try_get("pending_messages")?,
                responses: row.try_get("pending_responses")?,
                tokens: row.try_get("pending_tokens")?,
                confidence: row.try_get("pending_confidence")?,
                confidences: row.try_get("pending_confidences")?,
            },
            ngrams: Vec::new(),
            question: None,
        };
        Ok(Self {
            row: row_of_log,
            xid: row.try_get("xid")?,
            is_over: row.try_get("is_over")?,
        })
    }
}

/// Adds what is derived from the texts of a row.
pub(super) fn analyzed(mut row: Row) -> Row {
    row.ngrams = ngrams_of(&row.robeing_id, [&row.message, &row.response]);
    row.question = row.message.as_deref().and_then(question);
    row
}
