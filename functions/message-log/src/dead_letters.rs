//! What can't be stored as it is: kept masked, with the reason, until somebody replays it.
//!
//! It stays failed for whoever delivered it, so that a queue's own dead letter has the original.

use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use platform::auth::Names;
use platform::postgres::Client;
use platform::postgres::types::{Json as Jsonb, Type};
use platform::telemetry::{Unit, figure};
use platform::{Admin, Caller, Error, Json, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::events::{Delivery, message_of};
use crate::history::limit;
use crate::identity::{Key, digest};
use crate::log::{CLOSED, Log};
use crate::message::NewMessage;
use crate::page::{self, Listed, STORED_BYTES};
use crate::post::Receipt;
use platform::postgres::scoped::{self as db, Scope};
use robeing::ROBEINGS;

/// What an erasure leaves of a dead letter: its key, so that the same event is not kept again.
pub(crate) const EMPTY_LETTER: &str =
    "body = null, reason = 'erased', source_event_id = '', message_id = null, erased_at = now()";
/// In characters.
const LONGEST_EVENT_ID: usize = 512;
/// A larger body is kept by the queue alone.
const LARGEST_BODY: usize = 512 * 1024;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Also those that were replayed.
    #[param(default = false)]
    replayed: Option<bool>,
    /// At most so many items.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<Uuid>,
}

/// At most 4 MB: a page of large bodies has fewer items than were asked for, and a `next`.
#[derive(Serialize, ToSchema)]
pub struct DeadLetters {
    #[schema(value_type = Vec<DeadLetter>)]
    items: Vec<Box<RawValue>>,
    /// What to ask for the next page with; null where this is the last one.
    next: Option<Uuid>,
}

#[derive(Serialize, ToSchema)]
pub struct DeadLetter {
    id: Uuid,
    source: String,
    source_event_id: String,
    robeing_id: Option<String>,
    reason: String,
    /// What came, masked; null where masking is what failed, or where it is too large.
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// How often it was delivered.
    attempts: i32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_attempt_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    replayed_at: Option<Timestamp>,
    /// The row that came of it.
    message_id: Option<Uuid>,
}

/// What could not be stored, newest first.
#[utoipa::path(
    get,
    path = "/v1/dead-letters",
    tag = "dead letters",
    operation_id = "list_dead_letters",
    params(Which),
    responses(
        (status = 200, description = "one page", body = DeadLetters),
        (status = 400, description = "a parameter is wrong"),
        (status = 403, description = "the caller is no admin"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn list(
    State(log): State<Log>,
    Admin(caller): Admin,
    Query(which): Query<Which>,
) -> Result<Json<DeadLetters>> {
    let limit = limit(which.limit, 50)?;
    let past = which.after.unwrap_or(Uuid::max());
    let one_more = limit + 1;
    let client = log.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
        "select *
         from (
             select *,
                    count(*) over () as found,
                    sum(coalesce(octet_length(body::text), 0))
                        over (order by id desc rows between unbounded preceding and 1 preceding) as before
             from (
                 select id, source, source_event_id, robeing_id, reason, body, attempts, created_at,
                        last_attempt_at, replayed_at, message_id
                 from conversation.dead_letter
                 where id < $1
                   and ($2::text[] is null or robeing_id = any ($2))
                   and ($3 or replayed_at is null)
                 order by id desc
                 limit $4
             ) as wanted
         ) as measured
         where coalesce(before, 0) < $5
         order by id desc",
        &[
            (&past, Type::UUID),
            (&robeings(caller.scope.of(ROBEINGS)), Type::TEXT_ARRAY),
            (&which.replayed.unwrap_or(false), Type::BOOL),
            (&one_more, Type::INT8),
            (&STORED_BYTES, Type::INT8),
        ],
    )
    .await?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.try_get("found"))?;
    let mut items = rows
        .iter()
        .map(|row| {
            Ok(DeadLetter {
                id: row.try_get("id")?,
                source: row.try_get("source")?,
                source_event_id: row.try_get("source_event_id")?,
                robeing_id: row.try_get("robeing_id")?,
                reason: row.try_get("reason")?,
                body: row.try_get("body")?,
                attempts: row.try_get("attempts")?,
                created_at: row.try_get("created_at")?,
                last_attempt_at: row.try_get("last_attempt_at")?,
                replayed_at: row.try_get("replayed_at")?,
                message_id: row.try_get("message_id")?,
            })
        })
        .collect::<Result<Vec<_>, tokio_postgres::Error>>()?;
    items.truncate(usize::try_from(limit).unwrap_or_default());
    let more = (items.len() as i64) < found;
    let (items, next) = page::of(items, more)?;
    Ok(Json(DeadLetters { items, next }))
}

impl Listed for DeadLetter {
    fn id(&self) -> Uuid {
        self.id
    }

    /// A body is at most an eighth of a page.
    fn cut(&mut self) {}
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// What to store instead of what came; default: what came, as it was kept.
    message: Option<NewMessage>,
}

