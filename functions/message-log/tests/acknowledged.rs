//! No JSON is acknowledged without an effect: a 2xx means that every event of the request is a row or
//! a dead letter, or a roll-up.

use std::collections::HashSet;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use platform::postgres::Client;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use crate::common::{Fixture, start};
use crate::events::TRIGGER;

const CASES: u32 = 400;

/// A mutation of one place of an event.
#[derive(Clone, Debug)]
enum Change {
    Drop,
    Replace(Value),
    InList,
    InObject(&'static str),
    AsText,
    AsBase64,
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "{}",
            "[]",
            "null",
            "a",
            "Notification",
            "SubscriptionConfirmation",
            "aws:sqs",
            "aws:sns",
            "aws:kinesis",
            "aws:s3",
            "Scheduled Event",
            "aws.scheduler",
            "a\0b",
            "2026-11-25T01:00:00Z",
            "9999-12-31T23:59:59Z",
            "-009999-01-02T00:00:00Z",
            "019abc00-0000-7abc-8000-000000000001",
            "e30=",
            "010-1234-5678",
            "hong@example.com",
        ])
        .prop_map(str::to_owned),
        "[ -~가-힣]{0,12}".prop_filter("other tests cover names that are rejected", |it| it != "*"),
        Just("x".repeat(600)),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "robeing_id",
        "message",
        "response",
        "id",
        "specversion",
        "source",
        "time",
        "data",
        "data_base64",
        "detail",
        "detail-type",
        "Records",
        "records",
        "eventSource",
        "EventSource",
        "Sns",
        "kinesis",
        "dynamodb",
        "body",
        "messageId",
        "attributes",
        "subscription",
        "Message",
        "Type",
        "metadata",
        "created_at",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let field = (names.clone(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(field, 0..5).prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(fields.collect::<Map<_, _>>())
            }),
        ]
    })
}

fn change() -> impl Strategy<Value = Change> {
    let names = ["detail", "data", "message", "Records", "body", "Message"];
    prop_oneof![
        4 => Just(Change::Drop),
        4 => json_value().prop_map(Change::Replace),
        1 => Just(Change::InList),
        1 => prop::sample::select(names.to_vec()).prop_map(Change::InObject),
        1 => Just(Change::AsText),
        1 => Just(Change::AsBase64),
    ]
}

/// Every sample, and each of its records.
fn samples() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/message-log");
    let files = std::fs::read_dir(folder).expect("events");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let whole = paths.iter().map(|path| {
        let text = std::fs::read_to_string(path).expect("an event");
        serde_json::from_str(&text).expect("JSON")
    });
    let whole: Vec<Value> = whole.collect();
    let records = whole.iter().filter_map(|event| event["Records"].as_array());
    let records: Vec<Value> = records.flatten().cloned().collect();
    whole.into_iter().chain(records).collect()
}

#[derive(Clone, Debug)]
struct Case {
    events: Vec<Value>,
    /// 0: a list of all events; 1: `Records` with all events; otherwise only the first event.
    shape: usize,
    changes: Vec<(usize, Change)>,
    headers: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let event = prop_oneof![
        4 => prop::sample::select(samples()),
        1 => json_value(),
    ];
    let changes = prop::collection::vec((any::<usize>(), change()), 0..4);
    let parts = (
        prop::collection::vec(event, 1..4),
        0..6_usize,
        changes,
        0..9_usize,
    );
    parts.prop_map(|(events, shape, changes, headers)| Case {
        events,
        shape,
        changes,
        headers,
    })
}

/// Visits every value, also those of JSON in a text or in base64.
fn within(value: &mut Value, work: &mut impl FnMut(&mut Value)) {
    work(value);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|it| within(it, work)),
        Value::Object(fields) => fields.values_mut().for_each(|it| within(it, work)),
        Value::String(text) => {
            let object = |text: &str| {
                let value = serde_json::from_str(text).ok();
                value.filter(Value::is_object)
            };
            let decoded = BASE64.decode(&*text).ok();
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some(mut inner) = object(text) {
                within(&mut inner, work);
                *text = inner.to_string();
            } else if let Some(mut inner) = decoded.and_then(|text| object(&text)) {
                within(&mut inner, work);
                *text = BASE64.encode(inner.to_string());
            }
        }
        _ => {}
    }
}

/// Gives an event its own message and ids, so that it repeats no other.
fn mark(event: &mut Value, number: usize) {
    let end = format!("{number:06}");
    let append = |text: &mut String| text.push_str(&end);
    within(event, &mut |value| {
        let Value::Object(fields) = value else { return };
        let is_message = fields.contains_key("robeing_id");
        for (name, value) in fields {
            let is_id = name.to_ascii_lowercase().ends_with("id") && name != "robeing_id"
                || name.to_ascii_lowercase().ends_with("sequencenumber");
            match value {
                Value::String(text) if is_message && (name == "message" || name == "response") => {
                    append(text);
                }
                // As DynamoDB encodes it.
                Value::Object(typed) if is_message && name == "message" => {
                    if let Some(Value::String(text)) = typed.get_mut("S") {
                        append(text);
                    }
                }
                Value::String(text) if is_id && text.len() > 6 && text.is_ascii() => {
                    text.truncate(text.len() - 6);
                    append(text);
                }
                Value::Number(_) if name == "offset" => *value = number.into(),
                _ => {}
            }
        }
    });
}

