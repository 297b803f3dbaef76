//! `GET /v1/robeings/{id}/threads`: the threads of a robeing, those with the newest messages first.
//!
//! The list is read from the log by its indexes of robeings and threads. It has no table of its own, so a page costs as
//! much as the messages of its threads, and edits, erasures and closed months show at once.

use axum::extract::State;
use jiff::Timestamp;
use platform::extract::page_limit;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Cursor, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, Row, Transaction};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::log::Log;

/// The most messages that a page reads to find its threads. It bounds a page while one thread has all newest messages.
const MAX_READ: i64 = 20_000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ThreadParams {
    /// Only threads of this channel.
    channel_id: Option<String>,
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<Uuid>)]
    after: Option<Cursor<Uuid>>,
}

/// If a few long threads have the newest 20,000 messages, a page has fewer items than `limit`, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct Threads {
    items: Vec<Thread>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<Uuid>,
}

/// A thread, without its messages that are deleted or erased.
#[derive(Serialize, ToSchema)]
pub struct Thread {
    thread_ts: String,
    channel_id: Option<String>,
    channel_type: Option<String>,
    /// How many messages people sent to the robeing.
    messages: i64,
    /// How many responses the robeing sent, together with a message or separately.
    responses: i64,
    /// The time of the first message or response.
    #[schema(value_type = String, format = DateTime)]
    first_message_at: Timestamp,
    /// The time of the last message or response.
    #[schema(value_type = String, format = DateTime)]
    last_message_at: Timestamp,
    /// The id of the last message or response.
    last_message_id: Uuid,
}

/// List the threads of a robeing, those with the newest messages first.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/threads",
    tag = "messages",
    operation_id = "list_threads",
    params(("id" = String, Path, description = "the robeing"), ThreadParams),
    responses(
        (status = 200, description = "one page", body = Threads),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<ThreadParams>,
) -> Result<Json<Threads>> {
    robeing::may_see(&caller, &robeing_id)?;
    let limit = page_limit(params.limit, 50)?;
    let past = params.after.map_or(Uuid::max(), |Cursor(id)| id);
    let channel = params.channel_id.as_deref();
    let mut client = log.pool.get().await?;
    let db = scoped::read(&mut client, &Scope::only(ROBEINGS, [robeing_id.as_str()])).await?;
    let mut last = last_messages(&db, &robeing_id, channel, past, limit + 1).await?;
    let next = if last.len() as i64 > limit {
        last.truncate(usize::try_from(limit).unwrap_or_default());
        last.last().map(|it| it.id)
    } else {
        last_read(&db, &robeing_id, channel, past).await?
    };
    let items = threads(&log, &db, &robeing_id, last).await?;
    Ok(Json(Threads { items, next }))
}

/// The last message of a thread.
struct LastMessage {
    id: Uuid,
    channel_id: Option<String>,
    channel_type: Option<String>,
    thread_ts: String,
    created_at: Timestamp,
}

/// The last messages of the threads whose last message is before `past`, newest first.
async fn last_messages(
    db: &Transaction<'_>,
    robeing_id: &str,
    channel: Option<&str>,
    past: Uuid,
    limit: i64,
) -> Result<Vec<LastMessage>, Error> {
    let rows = db
        .query_typed(
            "select *
             from (
                 select id, channel_id, channel_type, thread_ts, created_at
                 from conversation.log
                 where robeing_id = $1
                   and id < $2
                   and thread_ts is not null
                   and deleted_at is null
                   and ($3::text is null or channel_id = $3)
                 order by id desc
                 limit $5
             ) as message
             where not exists (
                 select
                 from conversation.log as newer
                 where newer.robeing_id = $1
                   and newer.thread_ts = message.thread_ts
                   and newer.channel_id is not distinct from message.channel_id
                   and newer.id > message.id
                   and newer.deleted_at is null
                 -- Keeps the planner from reading the whole log.
                 offset 0)
             order by id desc
             limit $4",
            &[
                (&robeing_id, Type::TEXT),
                (&past, Type::UUID),
                (&channel, Type::TEXT),
                (&limit, Type::INT8),
                (&MAX_READ, Type::INT8),
            ],
        )
        .await?;
    let last = |row: &Row| {
        Ok(LastMessage {
            id: row.try_get("id")?,
            channel_id: row.try_get("channel_id")?,
            channel_type: row.try_get("channel_type")?,
            thread_ts: row.try_get("thread_ts")?,
            created_at: row.try_get("created_at")?,
        })
    };
    rows.iter().map(last).collect()
}

/// The last message that [`last_messages`] reads, if older ones are left.
async fn last_read(
    db: &Transaction<'_>,
    robeing_id: &str,
    channel: Option<&str>,
    past: Uuid,
) -> Result<Option<Uuid>, Error> {
    let row = db
        .query_typed_opt(
            "select id
             from conversation.log
             where robeing_id = $1
               and id < $2
               and thread_ts is not null
               and deleted_at is null
               and ($3::text is null or channel_id = $3)
             order by id desc
             offset $4 - 1
             limit 1",
            &[
                (&robeing_id, Type::TEXT),
                (&past, Type::UUID),
                (&channel, Type::TEXT),
                (&MAX_READ, Type::INT8),
            ],
        )
        .await?;
    row.map(|row| row.try_get("id")).transpose()
}

/// The threads with these last messages, in their order. The message that a thread belongs to has no thread of its own
/// in a direct channel of Slack.
async fn threads(
    log: &Log,
    db: &Transaction<'_>,
    robeing_id: &str,
    last: Vec<LastMessage>,
) -> Result<Vec<Thread>, Error> {
    let channels: Vec<Option<&str>> = last.iter().map(|it| it.channel_id.as_deref()).collect();
    let names: Vec<&str> = last.iter().map(|it| it.thread_ts.as_str()).collect();
    let roots = last.iter().map(|it| {
        let channel = it.channel_id.as_deref()?;
        log.root_of(robeing_id, channel, &it.thread_ts)
    });
    let roots: Vec<Option<Uuid>> = roots.collect();
    let counts = db
        .query_typed(
            "select counted.*
             from unnest($2::text[], $3::text[], $4::uuid[]) with ordinality
                 as thread (channel_id, thread_ts, root, nth)
             cross join lateral (
                 select count(message) as messages, count(response) as responses, min(created_at) as first_message_at
                 from (
                     select message, response, created_at
                     from conversation.log
                     where robeing_id = $1
                       and log.thread_ts = thread.thread_ts
                       and log.channel_id is not distinct from thread.channel_id
                       and deleted_at is null
                     union all
                     select message, response, created_at
                     from conversation.log
                     where robeing_id = $1 and id = root and log.thread_ts is null and deleted_at is null
                 ) as message
             ) as counted
             order by nth",
            &[
                (&robeing_id, Type::TEXT),
                (&channels, Type::TEXT_ARRAY),
                (&names, Type::TEXT_ARRAY),
                (&roots, Type::UUID_ARRAY),
            ],
        )
        .await?;
    let threads = last.into_iter().zip(&counts).map(|(last, counts)| {
        Ok(Thread {
            thread_ts: last.thread_ts,
            channel_id: last.channel_id,
            channel_type: last.channel_type,
            messages: counts.try_get("messages")?,
            responses: counts.try_get("responses")?,
            first_message_at: counts.try_get("first_message_at")?,
            last_message_at: last.created_at,
            last_message_id: last.id,
        })
    });
    threads.collect()
}
