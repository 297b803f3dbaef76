//! `POST /events/message-log`: what queues and buses deliver, in the shapes in which they do.
//!
//! An SQS batch answers which of its records failed; what comes alone (Pub/Sub, CloudEvents,
//! EventBridge, a message by hand) is answered with 2xx once it is committed, and with nothing of
//! the kind before. What can never be stored is kept as a dead letter, and still fails.
//! Anything else, `{}` among it, is a scheduler that wants what was stored rolled up.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
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
    match delivered(&headers, body) {
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

/// All at once; those of a FIFO queue one after the other, and of a group none after its first
/// failure.
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
            let is_held = group.as_ref().is_some_and(|group| held.contains(group));
            if is_held || is_failure(&store(log, caller, std::slice::from_ref(&delivery)).await[0])
            {
                failed(&delivery);
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

fn delivered(headers: &HeaderMap, body: Value) -> Delivered {
    let Value::Object(mut event) = body else {
        return Delivered::Nothing;
    };
    if let Some(Value::Array(records)) = event.get("Records")
        && !records.is_empty()
        && records
            .iter()
            .all(|record| record["eventSource"] == "aws:sqs")
    {
        return Delivered::Batch(records.iter().map(of_sqs).collect());
    }
    if event.contains_key("subscription")
        && let Some(Value::Object(message)) = event.get("message")
    {
        let again = event.get("deliveryAttempt").and_then(Value::as_i64) > Some(1);
        return Delivered::One(Box::new(of_pubsub(message, again)));
    }
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let (Some(id), Some(source)) = (header("ce-id"), header("ce-source")) {
        let time = header("ce-time").and_then(|time| time.parse().ok());
        let delivery = of_cloud_event(source, id, time, Ok(Value::Object(event)));
        return Delivered::One(Box::new(delivery));
    }
    if let Some(delivery) = of_structured(&mut event) {
        return Delivered::One(Box::new(delivery));
    }
    if event.contains_key("detail-type") && event.get("detail").is_some_and(is_message) {
        return Delivered::One(Box::new(of_event_bridge(&mut event)));
    }
    let message = Value::Object(event);
    if is_message(&message) {
        return Delivered::One(Box::new(by_hand(message)));
    }
    Delivered::Nothing
}

/// Schedulers send all kinds of JSON, and nothing that says any of this.
fn is_message(value: &Value) -> bool {
    ["robeing_id", "message", "response"]
        .iter()
        .any(|field| value.get(field).is_some())
}

fn of_sqs(record: &Value) -> Delivery {
    let attribute = |name: &str| record["attributes"][name].as_str();
    let millis = |name| attribute(name).and_then(|millis| millis.parse().ok());
    let sent_at = millis("SentTimestamp").and_then(|at| Timestamp::from_millisecond(at).ok());
    let item = text(&record["messageId"]);
    let attributes = record["messageAttributes"].as_object();
    let attributes = attributes.into_iter().flatten();
    let attributes = attributes
        .filter_map(|(name, value)| Some((name.as_str(), value["stringValue"].as_str()?)));
    let (id, body) = unwrapped(record["body"].as_str().unwrap_or_default());
    let publishers = publishers_id(attributes).or(id);
    let fifo = record["eventSourceARN"]
        .as_str()
        .is_some_and(|queue| queue.ends_with(".fifo"));
    let group = attribute("MessageGroupId")
        .filter(|_| fifo)
        .map(str::to_owned);
    let again = millis("ApproximateReceiveCount") > Some(1);
    Delivery {
        item: item.clone(),
        group,
        again,
        ..delivery("sqs", publishers, item, sent_at, body)
    }
}

fn of_pubsub(message: &Map<String, Value>, again: bool) -> Delivery {
    let field = |names: [&str; 2]| names.iter().find_map(|name| message.get(*name)?.as_str());
    let sent_at = field(["publishTime", "publish_time"]).and_then(|time| time.parse().ok());
    let id = field(["messageId", "message_id"])
        .unwrap_or_default()
        .to_owned();
    let attributes = message.get("attributes").and_then(Value::as_object);
    let attributes = attributes.into_iter().flatten();
    let attributes = attributes.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let data = message
        .get("data")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let data = BASE64
        .decode(data)
        .ok()
        .and_then(|data| String::from_utf8(data).ok());
    let (of_body, body) = match data {
        Some(data) => unwrapped(&data),
        None => (None, Err("data is no text in base64".to_owned())),
    };
    let publishers = publishers_id(attributes).or(of_body);
    Delivery {
        again,
        ..delivery("pubsub", publishers, id, sent_at, body)
    }
}

/// `specversion`, `id` and `source`, with the message in `data`.
fn of_structured(event: &mut Map<String, Value>) -> Option<Delivery> {
    event.get("specversion")?.as_str()?;
    let (id, source) = (event.get("id")?.as_str()?, event.get("source")?.as_str()?);
    let (id, source) = (id.to_owned(), source.to_owned());
    let time = event
        .get("time")
        .and_then(Value::as_str)
        .and_then(|time| time.parse().ok());
    let data = match (
        event.remove("data"),
        event.get("data_base64").and_then(Value::as_str),
    ) {
        (Some(Value::String(text)), _) => parsed(&text),
        (Some(data), _) => Ok(data),
        (None, Some(data)) => match BASE64.decode(data) {
            Ok(data) => parsed(&String::from_utf8_lossy(&data)),
            Err(_) => Err("data_base64 is no base64".to_owned()),
        },
        (None, None) => Err("it has no data".to_owned()),
    };
    Some(of_cloud_event(&source, &id, time, data))
}

/// A CloudEvent is told by its source and its id together.
fn of_cloud_event(
    source: &str,
    id: &str,
    time: Option<Timestamp>,
    body: Result<Value, String>,
) -> Delivery {
    let id = format!("{source} {id}");
    Delivery {
        sent_at: time,
        ..delivery("cloudevents", Some(id), String::new(), None, body)
    }
}

fn of_event_bridge(event: &mut Map<String, Value>) -> Delivery {
    let body = event.remove("detail").unwrap_or_default();
    let id = event.get("id").map(text).unwrap_or_default();
    let time = event
        .get("time")
        .and_then(Value::as_str)
        .and_then(|time| time.parse().ok());
    let publishers = body.get("id").and_then(Value::as_str).map(str::to_owned);
    Delivery {
        sent_at: time,
        ..delivery(
            "eventbridge",
            publishers.or(Some(id)),
            String::new(),
            None,
            Ok(body),
        )
    }
}

fn by_hand(message: Value) -> Delivery {
    let id = message.get("id").and_then(Value::as_str).map(str::to_owned);
    let made = id.unwrap_or_else(|| Uuid::now_v7().to_string());
    delivery("http", Some(made), String::new(), None, Ok(message))
}

/// Told by its publisher's own id, or else by the queue's, which goes with the time it was sent.
fn delivery(
    source: &'static str,
    publishers: Option<String>,
    queues: String,
    sent_at: Option<Timestamp>,
    body: Result<Value, String>,
) -> Delivery {
    let key = match publishers {
        Some(id) => Key::of_sender(id),
        None => Key {
            text: queues,
            time: sent_at,
        },
    };
    Delivery {
        source,
        event_id: key.text.clone(),
        key,
        body,
        sent_at,
        again: false,
        item: String::new(),
        group: None,
    }
}

fn publishers_id<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    const NAMES: [&str; 5] = ["id", "event_id", "idempotency_key", "ce-id", "ce_id"];
    let mut ids: Vec<_> = attributes
        .filter_map(|(name, id)| Some((NAMES.iter().position(|known| *known == name)?, id)))
        .filter(|(_, id)| !id.is_empty())
        .collect();
    ids.sort_unstable();
    ids.first().map(|(_, id)| (*id).to_owned())
}

/// The message in the text of a queue's message, and the id its publisher gave it: as it is, in a
/// CloudEvent, or in a notification of SNS.
fn unwrapped(body: &str) -> (Option<String>, Result<Value, String>) {
    let event = match parsed(body) {
        Ok(Value::Object(event)) => event,
        Ok(_) => return (None, Err("the body is no JSON object".to_owned())),
        Err(reason) => return (None, Err(reason)),
    };
    let own = event.get("id").and_then(Value::as_str).map(str::to_owned);
    if event.contains_key("specversion") {
        let mut event = event;
        return match of_structured(&mut event) {
            Some(delivery) => (Some(delivery.event_id), delivery.body),
            None => (
                None,
                Err("the CloudEvent lacks an id or a source".to_owned()),
            ),
        };
    }
    if event.get("Type").is_some_and(|kind| kind == "Notification")
        && let Some(Value::String(message)) = event.get("Message")
    {
        let (id, message) = unwrapped(message);
        return (id.or_else(|| event.get("MessageId").map(text)), message);
    }
    (own, Ok(Value::Object(event)))
}

fn parsed(text: &str) -> Result<Value, String> {
    // The error's own text has line and column, and nothing of what stands there.
    serde_json::from_str(text).map_err(|error| format!("the body is no JSON: {error}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