fn changed(event: &mut Value, place: usize, change: &Change) {
    let mut places = 0;
    within(event, &mut |_| places += 1);
    let chosen = place % places;
    let mut at = 0;
    within(event, &mut |value| {
        if at == chosen {
            match change {
                Change::Drop => *value = drop_one(value.take(), place),
                Change::Replace(other) => *value = other.clone(),
                Change::InList => *value = json!([value.take()]),
                Change::InObject(name) => *value = json!({*name: value.take()}),
                Change::AsText => *value = value.to_string().into(),
                Change::AsBase64 => *value = BASE64.encode(value.to_string()).into(),
            }
        }
        at += 1;
    });
}

/// Removes one field or item.
fn drop_one(mut value: Value, place: usize) -> Value {
    match &mut value {
        Value::Object(fields) if !fields.is_empty() => {
            let name = fields.keys().nth(place % fields.len()).cloned();
            fields.remove(&name.expect("one of them"));
        }
        Value::Array(items) if !items.is_empty() => {
            items.remove(place % items.len());
        }
        _ => value = Value::Null,
    }
    value
}

fn body(case: &Case, number: usize) -> Value {
    let mut events = case.events.clone();
    for (at, event) in events.iter_mut().enumerate() {
        mark(event, (number * 4 + at) % 1_000_000);
    }
    let mut body = match case.shape {
        0 => Value::Array(events),
        1 => json!({ "Records": events }),
        _ => events.swap_remove(0),
    };
    for (place, change) in &case.changes {
        changed(&mut body, *place, change);
    }
    body
}

const HEADERS: [&[(&str, &str)]; 5] = [
    &[],
    &[
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-specversion", "1.0"),
    ],
    &[("ce-id", "1")],
    &[
        ("x-goog-pubsub-message-id", "1"),
        ("x-goog-pubsub-subscription-name", "s"),
    ],
    &[
        ("x-amz-sns-message-id", "1"),
        ("x-amz-sns-message-type", "Notification"),
    ],
];

/// The number of different events in a request.
fn events_in(body: &Value, has_headers: bool) -> usize {
    let different = |events: &mut dyn Iterator<Item = &Value>| {
        let texts: HashSet<String> = events.map(Value::to_string).collect();
        texts.len()
    };
    match (body, &body["Records"], &body["records"]) {
        _ if has_headers => 1,
        (Value::Array(events), ..) | (_, Value::Array(events), _) => different(&mut events.iter()),
        (.., Value::Object(partitions)) if !partitions.is_empty() => {
            let records = partitions.values();
            let mut records = records.flat_map(|it| match it {
                Value::Array(records) => records.iter().collect(),
                other => vec![other],
            });
            different(&mut records)
        }
        _ => 1,
    }
}

/// The documented bodies that start a roll-up.
fn is_run(body: &Value) -> bool {
    let is_schedule = body["detail-type"] == "Scheduled Event"
        && (body["source"] == "aws.scheduler" || body["source"] == "aws.events")
        && (body["detail"] == json!({}) || body["detail"] == "{}");
    is_schedule || *body == json!({})
}

/// The number of rows and of attempts of dead letters.
async fn effects(client: &Client) -> i64 {
    let sql = "select (select count(*) from conversation.log)
                    + (select coalesce(sum(attempts), 0) from conversation.dead_letter)::int8";
    let row = client.query_typed_one(sql, &[]).await;
    row.expect("counts").get(0)
}

async fn holds(
    log: &Fixture,
    client: &Client,
    case: &Case,
    number: usize,
) -> Result<u16, TestCaseError> {
    let body = body(case, number);
    let headers = HEADERS.get(case.headers).copied().unwrap_or_default();
    let before = effects(client).await;
    let mut request = log.app.post(TRIGGER, &body);
    for (name, value) in headers {
        // A new id for each case.
        let value = if value.contains('1') && !value.contains('.') {
            format!("{value}{number}")
        } else {
            (*value).to_owned()
        };
        request = request.header(name, value);
    }
    let reply = request.await;
    let effects = effects(client).await - before;
    let status = reply.status.as_u16();
    prop_assert!(
        reply.status.is_success() || reply.status.is_client_error(),
        "{body} {headers:?}: {reply:?}"
    );
    if reply.status.is_success() && !(headers.is_empty() && is_run(&body)) {
        let events = events_in(&body, !headers.is_empty()) as i64;
        prop_assert!(
            events > 0 && effects >= events,
            "{effects} effects of {events} events in {body} {headers:?}: {reply:?}"
        );
    }
    Ok(status)
}

#[test]
fn no_json_is_acknowledged_without_an_effect() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let log = runtime.block_on(start());
    let client = runtime.block_on(log.database.client());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let number = std::cell::Cell::new(0);
    let taken = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&case(), |case| {
        number.set(number.get() + 1);
        let status = runtime.block_on(holds(&log, &client, &case, number.get()))?;
        taken.set(taken.get() + u32::from(status == 200));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // A trigger that rejects everything would pass otherwise.
    let rows = runtime.block_on(log.rows());
    assert!(
        taken.get() > CASES / 10 && rows > i64::from(CASES / 10),
        "{} taken, {rows} rows",
        taken.get()
    );
    drop(client);
    runtime.block_on(async { drop(log) });
}
