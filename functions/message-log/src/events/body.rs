//! Recognizes the format of a body: a single event, a list of events, or the start of a roll-up. Any other body is
//! rejected, so that no request succeeds without an effect.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::delivery::Delivery;
use super::envelopes::{Envelope, Opened, not_parsed, open, open_text, pushed, sns_key, time};
use super::records;
use crate::ids::Key;

/// The largest batch that Lambda sends.
const MAX_EVENTS: usize = 10_000;

/// A header of unwrapped Pub/Sub pushes.
pub(super) const PUBSUB_ID: &str = "x-goog-pubsub-message-id";
const PUBSUB_SUBSCRIPTION: &str = "x-goog-pubsub-subscription-name";
const PUBSUB_TIME: &str = "x-goog-pubsub-publish-time";
/// A header of SNS's posts.
pub(super) const SNS_ID: &str = "x-amz-sns-message-id";

/// The content of a request.
pub(super) enum Body {
    List(Vec<Delivery>),
    Single(Box<Delivery>),
    RollUp,
}

impl Body {
    /// The error is the reason why the body is rejected.
    pub(super) fn parse(headers: &HeaderMap, body: Value) -> Result<Self, String> {
        if let Some((opened, source)) = unwrapped(headers, &body) {
            return Ok(Self::single(Delivery::of(opened, source, None)));
        }
        if let Some(event) = structured(headers, &body) {
            return Ok(Self::single(single(event)));
        }
        if is_run(&body) {
            return Ok(Self::RollUp);
        }
        match body {
            Value::Array(events) => list(events),
            Value::Object(mut event) => {
                if let Some(Value::Array(records)) = event.get_mut("Records") {
                    return list(std::mem::take(records));
                }
                if let Some(records) = records::in_kafka(&event) {
                    check_count(records.len())?;
                    return Ok(Self::List(records::of_kafka(&event, &records)));
                }
                let event = Value::Object(event);
                match records::of(&event) {
                    Some(delivery) => Ok(Self::List(vec![delivery])),
                    None if is_known(&event) => Ok(Self::single(single(event))),
                    None => Err(unknown("the body")),
                }
            }
            _ => Err(unknown("the body")),
        }
    }

    fn single(delivery: Delivery) -> Self {
        Self::Single(Box::new(delivery))
    }
}

/// Whether a body starts a roll-up: `{}`, or EventBridge's scheduled event.
pub fn is_run(body: &Value) -> bool {
    let Value::Object(event) = body else {
        return false;
    };
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let is_scheduled = text("detail-type") == Some("Scheduled Event")
        && matches!(text("source"), Some("aws.scheduler" | "aws.events"))
        && event
            .get("detail")
            .is_some_and(|detail| *detail == json!({}) || detail == "{}");
    event.is_empty() || is_scheduled
}

/// Parses a body. In a list, an event that can't be parsed is kept as text, so that it doesn't fail the others.
pub(super) fn value(body: &RawValue) -> Result<Value, String> {
    let events: Result<Vec<&RawValue>, _> = serde_json::from_str(body.get());
    let Ok(events) = events else {
        return serde_json::from_str(body.get()).map_err(|error| not_parsed(&error));
    };
    let events = events.into_iter().map(|event| {
        let text = || Value::from(event.get());
        serde_json::from_str(event.get()).unwrap_or_else(|_| text())
    });
    Ok(events.collect())
}

fn unknown(what: &str) -> String {
    format!(
        "{what} is neither a message nor a known event: send a message with `robeing_id` and \
         `message` or `response`, in an envelope or not, or `{{}}` to start a roll-up"
    )
}

/// Events of an unknown format become dead letters. A list without any known event is rejected.
fn list(events: Vec<Value>) -> Result<Body, String> {
    check_count(events.len())?;
    let is_any_known = |event: &Value| records::of(event).is_some() || is_known(event);
    if !events.iter().any(is_any_known) {
        return Err(unknown("each item of the list"));
    }
    let deliveries = events.into_iter().map(item).collect();
    Ok(Body::List(deliveries))
}

