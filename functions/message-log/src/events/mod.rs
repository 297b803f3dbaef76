//! `POST /events/message-log`: what queues and buses deliver, in the shapes in which they do.
//!
//! An SQS batch answers which of its records failed; what comes alone (Pub/Sub, CloudEvents,
//! EventBridge, a message by hand) is answered with 2xx once it is committed, and with nothing of
//! the kind before. What can never be stored is kept as a dead letter, and still fails.
//! Anything else, `{}` among it, is a scheduler that wants what was stored rolled up.

mod shapes;

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use shared::{Admin, Caller, Error, Json, Result};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::dead_letters::{self, letter_key};
use crate::identity::Key;
use crate::log::{Event, Log, Stored};
use crate::message::NewMessage;
use crate::post::{Receipt, said_without_values};

/// Lambda hands over 6 MB.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// One event as it was delivered.
pub struct Delivery {
    pub source: &'static str,
    /// What its source calls it.
    pub event_id: String,
    pub key: Key,
    /// What is to be a message, or why it can't be read.
    pub body: Result<Value, String>,
    sent_at: Option<Timestamp>,
    /// Whether an earlier delivery failed.
    again: bool,
    /// The queue's own name for it, which a report lists.
    item: String,
    /// Whose order must hold.
    group: Option<String>,
}

enum Delivered {
    Batch(Vec<Delivery>),
    One(Box<Delivery>),
    Nothing,
}

/// Store what a queue or a bus delivers, or roll up.
///
/// Takes an SQS event, a Pub/Sub push, a CloudEvent (structured, or binary with `ce-` headers), an
/// EventBridge event whose `detail` is a message, or a message as it is. `{}` and whatever a
/// scheduler sends rolls up what was stored, for search and patterns.
#[utoipa::path(
    post,
    path = "/events/message-log",
    tag = "events",
    operation_id = "message_log_event",
    request_body(content = Object, description = "an event; `{}` by hand rolls up"),
    responses(
        (status = 200, description = "committed; of a batch, what failed", body = Object),
        (status = 400, description = "it can't be stored as it is: it is a dead letter now"),
        (status = 403, description = "the caller is no admin, or not of that robeing"),
        (status = 413, description = "the event is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "it can't be stored as it is: it is a dead letter now"),
        (status = 503, description = "the database is not available: deliver it again"),
    )
)]
pub async fn deliver(
    State(log): State<Log>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<Response> {
    match shapes::delivered(&headers, body) {
        Delivered::Batch(deliveries) => {
            Ok(Json(store_batch(&log, &caller, deliveries).await?).into_response())
        }
        Delivered::One(delivery) => {
            let mut stored = store(&log, &caller, &[*delivery]).await;
            let stored = stored.pop().expect("one delivery has one outcome")?;
            Ok(Json(Receipt::from(stored)).into_response())
        }
        Delivered::Nothing => Ok(Json(crate::roll_up::run(&log).await?).into_response()),
    }
}

/// As Lambda's SQS integration reads it.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchReport {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// All at once; those of a FIFO queue one after the other, and of a group none after one that may
/// still succeed. What never can is a dead letter: it holds up nothing, since those after it would
/// go the way to the queue's dead letter together with it.
async fn store_batch(log: &Log, caller: &Caller, deliveries: Vec<Delivery>) -> Result<BatchReport> {
    let mut report = BatchReport::default();
    let mut failed = |delivery: &Delivery| {
        let item_identifier = delivery.item.clone();
        report
            .batch_item_failures
            .push(ItemFailure { item_identifier });
    };
    if deliveries.iter().any(|delivery| delivery.group.is_some()) {
        let mut held = HashSet::new();
        for delivery in deliveries {
            let group = delivery.group.clone();
            if group.as_ref().is_some_and(|group| held.contains(group)) {
                failed(&delivery);
                continue;
            }
            let outcome = &store(log, caller, std::slice::from_ref(&delivery)).await[0];
            if is_failure(outcome) {
                failed(&delivery);
            }
            if let Err(Error::Unavailable { .. } | Error::Internal(_)) = outcome {
                held.extend(group);
            }
        }
        return Ok(report);
    }
    let mut outcomes = store(log, caller, &deliveries).await;
    let is_down = |it: &Result<Stored>| matches!(it, Err(Error::Unavailable { .. }));
    if !outcomes.is_empty() && outcomes.iter().all(is_down) {
        return Err(outcomes.swap_remove(0).expect_err("all failed"));
    }
    for (delivery, outcome) in deliveries.iter().zip(&outcomes) {
        if is_failure(outcome) {
            failed(delivery);
        }
    }
    Ok(report)
}

fn is_failure(outcome: &Result<Stored>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(Error::Internal(cause)) => {
            tracing::error!(cause = format!("{cause:#}"), "a delivery failed");
            true
        }
        Err(_) => true,
    }
}

