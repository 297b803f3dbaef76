//! Records of Lambda's event sources: SQS, SNS, Kinesis, DynamoDB streams and Kafka.

use std::borrow::Cow;
use std::slice;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::delivery::{Delivery, Report};
use super::envelopes::{Opened, id, open, open_base64, open_text};
use crate::ids::Key;

/// None for records of other sources.
pub(super) fn of(record: &Value) -> Option<Delivery> {
    let names = ["eventSource", "EventSource"];
    let source = names.iter().find_map(|name| record.get(name)?.as_str());
    let has = |name: &str| record.get(name).is_some();
    match source {
        Some("aws:sqs") => Some(of_sqs(record)),
        Some("aws:sns") => Some(of_sns(record)),
        Some("aws:kinesis") => Some(of_kinesis(record)),
        Some("aws:dynamodb") => Some(of_dynamodb(record)),
        Some(_) => None,
        None if has("Sns") => Some(of_sns(record)),
        None if has("kinesis") => Some(of_kinesis(record)),
        None if has("dynamodb") => Some(of_dynamodb(record)),
        None if has("messageId") && has("body") => Some(of_sqs(record)),
        None => None,
    }
}

fn of_sqs(record: &Value) -> Delivery {
    let attribute = |name: &str| record["attributes"][name].as_str();
    let millis = |name| attribute(name).and_then(|millis| millis.parse().ok());
    let sent_at = millis("SentTimestamp").and_then(at_millis);
    let item = id(record.get("messageId"));
    let inner = match record.get("body") {
        Some(Value::String(body)) => open_text(body),
        _ => Opened::empty("the record has no body"),
    };
    let attributes = record["messageAttributes"].as_object();
    let attributes = attributes.into_iter().flatten();
    let attributes = attributes
        .filter_map(|(name, it)| Some((name.as_str(), it.get("stringValue")?.as_str()?.into())));
    let mut opened = inner.delivered_by("sqs", attributes, sent_at, || {
        Some(Key::of_publisher(item.as_deref()?).at(sent_at))
    });
    opened.name = opened.name.in_order("sqs", attribute("SequenceNumber"));
    let fifo = record["eventSourceARN"]
        .as_str()
        .is_some_and(|queue| queue.ends_with(".fifo"));
    Delivery {
        group: attribute("MessageGroupId")
            .filter(|_| fifo)
            .map(str::to_owned),
        is_repeat: millis("ApproximateReceiveCount") > Some(1),
        report: item.map_or(Report::Request, |item| Report::Message(item.into_owned())),
        ..Delivery::of(opened, "sqs", None)
    }
}

fn of_sns(record: &Value) -> Delivery {
    let opened = match record.get("Sns") {
        Some(Value::Object(notification)) => {
            let mut notification = notification.clone();
            // Marks a notification even if it has no message.
            notification.entry("Message").or_insert(Value::Null);
            open(Value::Object(notification))
        }
        _ => Opened::empty("the record has no Sns"),
    };
    Delivery::of(opened, "sns", None)
}

fn of_kinesis(record: &Value) -> Delivery {
    let kinesis = &record["kinesis"];
    let inner = match &kinesis["data"] {
        Value::String(data) => open_base64(data),
        _ => Opened::empty("the record has no data"),
    };
    let arrived_at = at_seconds(&kinesis["approximateArrivalTimestamp"]);
    let number = id(kinesis.get("sequenceNumber"));
    of_stream("kinesis", record, inner, arrived_at, number)
}

/// The new image of an item is the message. A removed item has none.
fn of_dynamodb(record: &Value) -> Delivery {
    let change = &record["dynamodb"];
    let inner = match &change["NewImage"] {
        Value::Object(image) => match item(image) {
            Some(item) => open(item),
            None => Opened::rejected(record.clone(), "the NewImage can't be read"),
        },
        _ => Opened::rejected(
            record.clone(),
            "the record has no NewImage, which would be the message",
        ),
    };
    let changed_at = at_seconds(&change["ApproximateCreationDateTime"]);
    let number = id(change.get("SequenceNumber"));
    of_stream("dynamodb", record, inner, changed_at, number)
}

