//! `POST /v1/messages` and `POST /v1/messages/batch`: messages over HTTP.

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

use crate::ids::Key;
use crate::log::{Event, Log, Stored};
use crate::message::NewMessage;

const MAX_BATCH: usize = 1_000;

/// Store a message, a response, or both.
///
/// A 2xx response means that the message is masked and committed. For at least 30 days, repeats are recognized by
/// `slack_ts` with `channel_id`, or else by the `Idempotency-Key` or the message's `id`, and get the same response. A repeat waits while the first
/// request is in progress. A message with `slack_ts` is one row with Slack's event about it: whichever arrives later
/// adds the fields that the row lacks.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "messages",
    operation_id = "post_message",
    params(("Idempotency-Key" = Option<String>, Header, description = "requests with the same key store one message; at most 512 characters")),
    request_body = NewMessage,
    responses(
        (status = 201, description = "stored", body = Stored),
        (status = 200, description = "it was stored before, or Slack's event about it was: the same response, with `Idempotency-Replayed: true`", body = Stored),
        (status = 400, description = "the message is invalid; `detail` says why"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 413, description = "the message is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "another message has the same key or `slack_ts`, an agent named another `reply_to` for this Slack message, the month of the message is archived, or masking failed; nothing was stored"),
        (status = 503, description = "the database is not available; try again"),
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
    let receipt = Json(stored);
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
    /// 1 to 1,000 messages. Messages of the same thread keep their order.
    #[schema(value_type = Vec<NewMessage>, min_items = 1, max_items = 1_000)]
    items: Vec<Box<RawValue>>,
}

#[derive(Serialize, ToSchema)]
pub struct BatchReceipt {
    /// One result per message, in the same order.
    items: Vec<ItemReceipt>,
}

#[derive(Default, Serialize, ToSchema)]
pub struct ItemReceipt {
    /// The status that the message would have got alone: 201, 200 for a repeat, or that of an error.
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// Why the message was not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Store up to 1,000 messages.
///
/// Each message is stored or rejected on its own. With an `Idempotency-Key`, repeats of a message without an `id`
/// are recognized by the key and the place in the list.
#[utoipa::path(
    post,
    path = "/v1/messages/batch",
    tag = "messages",
    operation_id = "post_messages",
    params(("Idempotency-Key" = Option<String>, Header, description = "for messages without an `id`")),
    request_body = Batch,
    responses(
        (status = 200, description = "one result per message; messages with status 503 may be sent again", body = BatchReceipt),
        (status = 400, description = "the body is not a list of 1 to 1,000 messages"),
        (status = 403, description = "the caller may not write"),
        (status = 413, description = "the body is larger than 16 MiB"),
        (status = 415, description = "the body is not JSON"),
        (status = 503, description = "the database is not available; nothing was stored"),
    )
)]
pub async fn batch(
    State(log): State<Log>,
    Writer(caller): Writer,
    headers: HeaderMap,
    JsonItems(batch): JsonItems<Batch>,
) -> Result<Json<BatchReceipt>> {
    if batch.items.is_empty() || batch.items.len() > MAX_BATCH {
        let count = batch.items.len();
        return Err(Error::Invalid(format!(
            "items has {count} messages: send 1 to {MAX_BATCH}"
        )));
    }
    let key = idempotency::key(&headers)?;
    let bytes = batch.items.iter().map(|item| item.get().len()).sum();
    let parse = move |waiting: &Waiting| {
        waiting.each(batch.items.into_iter().enumerate(), |(position, item)| {
            let message = NewMessage::from_json(item.get())?;
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
            Err(error) => items.push(Some(ItemReceipt::rejected(&error))),
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
        item.unwrap_or_else(|| match outcomes.next().expect("one outcome per event") {
            Ok(stored) => ItemReceipt::stored(stored),
            Err(error) => {
                if let Error::Internal(cause) = &error {
                    tracing::error!(cause = format!("{cause:#}"), "a message of a batch failed");
                }
                ItemReceipt::rejected(&error)
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

    fn rejected(error: &Error) -> Self {
        let detail = match error {
            Error::Internal(_) => {
                "internal error; the log has the cause under the request id".to_owned()
            }
            error => error.to_string(),
        };
        Self {
            status: error.status().as_u16(),
            detail: Some(detail),
            ..Self::default()
        }
    }
}

/// The event of a caller's message; an error if the robeing is not in the caller's scope.
pub fn event(caller: &Caller, message: NewMessage, key: Option<String>) -> Result<Event> {
    robeing::may_see(caller, &message.robeing_id)?;
    let key = key.or_else(|| message.id.clone()).map(Key::of_sender);
    let event_id = match &key {
        Some(key) => key.text.clone(),
        None => String::new(),
    };
    Ok(Event {
        source: "http",
        event_id,
        key,
        sent_at: None,
        message,
    })
}
