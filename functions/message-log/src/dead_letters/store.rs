//! Stores dead letters, and removes them once they are obsolete.

use platform::extract::json::is_deeper;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::telemetry::Metrics;
use platform::{Caller, Error, Result};
use robeing::ROBEINGS;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::EMPTY_LETTER;
use crate::ids::digest;
use crate::log::{CLOSED, Edit, Log, RawEvent};
use crate::message::MAX_DEPTH;

/// In characters.
const MAX_EVENT_ID: usize = 512;
/// In bytes. Only the queue keeps a larger body.
const MAX_BODY: usize = 512 * 1024;
/// In levels. Only the queue keeps a deeper body, since readers of dead letters could not parse it. The deepest body has
/// an event of Slack in its metadata.
const MAX_BODY_DEPTH: usize = MAX_DEPTH + 2;

/// The robeing or sender that a dead letter belongs to. It is part of the key, so that no event replaces another
/// one's dead letter.
#[derive(Clone, Copy, Debug)]
pub enum Attribution<'a> {
    /// The robeing that the event is for.
    Robeing(&'a str),
    /// The caller who sent it, if it names no robeing in their scope.
    Sender(&'a str),
}

impl<'a> Attribution<'a> {
    pub fn of(caller: &'a Caller, event: &'a RawEvent) -> Self {
        let body = event.body.as_ref();
        let robeing = body.and_then(|body| body.get("robeing_id")?.as_str());
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

/// The key that a dead letter and the redeliveries of its event share.
pub fn letter_key(attribution: Attribution<'_>, event: &RawEvent) -> Uuid {
    let (kind, name) = match attribution {
        Attribution::Robeing(robeing) => ("robeing", robeing),
        Attribution::Sender(sender) => ("sender", sender),
    };
    let parts = ["dead letter", kind, name, event.source, &event.event_id];
    Uuid::from_bytes(digest(&parts))
}

/// Stores a dead letter, masked, with the reason. A redelivery counts as another attempt.
pub async fn store(
    log: &Log,
    attribution: Attribution<'_>,
    event: &RawEvent,
    reason: &Error,
    metrics: &Metrics,
) -> Result<()> {
    let masked_reason = log
        .masked_text(reason.to_string())
        .await
        .unwrap_or_else(|_| "masking failed".to_owned());
    // The body of an archived month is not stored: its people may have been erased since.
    let is_closed = matches!(reason, Error::Unprocessable(detail) if detail == CLOSED);
    let body = event.body.clone().filter(|_| !is_closed);
    let body = body
        .map(without_nul)
        .filter(|body| !is_deeper(body, MAX_BODY_DEPTH) && body.to_string().len() <= MAX_BODY);
    let body = match body {
        Some(body) => match log.masked_json(body, attribution.robeing_id()).await {
            Ok(masked) => Some(Jsonb(masked)),
            // Without the settings, the event has to be delivered again.
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            Err(_) => None,
        },
        None => None,
    };
    // An id with a time was made by a machine, and masking would take one in ten of some queues' numbers for card
    // numbers. Other ids may be personal data.
    let event_id = match event.key.time {
        Some(_) => event.event_id.clone(),
        None => {
            let masked = log.masked_text(event.event_id.clone()).await;
            masked.unwrap_or_default()
        }
    };
    let event_id: String = replace_nul(event_id).chars().take(MAX_EVENT_ID).collect();
    let is_exact = event_id == event.event_id;
    let order = event.key.order.map(u64::cast_signed);
    let id = Uuid::now_v7();
    let edit = event.edit.as_ref().map(Jsonb);
    let client = log.pool.get().await?;
    if edit.is_some() {
        db::query(
            &client,
            &Scope::all(ROBEINGS),
            include_str!("detach.sql"),
            &[
                (&letter_key(attribution, event), Type::UUID),
                (&edit, Type::JSONB),
            ],
        )
        .await?;
    }
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        include_str!("store.sql"),
        &[
            (&id, Type::UUID),
            (&letter_key(attribution, event), Type::UUID),
            (&event.source, Type::TEXT),
            (&event_id, Type::TEXT),
            (&event.key.time, Type::TIMESTAMPTZ),
            (&order, Type::INT8),
            (&attribution.robeing_id(), Type::TEXT),
            (&masked_reason, Type::TEXT),
            (&body, Type::JSONB),
            (&is_exact, Type::BOOL),
            (&event.sent_at, Type::TIMESTAMPTZ),
            (&edit, Type::JSONB),
        ],
    )
    .await?;
    tracing::warn!(source = event.source, dead_letter = %id, reason = masked_reason, "an event can't be stored");
    metrics.count("dead_letters");
    Ok(())
}

/// Marks the dead letters of events that were stored later, given by their keys and the ids of their messages.
pub async fn mark_stored(log: &Log, stored: &[(Uuid, Uuid)]) -> Result<()> {
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
    erase_letters_of_erased(&client, &messages).await
}

/// Erases dead letters of messages that were erased before the dead letter was marked as stored.
pub(super) async fn erase_letters_of_erased(client: &Client, messages: &[Uuid]) -> Result<()> {
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

/// Erases a dead letter whose text its sender has edited or deleted since. After an edit, the dead letter may still
/// become that of a newer one; after a deletion, nothing is stored in it again.
pub async fn discard(
    log: &Log,
    attribution: Attribution<'_>,
    event: &RawEvent,
    edit: Option<&Edit>,
) -> Result<()> {
    let client = log.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        include_str!("discard.sql"),
        &[
            (&letter_key(attribution, event), Type::UUID),
            (&edit.map(Jsonb), Type::JSONB),
        ],
    )
    .await?;
    Ok(())
}

/// The robeings in which replays stored the message of an event, for these attributions.
pub async fn replayed_in(
    log: &Log,
    attributions: &[Attribution<'_>],
    event: &RawEvent,
) -> Result<Vec<String>> {
    let keys = attributions.iter().map(|it| letter_key(*it, event));
    let keys: Vec<Uuid> = keys.collect();
    let client = log.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select distinct robeing_id
         from conversation.dead_letter
         where key = any ($1) and replayed_at is not null and robeing_id is not null
         order by 1",
        &[(&keys, Type::UUID_ARRAY)],
    )
    .await?;
    let robeings = rows.iter().map(|row| row.try_get("robeing_id"));
    Ok(robeings.collect::<Result<_, _>>()?)
}

/// Postgres can't store NUL characters. The replacement character shows where they were.
fn replace_nul(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(replace_nul(text)),
        Value::Array(items) => items.into_iter().map(without_nul).collect(),
        Value::Object(object) => {
            let fields = object
                .into_iter()
                .map(|(key, value)| (replace_nul(key), without_nul(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}
