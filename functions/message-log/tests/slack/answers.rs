//! An agent's own answer and Slack's event about it are one row, with what each of them knows.

use http::StatusCode;
use kit::Reply;
use serde_json::{Value, json};

use super::{Fixture, callback, now_ts, said, send, start};
use crate::common::texts;
use crate::events::TRIGGER;
use crate::memory::roll_up;

const CHANNEL: &str = "C024BE91L";

/// Slack's event about an answer of the app, in a thread.
fn posted(ts: &str, text: &str) -> Value {
    let own =
        json!({"bot_id": "B1", "app_id": "A0FFV41KK", "user": "UBOT", "thread_ts": now_ts(1)});
    said(ts, text, own)
}

/// The same answer as its agent logs it.
fn logged(ts: &str, text: &str) -> Value {
    json!({
        "robeing_id": "sales", "channel_id": CHANNEL, "thread_ts": now_ts(1), "slack_ts": ts, "response": text,
        "intent": "refund", "confidence": 0.93, "metadata": {"model": "m1", "channel": "support"},
    })
}

async fn ask(log: &Fixture) {
    send(log, &said(&now_ts(1), "where is my refund?", json!({}))).await;
}

async fn item(log: &Fixture) -> Value {
    log.get("/v1/robeings/sales/messages?limit=1").await["items"][0].clone()
}

/// The row of the answer, without what depends on the order of arrival.
async fn row(log: &Fixture) -> Value {
    let client = log.database.client().await;
    let sql = "select to_jsonb(log) - '{xid,source_event_id}'::text[]
               from conversation.log where response is not null";
    client
        .query_typed_one(sql, &[])
        .await
        .expect("one row")
        .get(0)
}

/// Sends a message in one of the ways in which an agent can.
async fn log_in_way(log: &Fixture, way: &str, message: Value) -> Reply {
    match way {
        "batch" => {
            log.app
                .post("/v1/messages/batch", json!({"items": [message]}))
                .await
        }
        "queue" => {
            let attributes = json!({"SentTimestamp": "1795979700000"});
            let body = message.to_string();
            let record = json!({"messageId": uuid::Uuid::new_v4(), "eventSource": "aws:sqs", "attributes": attributes, "body": body});
            log.app.post(TRIGGER, json!({"Records": [record]})).await
        }
        "event" => {
            let event = json!({"specversion": "1.0", "id": "1", "source": "agent", "type": "said", "data": message});
            log.app.post(TRIGGER, event).await
        }
        "key" => {
            let request = log.app.post("/v1/messages", message);
            request.header("idempotency-key", "answer-1").await
        }
        "id" => {
            let mut message = message;
            message["id"] = "answer-1".into();
            log.post(message).await
        }
        "time" => {
            let mut message = message;
            message["created_at"] = "2026-11-29T00:00:00Z".into();
            log.post(message).await
        }
        _ => log.post(message).await,
    }
}

#[tokio::test]
async fn an_answer_has_what_slack_and_the_agent_know_in_either_order_and_way() {
    for way in ["post", "batch", "queue", "event", "key", "id", "time"] {
        let mut rows = Vec::new();
        for is_event_first in [true, false] {
            let log = start().await;
            ask(&log).await;
            let event = posted(&now_ts(2), "Same text");
            let answer = logged(&now_ts(2), "Same text");
            if is_event_first {
                assert_eq!(send(&log, &event).await.status, 200);
            }
            // Twice, since senders retry.
            for _ in 0..2 {
                let reply = log_in_way(&log, way, answer.clone()).await;
                assert!(reply.status.is_success(), "{way}: {reply:?}");
                assert!(!reply.text().contains("itemIdentifier"), "{way}: {reply:?}");
            }
            for _ in 0..2 {
                assert_eq!(send(&log, &event).await.status, 200);
            }
            assert_eq!(log.rows().await, 2, "{way}, {is_event_first}");
            let item = item(&log).await;
            assert_eq!(item["message"], "where is my refund?", "{way}");
            assert_eq!(item["response"], "Same text", "{way}");
            assert_eq!(
                (&item["intent"], &item["confidence"]),
                (&json!("refund"), &json!(0.93)),
                "{way}, {is_event_first}"
            );
            let mut row = row(&log).await;
            let metadata = row["metadata"].as_object_mut().expect("metadata");
            let channel = metadata.remove("channel");
            let first = if is_event_first { CHANNEL } else { "support" };
            assert_eq!(channel, Some(first.into()), "{way}");
            assert_eq!(metadata["model"], "m1", "{way}");
            assert_eq!(metadata["bot_id"], "B1", "{way}");
            assert_eq!(row["channel_type"], "channel", "{way}");
            rows.push(row);
        }
        assert_eq!(rows[0], rows[1], "{way}");
    }
}