/// Store a dead letter after all, put right or as it is.
///
/// It is stored under the event's own key: replayed twice, or delivered once more, it is one row.
#[utoipa::path(
    post,
    path = "/v1/dead-letters/{id}/replay",
    tag = "dead letters",
    operation_id = "replay_dead_letter",
    params(("id" = Uuid, Path)),
    request_body = Replay,
    responses(
        (status = 200, description = "stored", body = Receipt),
        (status = 400, description = "it is still wrong; the detail says what"),
        (status = 403, description = "the caller is no admin, or not of that robeing"),
        (status = 404, description = "there is no such dead letter"),
        (status = 409, description = "its body was not kept: send the message; its id was not: deliver it again; or it was erased"),
        (status = 413, description = "the message is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "another message came under its key"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn replay(
    State(log): State<Log>,
    Admin(caller): Admin,
    Path(id): Path<Uuid>,
    Json(replay): Json<Replay>,
) -> Result<Json<Receipt>> {
    let scope = Scope::of(ROBEINGS, caller.scope.of(ROBEINGS));
    let client = log.pool.get().await?;
    let letter = db::query(
        &client,
        &scope,
        "select source, source_event_id, is_exact, event_time, event_order, sent_at, body,
                erased_at is not null as is_erased
         from conversation.dead_letter
         where id = $1 and ($2::text[] is null or robeing_id = any ($2))",
        &[
            (&id, Type::UUID),
            (&robeings(caller.scope.of(ROBEINGS)), Type::TEXT_ARRAY),
        ],
    )
    .await?;
    let letter = letter.first();
    let letter = letter.ok_or_else(|| Error::NotFound(format!("there is no dead letter {id}")))?;
    if letter.try_get("is_erased")? {
        let detail = "what came was erased on request: it is not stored after all";
        return Err(Error::Conflict(detail.to_owned()));
    }
    let body: Option<Value> = letter.try_get("body")?;
    let message = match (replay.message, body) {
        (Some(message), _) => message,
        (None, Some(body)) => message_of(body)?,
        (None, None) => {
            let detail = "what came was not kept: send it as `message`";
            return Err(Error::Conflict(detail.to_owned()));
        }
    };
    robeing::may_see(&caller, &message.robeing_id)?;
    let source: String = letter.try_get("source")?;
    let event_id: String = letter.try_get("source_event_id")?;
    let order: Option<i64> = letter.try_get("event_order")?;
    let key = Key {
        text: event_id.clone(),
        time: letter.try_get("event_time")?,
        order: order.map(i64::cast_unsigned),
    };
    if !letter.try_get::<_, bool>("is_exact")? {
        // Stored under what is left of its id, it could be there twice.
        let detail = "its id was masked or cut, so it can't be told from others: deliver it again";
        return Err(Error::Conflict(detail.to_owned()));
    }
    drop(client);
    let sent_at: Option<Timestamp> = letter.try_get("sent_at")?;
    let delivery = Delivery::again(&source, event_id, key).sent_at(sent_at);
    let robeing_id = message.robeing_id.clone();
    let stored = log.store_one(delivery.event(message)).await?;
    let client = log.pool.get().await?;
    db::query(
        &client,
        &scope,
        // From here on it is the robeing's that its message is for.
        "update conversation.dead_letter
         set replayed_at = coalesce(replayed_at, now()), message_id = $2,
             robeing_id = coalesce(robeing_id, $3)
         where id = $1",
        &[
            (&id, Type::UUID),
            (&stored.id, Type::UUID),
            (&robeing_id, Type::TEXT),
        ],
    )
    .await?;
    follow(&client, &[stored.id]).await?;
    Ok(Json(stored.into()))
}

fn robeings(scope: &Names) -> Option<&Vec<String>> {
    match scope {
        Names::All => None,
        Names::Only(names) => Some(names),
    }
}

/// Whose a dead letter is. Its key holds its owner, so that nobody's event takes the place of another's.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The robeing that it is for.
    Robeing(&'a str),
    /// Whoever sent it, where it names no robeing that they may see.
    Sender(&'a str),
}

impl<'a> Owner<'a> {
    pub fn of(caller: &'a Caller, delivery: &'a Delivery) -> Self {
        let robeing = delivery.body.as_ref().ok();
        let robeing = robeing.and_then(|body| body.get("robeing_id")?.as_str());
        match robeing.filter(|it| robeing::may_see(caller, it).is_ok()) {
            Some(robeing) => Self::Robeing(robeing),
            None => Self::Sender(&caller.name),
        }
    }

    fn robeing_id(self) -> Option<&'a str> {
        match self {
            Self::Robeing(robeing) => Some(robeing),
            Self::Sender(_) => None,
        }
    }
}

/// Under which a dead letter is kept once.
pub fn letter_key(owner: Owner<'_>, delivery: &Delivery) -> Uuid {
    let (kind, name) = match owner {
        Owner::Robeing(robeing) => ("robeing", robeing),
        Owner::Sender(sender) => ("sender", sender),
    };
    let parts = [
        "dead letter",
        kind,
        name,
        delivery.source,
        &delivery.event_id,
    ];
    Uuid::from_bytes(digest(&parts))
}

/// What failed, and why. Nothing is kept of it that is not masked.
pub async fn keep(log: &Log, owner: Owner<'_>, delivery: &Delivery, reason: &Error) -> Result<()> {
    let told = log
        .masked_text(reason.to_string())
        .await
        .unwrap_or_else(|_| "it can't be masked".to_owned());
    // Of a month that is put away nothing is kept here: its people may have been erased since.
    let is_closed = matches!(reason, Error::Unprocessable(detail) if detail == CLOSED);
    let body = delivery.body.as_ref().ok().filter(|_| !is_closed).cloned();
    let body = body
        .map(without_nul)
        .filter(|body| body.to_string().len() <= LARGEST_BODY);
    let body = match body {
        Some(body) => log.masked_json(body).await.ok().map(Jsonb),
        None => None,
    };
    // An id that comes with its time is a machine's; to masking, one in ten of some queues' numbers
    // is a card's. Whatever else a publisher calls an event may be anything.
    let event_id = match delivery.key.time {
        Some(_) => delivery.event_id.clone(),
        None => {
            let masked = log.masked_text(delivery.event_id.clone()).await;
            masked.unwrap_or_default()
        }
    };
    let event_id: String = shown(event_id).chars().take(LONGEST_EVENT_ID).collect();
    let is_exact = event_id == delivery.event_id;
    let order = delivery.key.order.map(u64::cast_signed);
    let id = Uuid::now_v7();
    let client = log.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "insert into conversation.dead_letter as known
             (id, key, source, source_event_id, is_exact, event_time, event_order, sent_at, robeing_id, reason, body)
         values ($1, $2, $3, $4, $10, $5, $6, $11, $7, $8, $9)
         on conflict (key) do update
         set attempts = known.attempts + 1, last_attempt_at = now(),
             reason = case when known.erased_at is null then excluded.reason else known.reason end,
             body = case when known.erased_at is null then excluded.body end",
        &[
            (&id, Type::UUID),
            (&letter_key(owner, delivery), Type::UUID),
            (&delivery.source, Type::TEXT),
            (&event_id, Type::TEXT),
            (&delivery.key.time, Type::TIMESTAMPTZ),
            (&order, Type::INT8),
            (&owner.robeing_id(), Type::TEXT),
            (&told, Type::TEXT),
            (&body, Type::JSONB),
            (&is_exact, Type::BOOL),
            (&delivery.sent_at, Type::TIMESTAMPTZ),
        ],
    )
    .await?;
    tracing::warn!(source = delivery.source, dead_letter = %id, reason = told, "an event can't be stored");
    figure("dead_letters", Unit::Count, 1.0);
    Ok(())
}

