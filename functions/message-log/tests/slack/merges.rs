//! What merging an arrival into a row, or an edit, may not do.

use http::StatusCode;
use serde_json::{Value, json};

use super::{callback, now_ts, said, send, start};
use crate::common::texts;

const CHANNEL: &str = "C024BE91L";

fn logged(n: u32, text: &str) -> Value {
    json!({"robeing_id": "sales", "channel_id": CHANNEL, "slack_ts": now_ts(n), "response": text})
}

#[tokio::test]
async fn a_row_that_is_locked_delays_no_message_of_its_batch() {
    let log = start().await;
    for n in [2, 3] {
        send(&log, &said(&now_ts(n), "Same text", json!({}))).await;
    }
    let mut locking = log.database.client().await;
    let transaction = locking.transaction().await.expect("a transaction");
    let lock = format!(
        "select set_config('app.robeings', '*', true);
                        select from conversation.log where metadata ->> 'ts' = '{}' for update",
        now_ts(2)
    );
    transaction.batch_execute(&lock).await.expect("a lock");
    let other = json!({"robeing_id": "sales", "message": "another one"});
    let mut answers = [logged(2, "Same text"), logged(3, "Same text")];
    for answer in &mut answers {
        answer["intent"] = "refund".into();
    }
    let items = json!({"items": [other, answers[0], answers[1]]});
    let batch = log.app.post("/v1/messages/batch", items).await.json();
    let statuses = batch["items"].as_array().expect("items").iter();
    let statuses: Vec<_> = statuses.map(|it| it["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(201), Some(503), Some(200)], "{batch}");
    transaction.rollback().await.expect("the lock ends");
    let again = log.post(answers[0].clone()).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
    let complete = "select count(*) from conversation.log where intent = 'refund'";
    assert_eq!(log.count(complete).await, 2);
}

#[tokio::test]
async fn messages_about_one_row_in_one_batch_are_merged_in_their_order() {
    let log = start().await;
    send(&log, &said(&now_ts(2), "Same text", json!({}))).await;
    let intents = ["one", "two", "three", "four", "five", "six"];
    let items: Vec<Value> = intents
        .iter()
        .map(|intent| {
            let mut answer = logged(2, "Same text");
            answer["intent"] = (*intent).into();
            answer
        })
        .collect();
    let batch = log
        .app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await
        .json();
    let statuses = batch["items"].as_array().expect("items").iter();
    let statuses: Vec<_> = statuses
        .map(|it| it["status"].as_u64().unwrap_or_default())
        .collect();
    assert_eq!(statuses, [200, 422, 422, 422, 422, 422], "{batch}");
}

#[tokio::test]
async fn an_edit_replaces_the_only_text_of_a_row_whoever_slack_says_wrote_it() {
    let own = json!({"bot_id": "B1", "app_id": "A0FFV41KK"});
    for (side, of_edit) in [
        ("response", json!({})),
        ("message", own.clone()),
        ("response", own),
    ] {
        let log = start().await;
        let mut message = logged(2, "");
        let parts = json!([{"type": "text", "text": "narwhal hunter2 narwhal"}]);
        message["response"] = Value::Null;
        message[side] = parts;
        assert_eq!(log.post(message).await.status, 201);
        let mut now = json!({"type": "message", "text": "removed it", "ts": now_ts(2),
                             "edited": {"user": "U1", "ts": now_ts(9)}});
        now.as_object_mut()
            .expect("fields")
            .extend(of_edit.as_object().expect("fields").clone());
        let edit = callback(
            json!({"type": "message", "subtype": "message_changed", "channel": CHANNEL,
                                   "channel_type": "channel", "ts": now_ts(9), "event_ts": now_ts(9), "message": now}),
        );
        assert_eq!(send(&log, &edit).await.status, 200);
        let page = log.get("/v1/robeings/sales/messages").await;
        assert_eq!(texts(&page, side), ["removed it"], "{page}");
        assert!(!log.dump().await.contains("hunter2"), "{side}: {page}");
        let tokens = "select sum(token_count)::bigint from conversation.log";
        assert_eq!(log.count(tokens).await, 3, "{side}");
    }
}

#[tokio::test]
async fn an_edit_of_one_of_two_texts_keeps_the_other_one() {
    let log = start().await;
    let mut message = logged(2, "It is on its way");
    message["message"] = "where is it?".into();
    assert_eq!(log.post(message).await.status, 201);
    let now = json!({"type": "message", "text": "It has arrived", "ts": now_ts(2), "bot_id": "B1", "app_id": "A0FFV41KK",
                     "edited": {"user": "U1", "ts": now_ts(9)}});
    let edit = callback(
        json!({"type": "message", "subtype": "message_changed", "channel": CHANNEL,
                               "channel_type": "channel", "ts": now_ts(9), "event_ts": now_ts(9), "message": now}),
    );
    assert_eq!(send(&log, &edit).await.status, 200);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(
        (texts(&page, "message"), texts(&page, "response")),
        (
            vec!["where is it?".to_owned()],
            vec!["It has arrived".to_owned()]
        )
    );
    assert_eq!(
        log.count("select sum(token_count)::bigint from conversation.log")
            .await,
        3 + 4
    );
}

#[tokio::test]
async fn a_message_gets_its_thread_at_once_while_stats_are_rolled_up() {
    let log = start().await;
    assert_eq!(log.post(logged(2, "Same text")).await.status, 201);
    let mut roll_up = log.database.client().await;
    let transaction = roll_up.transaction().await.expect("a transaction");
    transaction
        .batch_execute("select from robeing.watermark for update")
        .await
        .expect("the lock of a roll-up");
    let own =
        json!({"bot_id": "B1", "app_id": "A0FFV41KK", "user": "UBOT", "thread_ts": now_ts(1)});
    let reply = send(&log, &said(&now_ts(2), "Same text", own)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let in_thread = "select count(*) from conversation.log where thread_ts is not null";
    assert_eq!(log.count(in_thread).await, 1);
    transaction.rollback().await.expect("the lock ends");
}