#[tokio::test]
async fn an_answer_that_arrives_after_slacks_event_is_a_repeat_with_the_id_of_its_row() {
    let log = start().await;
    send(&log, &posted(&now_ts(2), "Same text")).await;
    let reply = log.post(logged(&now_ts(2), "Same text")).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("idempotency-replayed"), Some("true"));
    let id = reply.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(log.column("intent", &id).await.as_deref(), Some("refund"));
}

#[tokio::test]
async fn markup_parts_and_an_explicit_reply_to_of_the_agent_are_kept() {
    let log = start().await;
    let asked = log
        .stored(json!({"robeing_id": "sales", "channel_id": CHANNEL, "message": "elsewhere"}))
        .await;
    ask(&log).await;
    send(
        &log,
        &posted(
            &now_ts(2),
            "It is on its way: the docs (https://example.com)",
        ),
    )
    .await;
    let mut answer = logged(&now_ts(2), "");
    let parts = json!([
        {"type": "tool_use", "id": "t1", "name": "orders", "input": {}},
        {"type": "text", "text": "It is **on its way**: [the docs](https://example.com)"},
    ]);
    answer["response"] = parts.clone();
    answer["reply_to"] = asked.clone().into();
    for _ in 0..2 {
        let reply = log.post(answer.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let row = row(&log).await;
    assert_eq!(
        row["response"],
        "It is on its way: the docs (https://example.com)"
    );
    assert_eq!(row["parts"], json!({"response": parts}));
    assert_eq!(row["reply_to"], asked);
}

#[tokio::test]
async fn search_and_patterns_follow_what_an_agent_adds_after_a_roll_up() {
    let log = start().await;
    ask(&log).await;
    send(&log, &posted(&now_ts(2), "It is on its way")).await;
    roll_up(&log).await;
    let patterns = log.get("/v1/robeings/sales/patterns?timezone=UTC").await;
    assert_eq!(patterns["intents"], json!([]));

    let mut answer = logged(&now_ts(2), "It is on its way");
    answer["message"] = "is the walrus refunded?".into();
    for _ in 0..2 {
        assert_eq!(log.post(answer.clone()).await.status, 200);
        roll_up(&log).await;
    }
    let patterns = log.get("/v1/robeings/sales/patterns?timezone=UTC").await;
    let intent = json!([{"intent": "refund", "messages": 1, "confidence": 0.93}]);
    assert_eq!(patterns["intents"], intent);
    let asked = patterns["questions"].as_array().expect("questions").iter();
    let mut asked: Vec<&str> = asked.filter_map(|it| it["question"].as_str()).collect();
    asked.sort_unstable();
    assert_eq!(asked, ["is the walrus refunded", "where is my refund"]);
    let found = log.get("/v1/robeings/sales/search?q=walrus").await;
    assert_eq!(texts(&found, "response"), ["It is on its way"]);
    let totals = &patterns["days"][0];
    let of_row = log
        .count("select sum(token_count)::bigint from conversation.log")
        .await;
    assert_eq!(totals["tokens"], of_row, "{totals}");
    assert_eq!(totals["confidence"], 0.93, "{totals}");
    assert_eq!(
        (&totals["messages"], &totals["responses"]),
        (&json!(2), &json!(1)),
        "{totals}"
    );
}

#[tokio::test]
async fn the_same_ts_with_other_content_is_refused_and_changes_nothing() {
    for is_event_first in [true, false] {
        let log = start().await;
        if is_event_first {
            send(&log, &posted(&now_ts(2), "Same text")).await;
        }
        log.post(logged(&now_ts(2), "Same text")).await;
        let before = row(&log).await;
        let with = |name: &str, value: Value| {
            let mut answer = logged(&now_ts(2), "Same text");
            answer[name] = value;
            answer
        };
        let mut as_message = logged(&now_ts(2), "Same text");
        as_message["response"] = Value::Null;
        as_message["message"] = "Other text".into();
        for (field, other) in [
            ("text", with("response", json!("Other text"))),
            ("text", with("response", json!("Same text again"))),
            (
                "text",
                with("response", json!([{"type": "text", "text": "Other text"}])),
            ),
            ("text", as_message),
            ("intent", with("intent", json!("complaint"))),
            ("confidence", with("confidence", json!(0.1))),
            ("metadata", with("metadata", json!({"model": "m2"}))),
        ] {
            let reply = log.post(other.clone()).await;
            assert_eq!(reply.status, 422, "{field}: {reply:?}");
            assert!(reply.text().contains(field), "{field}: {reply:?}");
            let batch = log
                .app
                .post("/v1/messages/batch", json!({"items": [other]}))
                .await;
            assert_eq!(
                batch.json()["items"][0]["status"],
                422,
                "{field}: {batch:?}"
            );
            let queue = log_in_way(&log, "queue", other).await;
            assert!(
                queue.text().contains("itemIdentifier"),
                "{field}: {queue:?}"
            );
        }
        assert_eq!(row(&log).await, before);
        assert_eq!(log.rows().await, 1);
        // Less than what is stored is no other content.
        let part = json!({"robeing_id": "sales", "channel_id": CHANNEL, "slack_ts": now_ts(2), "response": "Same text"});
        assert_eq!(log.post(part).await.status, 200);
    }
}

#[tokio::test]
async fn a_key_of_the_sender_is_recognized_together_with_the_ts() {
    let log = start().await;
    send(&log, &posted(&now_ts(2), "Same text")).await;
    let send_with_key = |message: Value| {
        let request = log.app.post("/v1/messages", message);
        request.header("idempotency-key", "k1")
    };
    let first = send_with_key(logged(&now_ts(2), "Same text")).await;
    let again = send_with_key(logged(&now_ts(2), "Same text")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert_eq!(first.body, again.body);
    let mut without_ts = logged(&now_ts(2), "Same text");
    without_ts["slack_ts"] = Value::Null;
    let mut elsewhere = logged(&now_ts(2), "Same text");
    elsewhere["channel_id"] = "C0OTHER".into();
    for (other, message) in [
        ("text", logged(&now_ts(3), "Another message")),
        ("ts", logged(&now_ts(3), "Same text")),
        ("channel", elsewhere),
        ("no ts", without_ts),
    ] {
        let reply = send_with_key(message).await;
        assert_eq!(reply.status, 422, "{other}: {reply:?}");
    }
    assert_eq!(log.rows().await, 1);
}

fn changed(ts: &str, at: &str, text: &str) -> Value {
    let message = json!({"type": "message", "bot_id": "B1", "app_id": "A0FFV41KK", "text": text, "ts": ts,
                         "edited": {"user": "UBOT", "ts": at}});
    callback(
        json!({"type": "message", "subtype": "message_changed", "channel": CHANNEL, "channel_type": "channel",
                    "ts": at, "event_ts": at, "message": message}),
    )
}

#[tokio::test]
async fn an_edited_message_keeps_its_text_and_gets_what_the_agent_knows() {
    let log = start().await;
    let ts = now_ts(2);
    send(&log, &posted(&ts, "Thinking…")).await;
    send(&log, &changed(&ts, &now_ts(10), "It is on its way")).await;
    let reply = log.post(logged(&ts, "Thinking…")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let item = item(&log).await;
    assert_eq!(item["response"], "It is on its way");
    assert_eq!(
        (&item["intent"], &item["metadata"]["model"]),
        (&json!("refund"), &json!("m1"))
    );

    send(&log, &changed(&ts, &now_ts(11), "It has arrived")).await;
    let row = row(&log).await;
    assert_eq!(
        (&row["response"], &row["metadata"]["model"]),
        (&json!("It has arrived"), &json!("m1"))
    );
    assert_eq!(log.rows().await, 1);
}

#[tokio::test]
async fn nothing_is_added_to_a_deleted_message() {
    let log = start().await;
    let ts = now_ts(2);
    send(&log, &posted(&ts, "Same text")).await;
    let deleted = json!({"subtype": "message_deleted", "deleted_ts": ts, "event_ts": now_ts(9)});
    send(&log, &said(&now_ts(9), "", deleted)).await;
    assert_eq!(log.post(logged(&ts, "Same text")).await.status, 200);
    let dump = log.dump().await;
    assert!(!dump.contains("Same text") && !dump.contains("refund") && !dump.contains("m1"));
}

#[tokio::test]
async fn slack_and_the_agent_at_once_make_one_complete_row() {
    let log = start().await;
    for n in 10..30 {
        let (event, answer) = (
            posted(&now_ts(n), "Same text"),
            logged(&now_ts(n), "Same text"),
        );
        let agents = (0..3).map(|_| log.post(answer.clone()));
        let events = (0..3).map(|_| send(&log, &event));
        let (agents, events) = tokio::join!(
            futures::future::join_all(agents),
            futures::future::join_all(events)
        );
        assert!(
            agents
                .iter()
                .chain(&events)
                .all(|it| it.status.is_success())
        );
    }
    let complete = "select count(*) from conversation.log
                    where intent = 'refund' and confidence = 0.93 and channel_type = 'channel'
                      and metadata ->> 'model' = 'm1' and metadata ->> 'bot_id' = 'B1'";
    assert_eq!(log.count(complete).await, 20);
    assert_eq!(log.rows().await, 20);
}

#[tokio::test]
async fn a_reply_to_another_robeings_row_is_refused() {
    let log = start().await;
    let theirs = log
        .stored(json!({"robeing_id": "other", "message": "in private"}))
        .await;
    let own = log
        .stored(json!({"robeing_id": "sales", "message": "in public"}))
        .await;
    let answer = |reply_to: &str| json!({"robeing_id": "sales", "response": "an answer", "reply_to": reply_to});
    let reply = log.post(answer(&theirs)).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        reply
            .text()
            .contains("reply_to names no message of this robeing"),
        "{reply:?}"
    );
    let items = json!({"items": [answer(&own), answer(&theirs), answer(&own)]});
    let batch = log.app.post("/v1/messages/batch", items).await.json();
    let statuses = batch["items"].as_array().expect("items").iter();
    let statuses: Vec<_> = statuses.map(|it| it["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(201), Some(400), Some(201)]);
    assert_eq!(log.rows().await, 4);
    // What is gone may be named: its answers stay.
    let gone = log
        .post(answer("0190b2a0-0000-7000-8000-000000000009"))
        .await;
    assert_eq!(gone.status, 201, "{gone:?}");
}

#[tokio::test]
async fn a_thread_in_a_direct_channel_is_joined_to_its_root() {
    let log = start().await;
    let im = |more: Value| {
        let mut fields = json!({"channel": "D1", "channel_type": "im"});
        fields
            .as_object_mut()
            .expect("fields")
            .extend(more.as_object().expect("fields").clone());
        fields
    };
    let root = now_ts(1);
    send(&log, &said(&root, "how do I export?", im(json!({})))).await;
    send(&log, &said(&now_ts(2), "something else", im(json!({})))).await;
    let own = json!({"thread_ts": root, "bot_id": "B1", "app_id": "A0FFV41KK"});
    send(&log, &said(&now_ts(3), "Press the button.", im(own))).await;

    let page = log.get("/v1/robeings/sales/messages?channel=D1").await;
    assert_eq!(
        texts(&page, "message"),
        ["something else", "how do I export?"]
    );
    assert_eq!(texts(&page, "response"), ["", "Press the button."]);
    for filter in [
        format!("thread={root}"),
        format!("thread={root}&channel=D1"),
    ] {
        let thread = log
            .get(&format!("/v1/robeings/sales/messages?{filter}"))
            .await;
        assert_eq!(texts(&thread, "message"), ["how do I export?"], "{filter}");
        assert_eq!(
            texts(&thread, "response"),
            ["Press the button."],
            "{filter}"
        );
        let context = log
            .get(&format!("/v1/robeings/sales/context?{filter}"))
            .await;
        assert_eq!(
            context["context"], "user: how do I export?\nassistant: Press the button.\n",
            "{filter}"
        );
    }
}

#[tokio::test]
async fn the_first_reply_to_of_an_agent_stays_and_another_one_is_refused() {
    for is_event_first in [true, false] {
        let log = start().await;
        ask(&log).await;
        let asked = item(&log).await["id"].clone();
        let other =
            json!({"robeing_id": "sales", "channel_id": CHANNEL, "message": "something else"});
        let other = log.stored(other).await;
        let event = posted(&now_ts(2), "Same text");
        if is_event_first {
            send(&log, &event).await;
        }
        let mut answer = logged(&now_ts(2), "Same text");
        answer["reply_to"] = other.clone().into();
        assert!(log.post(answer.clone()).await.status.is_success());
        send(&log, &event).await;
        answer["reply_to"] = asked;
        let refused = log.post(answer).await;
        assert_eq!(refused.status, 422, "{refused:?}");
        assert!(refused.text().contains("another `reply_to`"), "{refused:?}");
        assert_eq!(row(&log).await["reply_to"], other, "{is_event_first}");
    }
}
