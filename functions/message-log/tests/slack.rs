//! Events from Slack: authentication, and the effect of each event.

mod answers;
mod content;
mod edits;
mod identities;
mod merges;
pub mod people;
mod reactions;
mod shapes;
mod signing;
mod unmapped;

use std::path::Path;
use std::sync::LazyLock;

use http::{Method, StatusCode};
use jiff::Timestamp;
pub use kit::slack::signature;
use kit::{Reply, TestApp, slack};
use proptest::prelude::ProptestConfig;
use serde_json::{Value, json};

use crate::common::{Fixture, start_with, texts};
use crate::memory::roll_up;

/// The configuration of property tests that send their cases to one app.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const ROUTE: &str = "/v1/slack/events";

pub async fn start() -> Fixture {
    start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "sales"}"#),
    ])
    .await
}

async fn send_at(app: &TestApp, at: Timestamp, secret: &str, envelope: &Value) -> Reply {
    slack::send_at(app, at.as_second(), secret, envelope).await
}

pub async fn send(log: &Fixture, body: &Value) -> Reply {
    send_at(&log.app, Timestamp::now(), SECRET, body).await
}

/// A timestamp. All are within one second, in the order of `n`.
pub fn now_ts(n: u32) -> String {
    static SECOND: LazyLock<i64> = LazyLock::new(|| Timestamp::now().as_second() - 60);
    format!("{}.{n:06}", *SECOND)
}

/// An event of the app, with a new event id.
pub fn callback(event: Value) -> Value {
    let mut envelope = json!({
        "type": "event_callback",
        "team_id": "T061EG9R6",
        "api_app_id": "A0FFV41KK",
        "event_id": format!("Ev{}", uuid::Uuid::now_v7().simple()),
    });
    envelope["event"] = event;
    envelope
}

pub fn said(ts: &str, text: &str, mut more: Value) -> Value {
    for (name, value) in [
        ("type", "message"),
        ("channel", "C024BE91L"),
        ("channel_type", "channel"),
        ("user", "U2147483697"),
        ("ts", ts),
        ("text", text),
    ] {
        if more.get(name).is_none() {
            more[name] = value.into();
        }
    }
    callback(more)
}

#[tokio::test]
async fn a_slack_message_is_stored_with_channel_ts_thread_and_user() {
    let log = start().await;
    let text = include_str!("../../../events/message-log/slack-message.json");
    let event: Value = serde_json::from_str(text).expect("JSON");
    let reply = send(&log, &event).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");

    let page = log.get("/v1/robeings/sales/messages").await;
    let item = &page["items"][0];
    assert_eq!(
        item["message"],
        "환불은 언제 되나요? 제 번호는 [PHONE_1]이에요"
    );
    assert_eq!(item["channel_id"], "C024BE91L");
    assert_eq!(item["channel_type"], "channel");
    assert_eq!(item["thread_ts"], "1764032405.000005");
    assert_eq!(item["slack_user_id"], "U2147483697");
    assert_eq!(item["created_at"], "2025-11-25T01:00:05.000005Z");
    let metadata = json!({"channel": "C024BE91L", "team": "T061EG9R6", "ts": "1764032405.000005"});
    assert_eq!(item["metadata"], metadata);
    let user = item["user_id"].as_str().expect("a user");
    let of_user = log.get(&format!("/v1/users/{user}/messages")).await;
    assert_eq!(of_user["items"][0]["id"], item["id"]);
}

#[tokio::test]
async fn every_sample_event_of_slack_is_accepted() {
    let log = start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/message-log");
    let taken = async |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).expect("an event");
        let event: Value = serde_json::from_str(&text).expect("JSON");
        let reply = send(&log, &event).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {reply:?}");
        let page = log.get("/v1/robeings/sales/messages").await;
        texts(&page, "message")
    };
    let blocks =
        "제 번호는 [PHONE_1], <@U0LAN0Z10> 환불 (https://example.com/refund)\n환불은 사흘 걸립니다";
    for (name, messages) in [
        (
            "slack-message.json",
            ["환불은 언제 되나요? 제 번호는 [PHONE_1]이에요"].as_slice(),
        ),
        ("slack-edit.json", &["환불은 언제까지 되나요?"]),
        ("slack-tombstone.json", &[""]),
        ("slack-blocks.json", &[blocks, ""]),
        ("slack-team-join.json", &[blocks, ""]),
        ("slack-reaction.json", &[blocks, ""]),
    ] {
        assert_eq!(taken(name).await, messages, "{name}");
    }
    let files = std::fs::read_dir(folder).expect("events");
    let files = files.filter(|file| {
        let name = file.as_ref().expect("a file").file_name();
        name.to_string_lossy().starts_with("slack")
    });
    assert_eq!(files.count(), 6);
}

#[tokio::test]
async fn url_verification_returns_the_challenge() {
    let log = start().await;
    let reply = send(
        &log,
        &json!({"type": "url_verification", "token": "t", "challenge": "3eZbrw1a"}),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (200, json!({"challenge": "3eZbrw1a"}))
    );
}