/// One outcome a delivery; what can never succeed is a dead letter by then.
async fn store(log: &Log, caller: &Caller, deliveries: &[Delivery]) -> Vec<Result<Stored>> {
    let mut outcomes: Vec<Option<Result<Stored>>> = Vec::with_capacity(deliveries.len());
    let mut events = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let event = delivery.message().and_then(|message| {
            caller.may_see_robeing(&message.robeing_id)?;
            Ok(delivery.event(message))
        });
        match event {
            Ok(event) => {
                events.push(event);
                outcomes.push(None);
            }
            Err(error) => outcomes.push(Some(Err(error))),
        }
    }
    let mut stored = log.store(events).await.into_iter();
    let mut all = Vec::with_capacity(deliveries.len());
    let mut resolved = Vec::new();
    for (delivery, outcome) in deliveries.iter().zip(outcomes) {
        let mut outcome = outcome.unwrap_or_else(|| stored.next().expect("an outcome an event"));
        match &outcome {
            Ok(stored) if delivery.again => resolved.push((delivery.letter_key(), stored.id)),
            Ok(_) | Err(Error::Unavailable { .. } | Error::Internal(_)) => {}
            Err(reason) => {
                // Where it can't be kept it has to come again, whatever is wrong with it.
                if let Err(error) = dead_letters::keep(log, delivery, reason).await {
                    outcome = Err(error);
                }
            }
        }
        all.push(outcome);
    }
    if let Err(error) = dead_letters::resolve(log, &resolved).await {
        tracing::warn!(
            error = format!("{error}"),
            "dead letters that were stored stay open"
        );
    }
    all
}

impl Delivery {
    /// One that was a dead letter.
    pub fn again(source: &str, event_id: String, key: Key) -> Self {
        let known = [
            "http",
            "slack",
            "sqs",
            "pubsub",
            "cloudevents",
            "eventbridge",
        ];
        let source = known
            .into_iter()
            .find(|known| *known == source)
            .unwrap_or("http");
        Self {
            source,
            event_id,
            key,
            body: Err("it is a dead letter".to_owned()),
            sent_at: None,
            again: true,
            item: String::new(),
            group: None,
        }
    }

    fn numbered(mut self, number: Option<&str>) -> Self {
        self.key = self.key.in_order(number);
        self
    }

    fn message(&self) -> Result<NewMessage> {
        match &self.body {
            Ok(body) => message_of(body.clone()),
            Err(reason) => Err(Error::Invalid(reason.clone())),
        }
    }

    pub fn event(&self, message: NewMessage) -> Event {
        Event {
            source: self.source,
            event_id: self.event_id.clone(),
            key: Some(self.key.clone()),
            sent_at: self.sent_at,
            message,
        }
    }

    pub fn letter_key(&self) -> Uuid {
        letter_key(self.source, &self.event_id)
    }
}

pub fn message_of(body: Value) -> Result<NewMessage> {
    serde_json::from_value(body).map_err(|error| Error::Invalid(said_without_values(&error)))
}
