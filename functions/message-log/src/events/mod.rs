//! `POST /events/message-log`: what queues, streams and buses deliver, in the shapes in which they do.
//!
//! Every body has one of four outcomes. `{}` and what EventBridge sends on a schedule roll up what
//! was stored. A message or an event alone is answered with 2xx once it is committed; otherwise it
//! is a dead letter, and fails. Of several, each is stored or a dead letter, and the answer says
//! which of them have to come again (see [`several`]). Anything else is refused with 400.

mod envelopes;
mod records;
mod several;
mod shapes;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use jiff::Timestamp;
use serde_json::Value;
use shared::{Admin, Caller, Error, Json, JsonItems, Result};
use uuid::Uuid;

use crate::dead_letters::{self, Owner, letter_key};
use crate::identity::Key;
use crate::log::{Event, Log, Stored};
use crate::message::NewMessage;
use crate::post::{Receipt, said_without_values};
use envelopes::{Name, Opened};

pub use shapes::is_run;

/// Lambda hands over 6 MB.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Where an event comes from: who gave it its id.
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
    /// What is to be a message, or why there is nothing to read.
    pub body: Result<Value, String>,
    /// Why the body is no message, where its envelope says so.
    refusal: Option<String>,
    sent_at: Option<Timestamp>,
    /// Whether an earlier delivery failed.
    again: bool,
    report: Report,
    /// Whose order must hold.
    group: Option<String>,
}

/// How its source is told that it failed.
enum Report {
    /// Not by itself: the whole request fails.
    None,
    /// By its id in a queue, which has a dead letter queue of its own for what never succeeds.
    Message(String),
    /// By its number in a stream, which delivers nothing else until it succeeds.
    Sequence(String),
}

enum Delivered {
    Several(Vec<Delivery>),
    One(Box<Delivery>),
    Run,
}

/// Store what a queue, a stream or a bus delivers, or roll up.
///
/// Takes the records of Lambda's event sources (SQS, SNS, Kinesis, DynamoDB streams, Kafka), a push
/// of Pub/Sub with its envelope or without, CloudEvents (structured, binary with `ce-` headers, or a
/// batch), events of EventBridge, notifications of SNS, and a message as it is; a list of any of
/// them as well. `{}` rolls up what was stored, for search and patterns, as does the event that
/// EventBridge sends on a schedule (`detail-type` `Scheduled Event`, an empty `detail`).
#[utoipa::path(
    post,
    path = "/events/message-log",
    tag = "events",
    operation_id = "message_log_event",
    request_body(content = Value, description = "an event; `{}` by hand rolls up"),
    responses(
        (status = 200, description = "committed; of several, what became of each", body = Object),
        (status = 400, description = "an event that can't be stored as it is: it is a dead letter now; or no event at all"),
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
    match shapes::delivered(&headers, body).map_err(Error::Invalid)? {
        Delivered::Several(deliveries) => several::store(&log, &caller, deliveries).await,
        Delivered::One(delivery) => {
            let mut stored = store(&log, &caller, &[*delivery]).await;
            let stored = stored.pop().expect("one delivery has one outcome")?;
            Ok(Json(Receipt::from(stored)).into_response())
        }
        Delivered::Run => Ok(Json(crate::roll_up::run(&log).await?).into_response()),
    }
}

/// SNS posts JSON as `text/plain`, and Pub/Sub without its envelope as whatever was published. A web
/// page can't send their headers unasked, which is what the content type is looked at for.
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

    /// Under the name that it has, else under `key`. What nobody named is new each time.
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