#[tokio::test]
async fn a_retry_a_mention_and_the_agents_own_post_of_one_message_are_one_row() {
    let log = start().await;
    let ts = now_ts(1);
    let event = said(&ts, "<@U0LAN0Z10> hello", json!({}));
    for _ in 0..3 {
        assert_eq!(send(&log, &event).await.status, 200);
    }
    let mention = json!({"type": "app_mention", "channel_type": null});
    assert_eq!(
        send(&log, &said(&ts, "<@U0LAN0Z10> hello", mention))
            .await
            .status,
        200
    );
    assert_eq!(log.rows().await, 1);

    let answered = now_ts(2);
    let answer = json!({
        "robeing_id": "sales", "channel_id": "C024BE91L", "thread_ts": ts, "slack_ts": answered,
        "response": "hi", "intent": "greeting", "confidence": 0.9,
    });
    assert_eq!(log.post(answer.clone()).await.status, 201);
    let bot = json!({"bot_id": "B1", "app_id": "A0FFV41KK", "thread_ts": ts, "user": "U0LAN0Z10"});
    assert_eq!(send(&log, &said(&answered, "hi", bot)).await.status, 200);
    assert_eq!(log.post(answer).await.status, 200);
    assert_eq!(log.rows().await, 2);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["items"][0]["response"], "hi");
    assert_eq!(page["items"][0]["intent"], "greeting");
}

#[tokio::test]
async fn the_apps_own_bot_answers_the_thread_and_another_bot_sends_messages() {
    let log = start().await;
    let ts = now_ts(1);
    send(&log, &said(&ts, "question", json!({}))).await;
    let own = json!({"subtype": "bot_message", "bot_id": "B1", "bot_profile": {"app_id": "A0FFV41KK"}, "thread_ts": ts, "user": null});
    send(&log, &said(&now_ts(2), "answer", own)).await;
    let other = json!({"subtype": "bot_message", "bot_id": "B2", "app_id": "A1", "user": null, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "deployed &lt;v1&gt;"}}], "text": ""});
    send(&log, &said(&now_ts(3), "", other)).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["deployed <v1>", "question"]);
    assert_eq!(page["items"][1]["response"], "answer");
    assert_eq!(page["items"][0]["metadata"]["bot_id"], "B2");
    assert_eq!(page["items"][0]["slack_user_id"], Value::Null);

    let im = json!({"channel": "D1", "channel_type": "im"});
    send(&log, &said(&now_ts(4), "in private", im)).await;
    let answer =
        json!({"channel": "D1", "channel_type": "im", "bot_id": "B1", "app_id": "A0FFV41KK"});
    send(&log, &said(&now_ts(5), "for you", answer)).await;
    let page = log.get("/v1/robeings/sales/messages?channel_id=D1").await;
    assert_eq!(
        (texts(&page, "message"), texts(&page, "response")),
        (vec!["in private".to_owned()], vec!["for you".to_owned()])
    );
}

#[tokio::test]
async fn an_edit_is_masked_and_the_newest_edit_wins() {
    let log = start().await;
    let ts = now_ts(1);
    let edit = |text: &str, at: u32| {
        callback(json!({
            "type": "message", "subtype": "message_changed", "hidden": true, "channel": "C024BE91L",
            "ts": now_ts(900), "previous_message": {"text": "before", "ts": ts},
            "message": {"type": "message", "user": "U2147483697", "text": text, "ts": ts, "edited": {"user": "U2147483697", "ts": now_ts(at)}},
        }))
    };
    send(&log, &said(&ts, "before", json!({}))).await;
    send(&log, &edit("call 010-1234-5678", 20)).await;
    send(&log, &edit("older", 10)).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["call [PHONE_1]"]);
    assert!(page["items"][0]["edited_at"].is_string());

    let unfolded = callback(json!({
        "type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": now_ts(901),
        "previous_message": {"text": "call", "ts": ts}, "message": {"text": "call", "ts": ts},
    }));
    assert_eq!(send(&log, &unfolded).await.status, 200);
    let early = now_ts(2);
    let first = callback(json!({
        "type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": now_ts(902),
        "message": {"user": "U1", "text": "edited before it came", "ts": early, "edited": {"ts": now_ts(30)}},
    }));
    send(&log, &first).await;
    send(&log, &said(&early, "as it was", json!({}))).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message")[0], "edited before it came");
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn an_edited_message_is_found_by_its_new_text_and_a_deleted_one_is_not_found() {
    let log = start().await;
    let found = async |q: &str| {
        let path = format!("/v1/robeings/sales/search?q={q}");
        texts(&log.get(&path).await, "message")
    };
    let ts = now_ts(1);
    send(&log, &said(&ts, "where is the invoice", json!({}))).await;
    roll_up(&log).await;
    assert_eq!(found("invoice").await.len(), 1);

    let edit = callback(json!({
        "type": "message", "subtype": "message_changed", "hidden": true, "channel": "C024BE91L",
        "ts": now_ts(900), "previous_message": {"text": "where is the invoice", "ts": ts},
        "message": {"type": "message", "user": "U2147483697", "text": "where is the receipt", "ts": ts,
                    "edited": {"user": "U2147483697", "ts": now_ts(20)}},
    }));
    send(&log, &edit).await;
    roll_up(&log).await;
    assert_eq!(found("receipt").await, ["where is the receipt"]);
    assert!(found("invoice").await.is_empty());

    let delete = callback(json!({
        "type": "message", "subtype": "message_deleted", "hidden": true, "channel": "C024BE91L",
        "ts": now_ts(901), "deleted_ts": ts, "previous_message": {"text": "where is the receipt", "ts": ts},
    }));
    send(&log, &delete).await;
    roll_up(&log).await;
    assert!(found("receipt").await.is_empty());
    let left = "select count(*) from conversation.search_tail";
    assert_eq!(log.count(left).await, 0);
}

