//! Envelopes of every format: the message inside is stored once, under a unique name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use serde_json::{Value, json};

use crate::common::{Fixture, start, texts};
use crate::events::{TRIGGER, event, invoke};

pub fn said(text: &str) -> Value {
    json!({"robeing_id": "ev", "message": text})
}

pub fn cloud_event(id: &str, text: &str) -> Value {
    json!({"specversion": "1.0", "type": "t", "source": "/s", "time": "2026-11-25T01:00:03Z",
        "id": id, "data": said(text)})
}

fn bridged(detail: &Value) -> Value {
    json!({"version": "0", "detail-type": "conversation", "source": "c", "account": "1",
        "time": "2026-11-25T01:00:04Z", "region": "r", "resources": [], "id": "eb-1",
        "detail": detail})
}

fn notified(text: &str) -> Value {
    json!({"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "Timestamp": "2026-11-25T01:00:05.123Z", "Message": said(text).to_string()})
}

fn pushed(text: &str) -> Value {
    json!({"subscription": "projects/p/subscriptions/s", "message": {
        "data": BASE64.encode(said(text).to_string()), "messageId": "777",
        "publishTime": "2026-11-25T01:00:02.123Z"}})
}

pub fn streamed(number: &str, data: &str) -> Value {
    json!({"eventSource": "aws:kinesis", "eventID": format!("shard:{number}"),
        "kinesis": {"data": BASE64.encode(data), "partitionKey": "1", "sequenceNumber": number}})
}

pub fn notification(id: &str, message: &str) -> Value {
    json!({"EventSource": "aws:sns", "EventVersion": "1.0",
        "Sns": {"Type": "Notification", "MessageId": id, "Message": message}})
}

pub fn queued(id: &str, body: &Value) -> Value {
    json!({"messageId": id, "receiptHandle": "x", "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:r:1:q", "messageAttributes": {}, "body": body.to_string(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795979200123"}})
}

pub async fn all(log: &Fixture) -> Vec<String> {
    let mut said = texts(&log.get("/v1/robeings/ev/messages").await, "message");
    said.sort();
    said
}

#[tokio::test]
async fn a_message_in_any_envelope_is_stored_once_however_often_it_is_delivered() {
    let text = |value: &Value| Value::String(value.to_string());
    let mut in_base64 = cloud_event("1", "a");
    let data = in_base64["data"].take();
    in_base64["data_base64"] = BASE64.encode(data.to_string()).into();
    let mut without_id = cloud_event("1", "a");
    without_id["id"].take();
    let mut eventarc = cloud_event("777", "a");
    eventarc["data"] = pushed("a");
    let mut without_padding = pushed("ab");
    let data = without_padding["message"]["data"]
        .as_str()
        .unwrap_or_default();
    without_padding["message"]["data"] = data.trim_end_matches('=').replace('+', "-").into();
    let image = json!({"robeing_id": {"S": "ev"}, "message": {"S": "a"},
        "confidence": {"N": "0.5"}, "metadata": {"M": {"tags": {"L": [{"BOOL": true}, {"NULL": true}]}}}});
    let inserted = json!({"eventSource": "aws:dynamodb", "eventID": "1", "eventName": "INSERT",
        "dynamodb": {"SequenceNumber": "1", "NewImage": image}});
    let kafka = json!({"eventSource": "SelfManagedKafka", "bootstrapServers": "b:9092", "records": {
        "t-0": [{"topic": "t", "partition": 0, "offset": 1, "value": BASE64.encode(said("a").to_string())}],
        "t-1": [{"topic": "t", "partition": 1, "offset": 1, "value": BASE64.encode(said("b").to_string())}]}});
    for (event, stored) in [
        (
            json!([cloud_event("1", "a"), cloud_event("2", "b")]),
            &["a", "b"] as &[&str],
        ),
        (in_base64, &["a"]),
        (without_id, &["a"]),
        (eventarc, &["a"]),
        (bridged(&said("a")), &["a"]),
        (bridged(&text(&said("a"))), &["a"]),
        (bridged(&cloud_event("1", "a")), &["a"]),
        (json!([bridged(&said("a")), pushed("b")]), &["a", "b"]),
        (
            json!({"Records": [notification("sd1", &said("a").to_string())]}),
            &["a"],
        ),
        (notified("a"), &["a"]),
        (pushed("a"), &["a"]),
        (without_padding, &["ab"]),
        (
            json!({"Records": [streamed("1", &said("a").to_string())]}),
            &["a"],
        ),
        (
            json!({"Records": [streamed("1", &cloud_event("1", "a").to_string())]}),
            &["a"],
        ),
        (json!({"Records": [inserted]}), &["a"]),
        (kafka, &["a", "b"]),
        (
            json!({"Records": [queued("1", &bridged(&said("a"))), queued("2", &notified("b"))]}),
            &["a", "b"],
        ),
        (
            json!({"Records": [queued("1", &notified("a")), queued("2", &pushed("b"))]}),
            &["a", "b"],
        ),
        (
            json!([queued("1", &cloud_event("1", "a")), queued("2", &said("b"))]),
            &["a", "b"],
        ),
        (
            queued("1", &BASE64.encode(said("a").to_string()).into()),
            &["a"],
        ),
    ] {
        let log = start().await;
        for _ in 0..2 {
            let reply = log.app.post(TRIGGER, &event).await;
            assert_eq!(reply.status, StatusCode::OK, "{event}: {reply:?}");
            assert_eq!(all(&log).await, stored, "{event}");
        }
        assert_eq!(
            log.get("/v1/dead-letters").await["items"],
            json!([]),
            "{event}"
        );
    }
}

#[tokio::test]
async fn a_cloud_event_without_id_and_time_is_new_each_time() {
    let log = start().await;
    let event = json!({"specversion": "1.0", "type": "t", "source": "/s", "data": said("hello")});
    for _ in 0..2 {
        assert_eq!(log.app.post(TRIGGER, &event).await.status, StatusCode::OK);
    }
    assert_eq!(all(&log).await, ["hello", "hello"]);
    let mut named = event;
    named["data"]["id"] = "own".into();
    for _ in 0..2 {
        assert_eq!(log.app.post(TRIGGER, &named).await.status, StatusCode::OK);
    }
    assert_eq!(log.rows().await, 3);
}

#[tokio::test]
async fn an_eventbridge_event_is_the_same_row_directly_and_through_a_queue() {
    let log = start().await;
    let event = bridged(&said("hello"));
    let first = log.app.post(TRIGGER, &event).await.json();
    assert_eq!(first["created_at"], "2026-11-25T01:00:04Z");
    for id in ["1", "2"] {
        let report = invoke(&log, &json!({"Records": [queued(id, &event)]})).await;
        assert_eq!(report.unwrap(), json!({"batchItemFailures": []}));
    }
    assert_eq!(log.rows().await, 1);
    assert_eq!(
        log.get("/v1/robeings/ev/messages").await["items"][0]["id"],
        first["id"]
    );
}

#[tokio::test]
async fn an_unwrapped_pubsub_push_is_one_row_at_the_time_in_its_header() {
    let log = start().await;
    let push = |subscription: &str| {
        let name = format!("projects/p/subscriptions/{subscription}");
        log.app
            .post(TRIGGER, said("unwrapped one"))
            .header("content-type", "application/octet-stream")
            .header("x-goog-pubsub-subscription-name", name)
            .header("x-goog-pubsub-message-id", "777")
            .header("x-goog-pubsub-publish-time", "2026-11-25T01:00:02.123Z")
    };
    let first = push("s").await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    assert_eq!(first.json()["created_at"], "2026-11-25T01:00:02.123Z");
    assert_eq!(push("s").await.body, first.body);
    // The wrapped push of the same message is a repeat.
    assert_eq!(
        log.app.post(TRIGGER, pushed("unwrapped one")).await.body,
        first.body
    );
    assert_eq!(log.rows().await, 1);
    // Ids are unique within a topic only.
    assert_ne!(push("other").await.body, first.body);
    // Pub/Sub sends attributes as headers of the same names.
    let named = push("s").header("id", "order-1").await;
    assert_eq!(push("other").header("id", "order-1").await.body, named.body);
    assert_eq!(log.rows().await, 3);
    let rejected = push("s")
        .header("x-goog-pubsub-message-id", "778")
        .json(&json!({}))
        .await;
    assert_eq!(rejected.status, StatusCode::BAD_REQUEST);
    let letters = log.get("/v1/dead-letters").await;
    let name = r#"["projects/p/subscriptions/s","778"]"#;
    assert_eq!(letters["items"][0]["source_event_id"], name);
}

#[tokio::test]
async fn sns_may_post_json_as_plain_text_with_or_without_its_envelope() {
    let log = start().await;
    let id = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324";
    let post = |body: Value, kind: &str| {
        let request = log.app.post(TRIGGER, body);
        let request = request.header("x-amz-sns-message-type", kind);
        let request = request.header("x-amz-sns-message-id", id);
        request.header("content-type", "text/plain; charset=UTF-8")
    };
    let notification = post(notified("a"), "Notification").await;
    assert_eq!(notification.status, StatusCode::OK, "{notification:?}");
    assert_eq!(
        notification.json()["created_at"],
        "2026-11-25T01:00:05.123Z"
    );
    assert_eq!(
        post(notified("a"), "Notification").await.body,
        notification.body
    );
    let raw = post(said("b"), "Notification").await;
    assert_eq!(post(said("b"), "Notification").await.body, raw.body);
    assert_eq!(all(&log).await, ["a", "b"]);

    let token = "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92768dd60a747ba6f3beb71854e285d6ad02428b09ceece29417f1f02d609c582afbacc99c583a916b9981dd2728f4ae6fdb82efd087cc3b7849e05798d2d2785c03b0879594eeac82c01f235d0e717736";
    let confirm = json!({"Type": "SubscriptionConfirmation", "MessageId": id, "Token": token,
        "TopicArn": "arn:aws:sns:r:1:t", "Message": "You have chosen to subscribe",
        "SubscribeURL": format!("https://sns.r.amazonaws.com/?Action=ConfirmSubscription&Token={token}"),
        "Timestamp": "2026-11-25T01:00:05.123Z"});
    let rejected = post(confirm.clone(), "SubscriptionConfirmation").await;
    assert_eq!(rejected.status, StatusCode::BAD_REQUEST);
    assert!(
        rejected.text().contains("can't be confirmed"),
        "{rejected:?}"
    );
    let report = invoke(&log, &json!({"Records": [queued("1", &confirm)]})).await;
    let failed = json!({"batchItemFailures": [{"itemIdentifier": "1"}]});
    assert_eq!(report.unwrap(), failed);
    assert!(!log.dump().await.contains(&token[..20]));
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn equal_ids_of_two_sources_are_two_rows() {
    let log = start().await;
    let pairs = [
        ("/a b", "c"),
        ("/a", "b c"),
        ("/a\",\"b", "c"),
        ("/a", "b\",\"c"),
        ("/a", "c"),
    ];
    for (n, (source, id)) in pairs.into_iter().enumerate() {
        let mut event = cloud_event(id, &format!("{n}"));
        event["source"] = source.into();
        let structured = log.app.post(TRIGGER, &event).await;
        assert_eq!(structured.status, StatusCode::OK, "{structured:?}");
        let encoded = |text: &str| text.replace(' ', "%20").replace('"', "%22");
        let binary = log.app.post(TRIGGER, &event["data"]);
        let binary = binary
            .header("ce-id", encoded(id))
            .header("ce-source", encoded(source));
        let binary = binary.header("ce-time", "2026-11-25T01:00:03Z").await;
        assert_eq!(binary.body, structured.body, "{source} {id}");
        let report = invoke(
            &log,
            &json!({"Records": [queued(&format!("q{n}"), &event)]}),
        )
        .await;
        assert_eq!(report.unwrap(), json!({"batchItemFailures": []}));
        let mut push = pushed(&format!("{n}"));
        push["message"]["attributes"] = json!({"ce-id": id, "ce-source": source});
        assert_eq!(
            log.app.post(TRIGGER, push).await.json()["id"],
            structured.json()["id"]
        );
        assert_eq!(log.rows().await, n as i64 + 1);
    }
    for (n, source) in ["x", "y"].into_iter().enumerate() {
        let mut event = bridged(&said(&format!("by {source}")));
        event["source"] = source.into();
        event["detail"]["id"] = "order-1".into();
        assert_eq!(log.app.post(TRIGGER, event).await.status, StatusCode::OK);
        assert_eq!(log.rows().await, (pairs.len() + n + 1) as i64);
    }
    // An id without its source is not a name.
    for n in ["1", "2"] {
        let mut push = pushed(n);
        push["message"]["messageId"] = n.into();
        push["message"]["attributes"] = json!({"ce-id": "c"});
        assert_eq!(log.app.post(TRIGGER, push).await.status, StatusCode::OK);
    }
    assert_eq!(log.rows().await, pairs.len() as i64 + 4);
}

#[tokio::test]
async fn an_event_is_named_by_its_attribute_or_its_cloud_event_or_its_message_or_its_envelope() {
    let log = start().await;
    let push = |message_id: &str, body: &Value, attributes: Value| {
        let event = json!({"subscription": "s", "message": {"messageId": message_id,
            "data": BASE64.encode(body.to_string()), "attributes": attributes}});
        let request = log.app.post(TRIGGER, event);
        async move { request.await.json()["id"].as_str().map(str::to_owned) }
    };
    let mut own = said("a");
    own["id"] = "own".into();
    let mut pair = cloud_event("pair", "a");
    pair["data"] = own.clone();
    let by_attribute = push("1", &pair, json!({"id": "attribute"})).await;
    assert_eq!(
        push("2", &said("a"), json!({"id": "attribute"})).await,
        by_attribute
    );
    let by_pair = push("3", &pair, json!({})).await;
    assert_eq!(
        push("4", &cloud_event("pair", "a"), json!({})).await,
        by_pair
    );
    let by_message = push("5", &own, json!({})).await;
    assert_eq!(push("6", &own, json!({})).await, by_message);
    let by_envelope = push("7", &said("a"), json!({})).await;
    assert_eq!(push("7", &said("a"), json!({})).await, by_envelope);
    assert!(
        [&by_attribute, &by_pair, &by_message, &by_envelope]
            .iter()
            .all(|it| it.is_some())
    );
    assert_eq!(log.rows().await, 4);
}

#[tokio::test]
async fn only_an_empty_object_and_a_schedule_start_a_roll_up() {
    let log = start().await;
    let scheduled = event("scheduled.json");
    let mut by_rule = scheduled.clone();
    by_rule["source"] = "aws.events".into();
    by_rule["detail"] = json!({});
    for run in [json!({}), scheduled.clone(), by_rule] {
        let reply = log.app.post(TRIGGER, &run).await;
        assert_eq!(reply.json(), json!({"rows": 0, "complete": true}), "{run}");
    }
    let changed = |field: &str, value: Value| {
        let mut event = scheduled.clone();
        event[field] = value;
        event
    };
    for letter in [
        changed("detail", json!({"more": 1})),
        changed("detail", "later".into()),
        changed("detail", Value::Null),
        changed("detail-type", "Something Else".into()),
        changed("source", "com.example".into()),
    ] {
        let attempts = "select coalesce(sum(attempts), 0)::int8 from conversation.dead_letter";
        let before = log.count(attempts).await;
        let reply = log.app.post(TRIGGER, &letter).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{letter}");
        assert_eq!(log.count(attempts).await, before + 1, "{letter}");
    }
    let rows = "select count(*) from conversation.dead_letter";
    let letters = log.count(rows).await;
    for rejected in [
        json!(null),
        json!(1),
        json!("{}"),
        json!([]),
        json!([{}]),
        json!([1, "a", null]),
        vec![cloud_event("1", "a"); 10_001].into(),
        json!({"Records": []}),
        json!({"Records": [{}]}),
        json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "k"}}}]}),
        json!({"Records": {}}),
        json!({"records": {}}),
        json!({"anything": "else"}),
        json!({"scheduled_by": "cloud-scheduler"}),
        json!({"function": "message-log"}),
        event("slack-message.json"),
    ] {
        let reply = log.app.post(TRIGGER, &rejected).await;
        assert_eq!(
            reply.status,
            StatusCode::BAD_REQUEST,
            "{rejected}: {reply:?}"
        );
    }
    assert_eq!(log.count(rows).await, letters);
    assert_eq!(log.rows().await, 0);
}