fn check_count(count: usize) -> Result<(), String> {
    match count {
        0 => Err("the list of events is empty".to_owned()),
        1..=MAX_EVENTS => Ok(()),
        _ => Err(format!(
            "there are {count} events: send at most {MAX_EVENTS}"
        )),
    }
}

fn item(event: Value) -> Delivery {
    if let Some(delivery) = records::of(&event) {
        return delivery;
    }
    if is_known(&event) {
        return single(event);
    }
    let key = Key::of_content(&event);
    if let Value::String(text) = &event {
        return Delivery::of(open_text(text), "unknown", Some(key));
    }
    let source = match event.get("eventSource") {
        Some(source) if source == "aws:s3" => "s3",
        _ => "unknown",
    };
    Delivery::of(
        Opened::rejected(event, unknown("the event")),
        source,
        Some(key),
    )
}

fn is_known(value: &Value) -> bool {
    let Value::Object(event) = value else {
        return false;
    };
    let fields = ["robeing_id", "message", "response"];
    Envelope::of(event).is_some() || fields.iter().any(|it| event.contains_key(*it))
}

/// A single event, in an envelope or not.
fn single(event: Value) -> Delivery {
    let envelope = event.as_object().and_then(Envelope::of);
    let source = envelope.map_or("http", Envelope::source);
    // Without a complete name, the whole content identifies an event, unless two events with the same message would
    // have the same content.
    let fields = ["id", "time", "Timestamp"];
    let differs = fields.iter().any(|name| event.get(name).is_some());
    let key = envelope
        .filter(|_| differs)
        .map(|_| Key::of_content(&event));
    let is_repeat = event.get("deliveryAttempt").and_then(Value::as_i64) > Some(1);
    Delivery {
        is_repeat,
        ..Delivery::of(open(event), source, key)
    }
}

/// A request whose envelope is in the headers, with the source that sent it.
fn unwrapped(headers: &HeaderMap, body: &Value) -> Option<(Opened, &'static str)> {
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    if headers.contains_key(PUBSUB_ID) || headers.contains_key(PUBSUB_SUBSCRIPTION) {
        let published_at = header(PUBSUB_TIME).map(Value::from);
        // Pub/Sub sends attributes as headers of the same names.
        let attributes = headers.iter();
        let attributes =
            attributes.filter_map(|(name, it)| Some((name.as_str(), it.to_str().ok()?.into())));
        let opened = pushed(
            open(body.clone()),
            header(PUBSUB_SUBSCRIPTION).unwrap_or_default(),
            header(PUBSUB_ID).filter(|id| !id.is_empty()),
            time(published_at.as_ref()),
            attributes,
        );
        return Some((opened, "pubsub"));
    }
    let is_notification = body.as_object().and_then(Envelope::of) == Some(Envelope::Sns);
    let id = header(SNS_ID).filter(|id| !id.is_empty() && !is_notification)?;
    let opened = open(body.clone());
    let opened = opened.delivered_by("sns", std::iter::empty(), None, || Some(sns_key(id, None)));
    Some((opened, "sns"))
}

/// Converts a CloudEvent from binary to structured mode.
fn structured(headers: &HeaderMap, body: &Value) -> Option<Value> {
    let attribute = |name: &str| -> Option<Cow<str>> {
        let value = headers.get(format!("ce-{name}"))?.to_str().ok()?;
        percent_decode_str(value).decode_utf8().ok()
    };
    let names = ["specversion", "id", "source", "time"];
    let mut event = Map::new();
    for name in names {
        if let Some(value) = attribute(name) {
            event.insert(name.to_owned(), value.into());
        }
    }
    if event.is_empty() {
        return None;
    }
    event.entry("specversion").or_insert("1.0".into());
    event.insert("data".to_owned(), body.clone());
    Some(Value::Object(event))
}