#[tokio::test]
async fn a_deleted_message_has_no_text_in_any_order_of_arrival() {
    let log = start().await;
    let delete = |ts: &str| {
        callback(json!({
            "type": "message", "subtype": "message_deleted", "hidden": true, "channel": "C024BE91L",
            "ts": now_ts(900), "deleted_ts": ts, "previous_message": {"text": "secret", "ts": ts},
        }))
    };
    let (one, two) = (now_ts(1), now_ts(2));
    send(&log, &said(&one, "secret", json!({}))).await;
    send(&log, &delete(&one)).await;
    send(&log, &delete(&two)).await;
    send(&log, &said(&two, "secret", json!({}))).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["", ""]);
    assert!(
        page["items"][0]["deleted_at"].is_string() && page["items"][1]["deleted_at"].is_string()
    );
    assert!(!log.dump().await.contains("secret"));
}

#[tokio::test]
async fn events_that_are_not_about_messages_are_acknowledged_and_ignored() {
    let log = start().await;
    for event in [
        json!({"type": "reaction_added", "user": "U1", "item": {"type": "message", "channel": "C1", "ts": "1.000001"}}),
        json!({"type": "message", "subtype": "channel_join", "channel": "C1", "user": "U1", "ts": "1.000001", "text": "joined"}),
    ] {
        assert_eq!(send(&log, &callback(event)).await.status, 200);
    }
    let limited =
        json!({"type": "app_rate_limited", "minute_rate_limited": 1, "api_app_id": "A0FFV41KK"});
    assert_eq!(send(&log, &limited).await.status, 200);
    assert_eq!(log.rows().await, 0);
}

#[tokio::test]
async fn slack_retries_if_the_database_is_down_but_not_if_a_message_can_never_be_stored() {
    let log = start().await;
    let long = said(&now_ts(1), &"x".repeat(300_000), json!({}));
    let reply = send(&log, &long).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.header("x-slack-no-retry"), Some("1"));
    assert_eq!(
        texts(&log.get("/v1/dead-letters").await, "source"),
        ["slack"]
    );
    let tomorrow = Timestamp::now().as_second() + 3 * 86_400;
    let ahead = said(
        &format!("{tomorrow}.000001"),
        "call 010-1234-5678",
        json!({}),
    );
    assert_eq!(send(&log, &ahead).await.status, 400);
    let letters = log.get("/v1/dead-letters").await;
    let kept = &letters["items"][0];
    assert_eq!(kept["body"]["message"], "call [PHONE_1]");
    assert_eq!(kept["robeing_id"], "sales");

    let down = [
        ("SLACK_SIGNING_SECRET", SECRET),
        ("DATABASE_URL", "postgres://u@127.0.0.1:1/d"),
    ];
    let app = crate::common::app_on(&log.database, &down).await;
    let reply = send_at(
        &app,
        Timestamp::now(),
        SECRET,
        &said(&now_ts(1), "hello", json!({})),
    )
    .await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("x-slack-no-retry"), None);
}

#[tokio::test]
async fn concurrent_first_messages_of_a_slack_user_get_one_user_id() {
    let log = start().await;
    let sends = (1..=8).map(|n| {
        let event = said(&now_ts(n), "hello", json!({}));
        let at = Timestamp::now().as_second();
        let body = event.to_string();
        let request = log
            .app
            .request(Method::POST, ROUTE)
            .header("content-type", "application/json")
            .header("x-slack-request-timestamp", at)
            .header("x-slack-signature", signature(SECRET, at, &body))
            .body(body);
        tokio::spawn(async move { request.await })
    });
    for sent in sends.collect::<Vec<_>>() {
        assert_eq!(sent.await.expect("no panic").status, 200);
    }
    assert_eq!(
        log.count("select count(distinct user_id) from conversation.log")
            .await,
        1
    );
    assert_eq!(log.rows().await, 8);
}
