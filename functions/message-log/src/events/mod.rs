//! `POST /events/message-log`: deliveries from queues, streams and buses, in their own formats.
//!
//! A body has one of four outcomes. `{}` and EventBridge's scheduled event start a roll-up. A single message or event
//! returns 2xx once it is committed; otherwise it becomes a dead letter and the request fails. In a list, each event
//! is stored or becomes a dead letter, and the response names the events to deliver again (see `batch`). Any other
//! body returns 400.

mod batch;
mod body;
mod delivery;
mod envelopes;
mod records;

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use platform::telemetry::Metrics;
use platform::work::Waiting;
use platform::{Admin, Caller, Error, Json, JsonItems, Result};
use robeing::ROBEINGS;
use serde_json::value::RawValue;

use crate::dead_letters::{self, Attribution, letter_key};
use crate::log::{Log, Stored};
use body::Body;
use delivery::Delivery;

pub use body::is_run;

/// In bytes. Lambda sends at most 6 MB.
pub const LARGEST_EVENT: usize = 16 * 1024 * 1024;

/// Store events from a queue, a stream or a bus, or start a roll-up.
///
/// Accepts the records of Lambda's event sources (SQS, SNS, Kinesis, DynamoDB streams, Kafka), Pub/Sub pushes (wrapped
/// or unwrapped), CloudEvents (structured, binary or batched), EventBridge events, SNS notifications, plain messages,
/// and lists of any of them. `{}` starts a roll-up, which updates search and patterns, and so does EventBridge's
/// scheduled event (`detail-type` `Scheduled Event` with an empty `detail`).
#[utoipa::path(
    post,
    path = "/events/message-log",
    tag = "events",
    operation_id = "message_log_event",
    request_body(content = Value, description = "an event; `{}` starts a roll-up"),
    responses(
        (status = 200, description = "the event is committed; for a list, the outcome of each event", body = Object),
        (status = 400, description = "the event can't be stored and is now a dead letter, or the format of the body is unknown"),
        (status = 403, description = "the caller is not an admin, or the robeing is not in the caller's scope, or a roll-up is started without every robeing in it"),
        (status = 413, description = "the event is too large"),
        (status = 415, description = "the body is not JSON"),
        (status = 422, description = "the event can't be stored and is now a dead letter"),
        (status = 503, description = "the database is not available; deliver the event again"),
    )
)]
pub async fn deliver(
    State(log): State<Log>,
    Admin(caller): Admin,
    request: Request,
) -> Result<Response> {
    let headers = request.headers().clone();
    // Accepts NUL characters, so that only the message with one is rejected.
    let body = JsonItems::<Box<RawValue>>::from_request(as_json(request), &());
    let JsonItems(body) = body.await?;
    let bytes = body.get().len();
    let parse = move |_: &Waiting| Body::parse(&headers, body::value(&body)?);
    let body = log.workers.run(bytes, parse).await;
    match body.map_err(Error::Invalid)? {
        Body::List(deliveries) => batch::store(&log, &caller, deliveries).await,
        Body::Single(delivery) => {
            let mut stored = store(&log, &caller, &[*delivery]).await;
            let stored = stored.pop().expect("one delivery has one outcome")?;
            Ok(Json(stored).into_response())
        }
        Body::RollUp => {
            caller.must_see_all(ROBEINGS)?;
            Ok(Json(crate::roll_up::run(&log).await?).into_response())
        }
    }
}

/// Accepts JSON of any content type from SNS, which sends `text/plain`, and from unwrapped Pub/Sub pushes. The content
/// type is checked to keep out web pages, and those can't send these headers without a preflight request.
pub fn as_json(mut request: Request) -> Request {
    let headers = request.headers_mut();
    if headers.contains_key(body::SNS_ID) || headers.contains_key(body::PUBSUB_ID) {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    request
}

/// Stores events and returns one outcome per delivery. An event that can't be stored becomes a dead letter.
async fn store(log: &Log, caller: &Caller, deliveries: &[Delivery]) -> Vec<Result<Stored>> {
    let mut outcomes: Vec<Option<Result<Stored>>> = Vec::with_capacity(deliveries.len());
    let mut events = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let event = delivery.message().and_then(|message| {
            robeing::may_see(caller, &message.robeing_id)?;
            Ok(delivery.event.with_message(message))
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
    let mut late = Vec::new();
    let metrics = Metrics::default();
    for (delivery, outcome) in deliveries.iter().zip(outcomes) {
        let event = &delivery.event;
        let mut outcome = outcome.unwrap_or_else(|| stored.next().expect("one outcome per event"));
        match &outcome {
            Ok(stored) if delivery.is_repeat => {
                let attribution = Attribution::of(caller, event);
                late.push((letter_key(attribution, event), stored.id));
            }
            Ok(_) | Err(Error::Unavailable { .. } | Error::Internal(_)) => {}
            Err(reason) => {
                // If the dead letter can't be stored, the event has to be delivered again.
                let attribution = Attribution::of(caller, event);
                let letter = dead_letters::store(log, attribution, event, reason, &metrics).await;
                if let Err(error) = letter {
                    outcome = Err(error);
                }
            }
        }
        all.push(outcome);
    }
    if let Err(error) = dead_letters::mark_stored(log, &late).await {
        tracing::warn!(
            error = format!("{error}"),
            "dead letters of stored events are not marked as replayed"
        );
    }
    all
}
