//! Recognises what a request delivers by its shape: a run, or events. Everything else is refused, so
//! that no shape is acknowledged without an effect.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::envelopes::{Envelope, Opened, open, pushed, sns_key, time};
use super::{Delivered, Delivery, records};
use crate::identity::Key;

/// The largest batch that Lambda delivers.
const MOST: usize = 10_000;

/// A header of unwrapped Pub/Sub pushes.
pub(super) const PUBSUB_ID: &str = "x-goog-pubsub-message-id";
const PUBSUB_SUBSCRIPTION: &str = "x-goog-pubsub-subscription-name";
const PUBSUB_TIME: &str = "x-goog-pubsub-publish-time";
/// A header of SNS's posts.
pub(super) const SNS_ID: &str = "x-amz-sns-message-id";

/// The deliveries or the run, or why the body is refused.
pub(super) fn delivered(headers: &HeaderMap, body: Value) -> Result<Delivered, String> {
    if let Some(opened) = unwrapped(headers, &body) {
        let delivery = Delivery::of(opened.0, opened.1, None);
        return Ok(Delivered::One(Box::new(delivery)));
    }
    if let Some(event) = structured(headers, &body) {
        return Ok(Delivered::One(Box::new(alone(event))));
    }
    if is_run(&body) {
        return Ok(Delivered::Run);
    }
    match body {
        Value::Array(events) => several(events),
        Value::Object(mut event) => {
            if let Some(Value::Array(records)) = event.get_mut("Records") {
                return several(std::mem::take(records));
            }
            if let Some(records) = records::in_kafka(&event) {
                check_count(records.len())?;
                return Ok(Delivered::Several(records::of_kafka(&event, &records)));
            }
            let event = Value::Object(event);
            match records::of(&event) {
                Some(delivery) => Ok(Delivered::Several(vec![delivery])),
                None if is_known(&event) => Ok(Delivered::One(Box::new(alone(event)))),
                None => Err(unknown("it")),
            }
        }
        _ => Err(unknown("it")),
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

fn unknown(what: &str) -> String {
    format!(
        "{what} is no message and no event that is known here: send a message with `robeing_id` \
         and `message` or `response`, in an envelope or not; `{{}}` rolls up"
    )
}

/// Events of an unknown shape become dead letters. A list without any known event is refused.
fn several(events: Vec<Value>) -> Result<Delivered, String> {
    check_count(events.len())?;
    let is_any_known = |event: &Value| records::of(event).is_some() || is_known(event);
    if !events.iter().any(is_any_known) {
        return Err(unknown("none of the list"));
    }
    let deliveries = events.into_iter().map(one_of_several).collect();
    Ok(Delivered::Several(deliveries))
}

fn check_count(count: usize) -> Result<(), String> {
    match count {
        0 => Err("the list of events is empty".to_owned()),
        1..=MOST => Ok(()),
        _ => Err(format!("there are {count} events: send at most {MOST}")),
    }
}

fn one_of_several(event: Value) -> Delivery {
    if let Some(delivery) = records::of(&event) {
        return delivery;
    }
    if is_known(&event) {
        return alone(event);
    }
    let key = Key::of_content(&event);
    let source = match event.get("eventSource") {
        Some(source) if source == "aws:s3" => "s3",
        _ => "unknown",
    };
    Delivery::of(Opened::refused(event, unknown("it")), source, Some(key))
}

fn is_known(value: &Value) -> bool {
    let Value::Object(event) = value else {
        return false;
    };
    let fields = ["robeing_id", "message", "response"];
    Envelope::of(event).is_some() || fields.iter().any(|it| event.contains_key(*it))
}

/// A single event, in an envelope or not.
fn alone(event: Value) -> Delivery {
    let envelope = event.as_object().and_then(Envelope::of);
    let source = envelope.map_or("http", Envelope::source);
    // Without a complete name, the whole content identifies an event, unless nothing in it would tell
    // apart two events that say the same.
    let fields = ["id", "time", "Timestamp"];
    let differs = fields.iter().any(|name| event.get(name).is_some());
    let key = envelope
        .filter(|_| differs)
        .map(|_| Key::of_content(&event));
    let again = event.get("deliveryAttempt").and_then(Value::as_i64) > Some(1);
    Delivery {
        again,
        ..Delivery::of(open(event), source, key)
    }
}

/// A post whose envelope is in the headers, with the source that sent it.
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
    let opened = opened.handed_over("sns", std::iter::empty(), None, || Some(sns_key(id, None)));
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