fn of_stream(
    source: &'static str,
    record: &Value,
    inner: Opened,
    time: Option<Timestamp>,
    number: Option<Cow<str>>,
) -> Delivery {
    let stream = record["eventSourceARN"].as_str().unwrap_or_default();
    let mut opened = inner.delivered_by(source, std::iter::empty(), time, || {
        let id = id(record.get("eventID")).or_else(|| number.clone())?;
        Some(Key::of_parts(&[stream, &id]).at(time))
    });
    opened.name = opened.name.in_order(source, number.as_deref());
    Delivery {
        report: number.map_or(Report::Request, |it| Report::Sequence(it.into_owned())),
        ..Delivery::of(opened, source, None)
    }
}

/// A DynamoDB item as plain JSON.
fn item(image: &Map<String, Value>) -> Option<Value> {
    let fields = image.iter();
    let fields = fields.map(|(name, value)| Some((name.clone(), plain(value)?)));
    fields.collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn plain(attribute: &Value) -> Option<Value> {
    let number = |text: &Value| serde_json::from_str(text.as_str()?).ok();
    let (kind, value) = attribute.as_object()?.iter().next()?;
    match kind.as_str() {
        "S" | "B" | "BOOL" | "SS" | "BS" => Some(value.clone()),
        "NULL" => Some(Value::Null),
        "N" => number(value),
        "NS" => value.as_array()?.iter().map(number).collect(),
        "L" => value.as_array()?.iter().map(plain).collect(),
        "M" => item(value.as_object()?),
        _ => None,
    }
}

/// The records of a Kafka event, each with its partition.
pub(super) fn in_kafka(event: &Map<String, Value>) -> Option<Vec<(&str, &Value)>> {
    let source = event.get("eventSource").and_then(Value::as_str);
    let Some(Value::Object(partitions)) = event.get("records") else {
        return None;
    };
    if !matches!(source, Some("aws:kafka" | "SelfManagedKafka") | None) {
        return None;
    }
    let records = partitions.iter().flat_map(|(partition, records)| {
        let list = records.as_array().map(Vec::as_slice);
        let list = list.unwrap_or(slice::from_ref(records));
        list.iter().map(move |record| (partition.as_str(), record))
    });
    Some(records.collect())
}

pub(super) fn of_kafka(event: &Map<String, Value>, records: &[(&str, &Value)]) -> Vec<Delivery> {
    let names = ["eventSourceArn", "bootstrapServers"];
    let cluster = names.iter().find_map(|name| event.get(*name)?.as_str());
    let cluster = cluster.unwrap_or_default();
    let records = records.iter();
    let records = records.map(|(partition, record)| of_kafka_record(cluster, partition, record));
    records.collect()
}

fn of_kafka_record(cluster: &str, partition: &str, record: &Value) -> Delivery {
    let inner = match &record["value"] {
        Value::String(value) => open_base64(value),
        _ => Opened::rejected(record.clone(), "the record has no value"),
    };
    let headers = record["headers"].as_array();
    let headers = headers.into_iter().flatten().filter_map(Value::as_object);
    let headers = headers.flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), bytes(value)?.into())));
    let time = record["timestamp"].as_i64().and_then(at_millis);
    let offset = id(record.get("offset"));
    let mut opened = inner.delivered_by("kafka", headers, time, || {
        Some(Key::of_parts(&[cluster, partition, offset.as_deref()?]).at(time))
    });
    opened.name = opened.name.in_order("kafka", offset.as_deref());
    Delivery::of(opened, "kafka", None)
}

/// The text of a header, which Lambda sends as a list of signed bytes.
fn bytes(value: &Value) -> Option<String> {
    let bytes = value
        .as_array()?
        .iter()
        .map(|byte| Some(byte.as_i64()? as u8));
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

fn at_millis(millis: i64) -> Option<Timestamp> {
    let time = Timestamp::from_millisecond(millis).ok()?;
    (time >= Timestamp::UNIX_EPOCH).then_some(time)
}

/// Seconds with a fraction, to the millisecond.
fn at_seconds(value: &Value) -> Option<Timestamp> {
    let millis = (value.as_f64()? * 1_000.0).round();
    at_millis(millis as i64)
}
