//! Messages over HTTP: stored once, or rejected with a reason.

use std::time::Duration;

use message_log::ids::digest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{message, start, start_with, texts};

const ID: &str = "019abc00-0000-7abc-8000-00000000000";

#[tokio::test]
async fn a_message_and_its_response_are_stored_with_every_column() {
    let log = start().await;
    let id = log
        .stored(json!({
            "robeing_id": "r1",
            "channel_id": "C1",
            "channel_type": "channel",
            "thread_ts": "1764000000.000001",
            "user_id": "0190b2a0-0000-7000-8000-000000000001",
            "slack_user_id": "U1",
            "message": "환불은 언제 되나요?",
            "response": "사흘 안에 됩니다.",
            "intent": "refund",
            "confidence": 0.93,
            "metadata": {"channel": "C1", "ts": "1764000000.000001"},
        }))
        .await;

    let page = log.get("/v1/robeings/r1/messages").await;
    let item = &page["items"][0];
    assert_eq!(item["id"], id);
    assert_eq!(item["message"], "환불은 언제 되나요?");
    assert_eq!(item["response"], "사흘 안에 됩니다.");
    assert_eq!(item["intent"], "refund");
    assert_eq!(item["confidence"], 0.93);
    assert_eq!(item["user_id"], "0190b2a0-0000-7000-8000-000000000001");
    assert_eq!(item["slack_user_id"], "U1");
    assert_eq!(item["thread_ts"], "1764000000.000001");
    assert_eq!(item["channel_type"], "channel");
    assert_eq!(item["metadata"]["channel"], "C1");
    let columns = log
        .count(
            "select count(*) from information_schema.columns
             where table_schema = 'conversation' and table_name = 'log' and column_name in
                 ('id', 'robeing_id', 'channel_id', 'message', 'response', 'intent', 'confidence',
                  'user_id', 'slack_user_id', 'thread_ts', 'channel_type', 'created_at', 'metadata')",
        )
        .await;
    assert_eq!(columns, 13);
    assert_eq!(log.column("token_count", &id).await.as_deref(), Some("6"));
}

#[tokio::test]
async fn a_repeat_gets_the_same_response_and_is_stored_once() {
    let log = start().await;
    for key in ["order-1", "019abc00-0000-7abc-8000-000000000009"] {
        let send = || {
            log.app
                .post("/v1/messages", message("hello"))
                .header("idempotency-key", key)
        };
        let first = send().await;
        let again = send().await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
        assert_eq!(first.body, again.body);
        assert_eq!(first.header("idempotency-replayed"), None);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
    }
    for id in ["m-1", &format!("{ID}1")] {
        let mut message = message("hello");
        message["id"] = id.into();
        let first = log.post(message.clone()).await;
        let again = log.post(message).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
        assert_eq!(first.body, again.body);
    }
    assert_eq!(log.rows().await, 4);
}

