//! What is delivered, told by its shape: SQS, Pub/Sub, CloudEvents, EventBridge, a message by hand.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Delivered, Delivery};
use crate::identity::Key;

pub(super) fn delivered(headers: &HeaderMap, body: Value) -> Delivered {
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
    let number = attribute("SequenceNumber");
    Delivery {
        item: item.clone(),
        group,
        again,
        ..delivery("sqs", publishers, item, sent_at, body).numbered(number)
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
    // The ids of what is published together count up; a publish time is theirs together.
    let number = Some(id.clone());
    Delivery {
        again,
        ..delivery("pubsub", publishers, id, sent_at, body).numbered(number.as_deref())
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
            order: None,
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
