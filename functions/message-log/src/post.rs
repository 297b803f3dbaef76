//! Messages over HTTP: one, or up to 1,000.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use platform::work::Waiting;
use platform::{Caller, Error, Json, JsonItems, Result, Writer, idempotency};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::identity::Key;
use crate::log::{Event, Log, Stored};
use crate::message::NewMessage;
use crate::slack;

const MOST: usize = 1_000;

#[derive(Serialize, ToSchema)]
pub struct Receipt {
    /// Of the row, which is committed.
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Stored> for Receipt {
    fn from(stored: Stored) -> Self {
        Self {
            id: stored.id,
            created_at: stored.created_at,
        }
    }
}

/// Store a message, a response, or both.
///
/// 2xx means committed, once, and masked. The `Idempotency-Key`, or else the message's `id`, is
/// what a repeat is told by, for at least 30 days: it gets the same answer. While the first is
/// still being stored, a repeat waits for it.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "messages",
    operation_id = "post_message",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same key stores once; at most 512 characters")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "stored", body = Receipt),
        (status = 200, description = "it was stored before; the answer is the same, and has `Idempotency-Replayed: true`", body = Receipt),
        (status = 400, description = "something is wrong with the message; the detail says what"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 413, description = "the message is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "another message came under this key before, or masking failed: nothing was stored"),
        (status = 503, description = "the database is not available: send it again"),
    )
)]
pub async fn one(
    State(log): State<Log>,
    Writer(caller): Writer,
    headers: HeaderMap,
    Json(message): Json<NewMessage>,
) -> Result<Response> {
    let event = event(&caller, message, idempotency::key(&headers)?)?;
    let stored = log.store_one(event).await?;
    let receipt = Json(Receipt::from(stored));
    Ok(if stored.replayed {
        let replayed = [(idempotency::REPLAYED, HeaderValue::from_static("true"))];
        (StatusCode::OK, replayed, receipt).into_response()
    } else {
        (StatusCode::CREATED, receipt).into_response()
    })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// 1 to 1,000 messages. Those that share a thread keep their order.
    #[schema(value_type = Vec<NewMessage>, min_items = 1, max_items = 1_000)]
    items: Vec<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
pub struct BatchReceipt {
    /// One result a message, in their order.
    items: Vec<ItemReceipt>,
}

#[derive(Default, Serialize, ToSchema)]
pub struct ItemReceipt {
    /// What it would have been answered with alone: 201, 200 for a repeat, or an error's.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// What is wrong with it. It was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Store up to 1,000 messages.
///
/// Each is stored or refused on its own. With an `Idempotency-Key`, a message that has no `id` is
/// told by the key and its place in the list.
#[utoipa::path(
    post,
    path = "/v1/messages/batch",
    tag = "messages",
    operation_id = "post_messages",
    params(("Idempotency-Key" = Option<String>, Header, description = "for those messages that have no id")),
    request_body = Batch,
    responses(
        (status = 200, description = "one result a message; those of 503 may be sent again", body = BatchReceipt),
        (status = 400, description = "the body is no list of 1 to 1,000"),
        (status = 403, description = "the caller may not write"),
        (status = 413, description = "the body is larger than 16 MiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available, and nothing was stored"),
    )
)]
pub async fn batch(
    State(log): State<Log>,
    Writer(caller): Writer,
    headers: HeaderMap,
    JsonItems(batch): JsonItems<Batch>,
) -> Result<Json<BatchReceipt>> {
    if batch.items.is_empty() || batch.items.len() > MOST {
        let count = batch.items.len();
        return Err(Error::Invalid(format!(
            "items has {count} messages: send 1 to {MOST}"
        )));
    }
    let key = idempotency::key(&headers)?;
    let bytes = batch.items.iter().map(|item| item.get().len()).sum();
    let parse = move |waiting: &Waiting| {
        waiting.each(batch.items.into_iter().enumerate(), |(position, item)| {
            let message = serde_json::from_str::<NewMessage>(item.get())
                .map_err(|error| Error::Invalid(said_without_values(&error)))?;
            let place = position.to_string();
            let key = key.as_ref().filter(|_| message.id.is_none());
            let key = key.map(|key| Key::of_parts(&[key, &place]).text);
            event(&caller, message, key)
        })
    };
    let mut items: Vec<Option<ItemReceipt>> = Vec::new();
    let mut events = Vec::new();
    for event in log.workers.run(bytes, parse).await {
        match event {
            Ok(event) => {
                events.push(event);
                items.push(None);
            }
            Err(error) => items.push(Some(ItemReceipt::refused(&error))),
        }
    }
    let count = events.len();
    let mut outcomes = log.store(events).await;
    let is_down = |it: &Result<Stored>| matches!(it, Err(Error::Unavailable { .. }));
    if count > 0 && outcomes.iter().all(is_down) {
        return Err(outcomes.swap_remove(0).expect_err("all failed"));
    }
    let mut outcomes = outcomes.into_iter();
    let items = items.into_iter().map(|item| {
        item.unwrap_or_else(|| match outcomes.next().expect("an outcome an event") {
            Ok(stored) => ItemReceipt::stored(stored),
            Err(error) => {
                if let Error::Internal(cause) = &error {
                    tracing::error!(cause = format!("{cause:#}"), "a message of a batch failed");
                }
                ItemReceipt::refused(&error)
            }
        })
    });
    Ok(Json(BatchReceipt {
        items: items.collect(),
    }))
}

impl ItemReceipt {
    fn stored(stored: Stored) -> Self {
        Self {
            status: if stored.replayed { 200 } else { 201 },
            id: Some(stored.id),
            created_at: Some(stored.created_at),
            detail: None,
        }
    }

    fn refused(error: &Error) -> Self {
        let detail = match error {
            Error::Internal(_) => {
                "an internal error; the log has it under the request id".to_owned()
            }
            told => told.to_string(),
        };
        Self {
            status: error.status().as_u16(),
            detail: Some(detail),
            ..Self::default()
        }
    }
}

/// The field, and what it should have been. serde's own text may repeat a value, which may be
/// anybody's.
pub fn said_without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let quoted = text.split('`').nth(1).unwrap_or_default();
    if text.starts_with("missing field") {
        format!("{quoted} is missing")
    } else if text.starts_with("unknown field") {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if quoted.len() <= 32 && quoted.bytes().all(is_name) {
            format!("{quoted} is unknown here")
        } else {
            "it has a field that is unknown here".to_owned()
        }
    } else {
        let expected = text.rsplit("expected ").next().unwrap_or_default();
        let expected = expected.split(" at line").next().unwrap_or_default();
        format!("a field has another type: expected {expected}")
    }
}

/// A caller's message as an event of theirs, if the robeing is.
pub fn event(caller: &Caller, message: NewMessage, key: Option<String>) -> Result<Event> {
    robeing::may_see(caller, &message.robeing_id)?;
    let (source, key) = match (&message.slack_ts, &message.channel_id, key) {
        (Some(ts), Some(channel), None) => ("slack", Some(slack::key(channel, ts)?)),
        (Some(_), None, None) => {
            return Err(Error::Invalid(
                "slack_ts needs the channel_id it is of".to_owned(),
            ));
        }
        (_, _, key) => (
            "http",
            key.or_else(|| message.id.clone()).map(Key::of_sender),
        ),
    };
    let event_id = match &key {
        Some(key) => key.text.clone(),
        None => String::new(),
    };
    Ok(Event {
        source,
        event_id,
        key,
        sent_at: None,
        message,
    })
}