/// Marks those that have become rows after all.
pub async fn resolve(log: &Log, stored: &[(Uuid, Uuid)]) -> Result<()> {
    if stored.is_empty() {
        return Ok(());
    }
    let (keys, messages): (Vec<Uuid>, Vec<Uuid>) = stored.iter().copied().unzip();
    let client = log.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "update conversation.dead_letter as known
         set replayed_at = coalesce(known.replayed_at, now()), message_id = stored.message_id
         from unnest($1::uuid[], $2::uuid[]) as stored (key, message_id)
         where known.key = stored.key",
        &[(&keys, Type::UUID_ARRAY), (&messages, Type::UUID_ARRAY)],
    )
    .await?;
    follow(&client, &messages).await
}

/// Empties those whose message was erased before they were known to have become it.
async fn follow(client: &Client, messages: &[Uuid]) -> Result<()> {
    db::query(
        client,
        &Scope::all(ROBEINGS),
        &format!(
            "update conversation.dead_letter as letter set {EMPTY_LETTER}
             where message_id = any ($1)
               and erased_at is null
               and exists (
                   select from conversation.log
                   where log.id = letter.message_id and log.erased_at is not null)"
        ),
        &[(&messages, Type::UUID_ARRAY)],
    )
    .await?;
    Ok(())
}

/// Empties a dead letter whose text its sender has changed or deleted since: it is not stored after all.
pub async fn forget(log: &Log, owner: Owner<'_>, delivery: &Delivery) -> Result<()> {
    let client = log.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "update conversation.dead_letter
         set body = null, reason = 'changed or deleted by its sender', erased_at = now()
         where key = $1 and erased_at is null",
        &[(&letter_key(owner, delivery), Type::UUID)],
    )
    .await?;
    Ok(())
}

/// Postgres keeps no NUL, and what is wrong should be seen.
fn shown(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(shown(text)),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(object) => {
            let fields = object
                .into_iter()
                .map(|(key, value)| (shown(key), without_nul(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}