#[tokio::test]
async fn the_same_key_with_other_content_is_rejected() {
    let log = start().await;
    for id in ["m-1", &format!("{ID}1")] {
        let mut message = message("one");
        message["id"] = id.into();
        log.stored(message.clone()).await;
        message["message"] = "another".into();
        assert_eq!(log.post(message).await.status, 422, "{id}");
    }
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn the_same_key_is_another_message_for_another_robeing() {
    let log = start().await;
    log.stored(json!({"robeing_id": "r1", "id": "m-1", "message": "a"}))
        .await;
    log.stored(json!({"robeing_id": "r2", "id": "m-1", "message": "b"}))
        .await;
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn concurrent_repeats_store_one_message_and_all_get_its_id() {
    let log = start().await;
    for id in ["m-1", &format!("{ID}1")] {
        let sends = (0..16).map(|_| {
            let request = log.app.post(
                "/v1/messages",
                json!({"robeing_id": "r1", "id": id, "message": "hello"}),
            );
            tokio::spawn(async move { request.await })
        });
        let mut ids = Vec::new();
        let mut created = 0;
        for send in sends.collect::<Vec<_>>() {
            let reply = send.await.expect("no panic");
            assert!(reply.status.is_success(), "{reply:?}");
            created += usize::from(reply.status == 201);
            ids.push(reply.json()["id"].clone());
        }
        ids.dedup();
        assert_eq!((ids.len(), created), (1, 1));
    }
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn a_message_that_waits_for_a_lock_blocks_no_other() {
    let log = start().await;
    let other = log.database.client().await;
    let key = Uuid::from_bytes(digest(&["r1", "http", "m-1"]));
    let not_committed = format!(
        "begin;
         insert into conversation.ingest_key (key, message_id) values ('{key}', gen_random_uuid())"
    );
    other.batch_execute(&not_committed).await.expect("a key");
    let waiting = json!({"robeing_id": "r1", "id": "m-1", "message": "first"});
    let (waited, ()) = tokio::join!(log.post(waiting), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        log.stored(message("second")).await;
        assert_eq!(log.rows().await, 1);
        other.batch_execute("rollback").await.expect("no key");
    });
    assert_eq!(waited.status, 201, "{waited:?}");
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn a_batch_of_a_thousand_messages_has_one_result_each() {
    let log = start().await;
    let mut items: Vec<Value> = (0..1_000)
        .map(|n| json!({"robeing_id": "r1", "id": format!("m-{n}"), "message": format!("hello {n}")}))
        .collect();
    items[7] = json!({"robeing_id": "r1", "message": 5});
    items[8] = json!({"robeing_id": "r1", "message": "hello", "surprise": 1});
    items[9] = json!({"message": "hello"});
    items[11] = items[10].clone();
    items[12] = json!({"robeing_id": "r1", "id": "m-10", "message": "other"});

    let reply = log
        .app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let results = reply.json();
    let status = |at: usize| results["items"][at]["status"].as_u64().expect("a status");
    assert_eq!(
        [6, 7, 8, 9, 10, 11, 12, 999].map(status),
        [201, 400, 400, 400, 201, 200, 422, 201]
    );
    assert_eq!(results["items"][9]["detail"], "robeing_id is missing");
    assert_eq!(results["items"][11]["id"], results["items"][10]["id"]);
    assert_eq!(log.rows().await, 995);

    let again = log
        .app
        .post("/v1/messages/batch", json!({"items": items}))
        .await;
    assert_eq!(
        again.json()["items"][999]["id"],
        results["items"][999]["id"]
    );
    assert_eq!(again.json()["items"][999]["status"], 200);
    assert_eq!(log.rows().await, 995);
}

#[tokio::test]
async fn a_batch_with_a_key_and_no_ids_is_stored_once_and_keeps_its_order() {
    let log = start().await;
    let at = "2026-11-01T09:00:00Z";
    let items: Vec<Value> = (0..5)
        .map(|n| json!({"robeing_id": "r1", "thread_ts": "t", "message": n.to_string(), "created_at": at}))
        .collect();
    for _ in 0..2 {
        let request = log.app.post("/v1/messages/batch", json!({"items": items}));
        assert_eq!(
            request
                .header("idempotency-key", "\"batch-1\"")
                .await
                .status,
            200
        );
    }
    let page = log.get("/v1/robeings/r1/messages?thread=t").await;
    assert_eq!(texts(&page, "message"), ["4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn the_key_of_an_item_differs_from_the_key_of_any_single_message() {
    let log = start().await;
    let batch = json!({"items": [message("zero"), message("one")]});
    let batch = log.app.post("/v1/messages/batch", batch);
    assert_eq!(batch.header("idempotency-key", "k").await.status, 200);
    let single = log.app.post("/v1/messages", message("another"));
    let single = single.header("idempotency-key", "k 1").await;
    assert_eq!(single.status, 201, "{single:?}");
    assert_eq!(log.rows().await, 3);
}

#[tokio::test]
async fn invalid_input_is_a_problem_that_says_what_to_change() {
    let log = start().await;
    for (message, status, detail) in [
        (json!({}), 400, "robeing_id"),
        (json!({"robeing_id": "r1"}), 400, "both empty"),
        (
            json!({"robeing_id": "r1", "message": "a", "confidence": 2}),
            400,
            "confidence",
        ),
        (
            json!({"robeing_id": "r1", "message": "a", "created_at": "2999-01-01T00:00:00Z"}),
            400,
            "more than a day ahead",
        ),
        (
            json!({"robeing_id": "r1", "message": "x".repeat(300_000)}),
            413,
            "256 KiB",
        ),
        (
            json!({"robeing_id": "r1", "message": "a", "slack_ts": "x", "channel_id": "C1"}),
            400,
            "not a Slack timestamp",
        ),
        (
            json!({"robeing_id": "r1", "message": "a", "slack_ts": "01355517523.000005", "channel_id": "C1"}),
            400,
            "such as 1355517523.000005",
        ),
        (
            json!({"robeing_id": "r1", "message": "a", "slack_ts": "0.000000", "channel_id": "C1"}),
            400,
            "such as 1355517523.000005",
        ),
        (
            json!({"robeing_id": "r1", "message": "a", "slack_ts": "1.000001"}),
            400,
            "channel_id",
        ),
    ] {
        let reply = log.post(message).await;
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        let reason = reply.json()["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(reason.contains(detail), "{reason}");
    }
    let none = log
        .app
        .post("/v1/messages/batch", json!({"items": []}))
        .await;
    assert_eq!(none.status, 400);
    let many = vec![message("a"); 1_001];
    assert_eq!(
        log.app
            .post("/v1/messages/batch", json!({"items": many}))
            .await
            .status,
        400
    );
    assert_eq!(log.rows().await, 0);
}

#[tokio::test]
async fn while_the_database_is_down_requests_get_503_in_time_and_later_messages_are_stored() {
    let log = start_with(&[]).await;
    let down = crate::common::app_on(
        &log.database,
        &[("DATABASE_URL", "postgres://u@127.0.0.1:1/d")],
    )
    .await;
    let reply = down.post("/v1/messages", message("hello")).await;
    assert_eq!(reply.status, 503);
    let batch = down
        .post("/v1/messages/batch", json!({"items": [message("hello")]}))
        .await;
    assert_eq!(batch.status, 503);
}

#[tokio::test]
async fn open_telemetry_parts_are_stored_and_readable_as_text() {
    let log = start().await;
    let parts = json!([
        {"type": "text", "content": "날씨 알려줘"},
        {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Seoul"}},
    ]);
    log.stored(json!({"robeing_id": "r1", "message": parts, "response": {"role": "assistant", "parts": [{"type": "text", "content": "맑음"}]}}))
        .await;
    let page = log.get("/v1/robeings/r1/messages").await;
    let item = &page["items"][0];
    assert_eq!(item["message"], "날씨 알려줘");
    assert_eq!(item["response"], "맑음");
    assert_eq!(item["parts"]["message"], parts);
}

#[tokio::test]
async fn without_a_masking_key_the_function_does_not_start() {
    let log = start().await;
    let error = kit::TestApp::with_env(log.database.env())
        .try_start(message_log::app)
        .await;
    let error = error.err().expect("no start").to_string();
    assert!(error.starts_with("MASKING_KEY is not set"), "{error}");
}

#[tokio::test]
async fn the_largest_json_number_does_not_break_the_history() {
    let log = start().await;
    let numbers = json!([f64::MAX, -f64::MAX, f64::MIN_POSITIVE, 0.1, u64::MAX]);
    let part = json!({"type": "data", "numbers": numbers});
    log.stored(json!({"robeing_id": "r1", "message": [part], "metadata": {"numbers": numbers}}))
        .await;
    let page = log.get("/v1/robeings/r1/messages").await;
    let item = &page["items"][0];
    assert_eq!(item["metadata"]["numbers"], numbers);
    assert_eq!(item["parts"]["message"][0]["numbers"], numbers);
}
