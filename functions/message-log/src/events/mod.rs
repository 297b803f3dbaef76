//! `POST /events/message-log`: deliveries of queues, streams and buses, in their own shapes.
//!
//! Every body has one of four outcomes. `{}` and EventBridge's scheduled event start a roll-up. A
//! single message or event returns 2xx once it is committed; otherwise it becomes a dead letter and
//! returns an error. In a list, each event is stored or becomes a dead letter, and the response says
//! which ones to deliver again (see `several`). Any other body returns 400.

mod envelopes;
mod records;
mod several;
mod shapes;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use jiff::Timestamp;
use platform::work::Waiting;
use platform::{Admin, Caller, Error, Json, JsonItems, Result};
use serde_json::Value;
use uuid::Uuid;

use crate::dead_letters::{self, Owner, letter_key};
use crate::identity::Key;
use crate::log::{Event, Log, Stored};
use crate::message::{NewMessage, work};
use crate::post::{Receipt, said_without_values};
use envelopes::{Name, Opened};

pub use shapes::is_run;

/// Lambda hands over 6 MB.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Who gave an event its id.
const SOURCES: [&str; 12] = [
    "http",
    "slack",
    "sqs",
    "sns",
    "pubsub",
    "cloudevents",
    "eventbridge",
    "kinesis",
    "dynamodb",
    "kafka",
    "s3",
    "unknown",
];

/// One event as it was delivered.
pub struct Delivery {
    pub source: &'static str,
    /// What its source calls it.
    pub event_id: String,
    pub key: Key,
    /// The message as it came, or why there is nothing to read.
    pub body: Result<Value, String>,
    /// Why the body can't be a message, if its envelope shows that.
    refusal: Option<String>,
    /// When it was handed over, for a message that does not say when it was said.
    pub sent_at: Option<Timestamp>,
    /// Whether an earlier delivery failed.
    again: bool,
    report: Report,
    /// Whose order must hold.
    group: Option<String>,
}

/// How to tell the source that a delivery failed.
enum Report {
    /// The whole request fails.
    None,
    /// By its id in a queue.
    Message(String),
    /// By its sequence number in a stream.
    Sequence(String),
}

enum Delivered {
    Several(Vec<Delivery>),
    One(Box<Delivery>),
    Run,
}

/// Store what a queue, a stream or a bus delivers, or roll up.
///
/// Accepts the records of Lambda's event sources (SQS, SNS, Kinesis, DynamoDB streams, Kafka),
/// Pub/Sub pushes (wrapped or unwrapped), CloudEvents (structured, binary or batched), EventBridge
/// events, SNS notifications, plain messages, and lists of any of them. `{}` starts a roll-up, which
/// search and patterns need, and so does EventBridge's scheduled event (`detail-type` `Scheduled
/// Event` with an empty `detail`).
#[utoipa::path(
    post,
    path = "/events/message-log",
    tag = "events",
    operation_id = "message_log_event",
    request_body(content = Value, description = "an event; `{}` by hand rolls up"),
    responses(
        (status = 200, description = "committed; for a list, the outcome of each event", body = Object),
        (status = 400, description = "the event can't be stored and is a dead letter now, or the body is no known event"),
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
    request: Request,
) -> Result<Response> {
    let headers = request.headers().clone();
    // A NUL character refuses the message that holds it, and no other of the same request.
    let JsonItems(body) = JsonItems::<Value>::from_request(as_json(request), &()).await?;
    let bytes = work(&body);
    let delivered = move |_: &Waiting| shapes::delivered(&headers, body);
    let delivered = log.workers.run(bytes, delivered).await;
    match delivered.map_err(Error::Invalid)? {
        Delivered::Several(deliveries) => several::store(&log, &caller, deliveries).await,
        Delivered::One(delivery) => {
            let mut stored = store(&log, &caller, &[*delivery]).await;
            let stored = stored.pop().expect("one delivery has one outcome")?;
            Ok(Json(Receipt::from(stored)).into_response())
        }
        Delivered::Run => Ok(Json(crate::roll_up::run(&log).await?).into_response()),
    }
}

/// Accepts JSON in any content type from SNS, which sends `text/plain`, and from unwrapped Pub/Sub
/// pushes. The check of the content type keeps out web pages, which can't send these headers unasked.
pub fn as_json(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if headers.contains_key(shapes::SNS_ID) || headers.contains_key(shapes::PUBSUB_ID) {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    request
}

/// One outcome a delivery; what can never succeed is a dead letter by then.
async fn store(log: &Log, caller: &Caller, deliveries: &[Delivery]) -> Vec<Result<Stored>> {
    let mut outcomes: Vec<Option<Result<Stored>>> = Vec::with_capacity(deliveries.len());
    let mut events = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let event = delivery.message().and_then(|message| {
            robeing::may_see(caller, &message.robeing_id)?;
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
            Ok(stored) if delivery.again => {
                resolved.push((letter_key(Owner::of(caller, delivery), delivery), stored.id));
            }
            Ok(_) | Err(Error::Unavailable { .. } | Error::Internal(_)) => {}
            Err(reason) => {
                // Where it can't be kept it has to come again, whatever is wrong with it.
                let owner = Owner::of(caller, delivery);
                if let Err(error) = dead_letters::keep(log, owner, delivery, reason).await {
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
        let source = SOURCES
            .into_iter()
            .find(|known| *known == source)
            .unwrap_or("http");
        Self {
            source,
            event_id,
            key,
            body: Err("it is a dead letter".to_owned()),
            refusal: None,
            sent_at: None,
            again: true,
            report: Report::None,
            group: None,
        }
    }

    #[must_use]
    pub fn sent_at(mut self, sent_at: Option<Timestamp>) -> Self {
        self.sent_at = sent_at;
        self
    }

    /// Under its name, otherwise under `key`. An event without either is a new one each time.
    fn of(opened: Opened, source: &'static str, key: Option<Key>) -> Self {
        let Opened {
            name,
            sent_at,
            body,
            refusal,
        } = opened;
        let made = || match sent_at {
            Some(_) => Key::of_publisher(&Uuid::new_v4().to_string()).at(sent_at),
            None => Key::of_sender(Uuid::now_v7().to_string()),
        };
        let (source, key) = match name.within(source) {
            Name::Full(source, key) => (source, key),
            _ => (source, key.unwrap_or_else(made)),
        };
        Self {
            source,
            event_id: key.text.clone(),
            key,
            body,
            refusal,
            sent_at,
            again: false,
            report: Report::None,
            group: None,
        }
    }

    fn message(&self) -> Result<NewMessage> {
        match (&self.body, &self.refusal) {
            (Ok(body), None) => message_of(body.clone()),
            (_, Some(reason)) | (Err(reason), _) => Err(Error::Invalid(reason.clone())),
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
}

pub fn message_of(body: Value) -> Result<NewMessage> {
    serde_json::from_value(body).map_err(|error| Error::Invalid(said_without_values(&error)))
}
