//! Deliveries from queues and buses, on Lambda and over HTTP, with partial failures and dead letters.

use std::path::Path;

use base64::Engine as _;
use http::StatusCode;
use kit::postgres::database;
use serde_json::{Value, json};

use crate::common::{Fixture, app_on, start, texts};

pub fn event(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/message-log");
    let text = std::fs::read_to_string(folder.join(name)).expect("an event");
    serde_json::from_str(&text).expect("JSON")
}

pub const TRIGGER: &str = "/events/message-log";

pub async fn invoke(log: &Fixture, event: &Value) -> Result<Value, String> {
    match log.app.invoke(event).await {
        Ok(result) => Ok(serde_json::from_str(result.get()).expect("JSON")),
        Err(failure) => Err(format!("{}: {}", failure.error_type, failure.error_message)),
    }
}

#[tokio::test]
async fn every_event_gives_the_same_bytes_on_lambda_and_over_http() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/message-log");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("events")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| !name.starts_with("slack"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 15);
    for name in names {
        let event = event(&name);
        let (one, other) = (start().await, start().await);
        let on_lambda = one.app.invoke(&event).await;
        let on_lambda = on_lambda.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let over_http = other.app.post(TRIGGER, &event).await;
        assert_eq!(over_http.status, StatusCode::OK, "{name}: {over_http:?}");
        assert_eq!(on_lambda.get().as_bytes(), over_http.body, "{name}");
        assert_eq!(one.rows().await, other.rows().await, "{name}");
        let again = one.app.post(TRIGGER, &event).await;
        if !over_http.text().contains("\"rows\"") {
            assert_eq!(again.body, over_http.body, "{name}");
        }
        assert_eq!(one.rows().await, other.rows().await, "{name}");
    }
}

#[tokio::test]
async fn the_failed_records_of_an_sqs_batch_are_reported_and_become_dead_letters() {
    let log = start().await;
    let batch = event("sqs.json");
    let report = invoke(&log, &batch).await.unwrap();
    let failed =
        json!({"batchItemFailures": [{"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"}]});
    assert_eq!(report, failed);

    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(
        texts(&page, "message"),
        ["환불은 언제 되나요? 제 번호는 [PHONE_1]입니다"]
    );
    assert_eq!(texts(&page, "response"), ["사흘 안에 됩니다."]);
    assert_eq!(page["items"][0]["intent"], "refund");

    invoke(&log, &batch).await.unwrap();
    let letters = log.get("/v1/dead-letters").await;
    let letter = &letters["items"][0];
    assert_eq!(letters["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(letter["attempts"], 2);
    assert_eq!(letter["source"], "sqs");
    assert_eq!(letter["robeing_id"], "sales");
    assert!(
        letter["reason"]
            .as_str()
            .unwrap_or_default()
            .starts_with("message and response are both empty")
    );
    assert_eq!(log.rows().await, 2);
}

fn named(report: &Value) -> Vec<&str> {
    let failed = report["batchItemFailures"].as_array().expect("a report");
    let names = failed.iter().map(|item| item["itemIdentifier"].as_str());
    names.map(|name| &name.unwrap_or_default()[..2]).collect()
}

#[tokio::test]
async fn a_dead_letter_does_not_block_its_fifo_group() {
    let log = start().await;
    let report = invoke(&log, &event("sqs-fifo.json")).await.unwrap();
    assert_eq!(named(&report), ["22"]);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(
        texts(&page, "message"),
        ["first of b", "third of a", "first of a"]
    );
}

#[tokio::test]
async fn a_message_that_may_be_stored_later_blocks_its_fifo_group() {
    let log = start().await;
    let client = log.database.client().await;
    client
        .batch_execute(
            "create function fail() returns trigger language plpgsql as
             $$ begin raise exception 'not now'; end $$;
             create trigger fail before insert on conversation.log for each row
             when (new.message = 'first of a') execute function fail()",
        )
        .await
        .expect("a table that fails at times");
    let batch = event("sqs-fifo.json");
    let report = invoke(&log, &batch).await.unwrap();
    assert_eq!(named(&report), ["11", "22", "33"]);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["first of b"]);

    let drop = "drop trigger fail on conversation.log";
    client.batch_execute(drop).await.expect("it works again");
    let report = invoke(&log, &batch).await.unwrap();
    assert_eq!(named(&report), ["22"]);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(
        texts(&page, "message"),
        ["first of b", "third of a", "first of a"]
    );
}

#[tokio::test]
async fn a_dead_letter_of_a_numbered_queue_is_one_row_when_replayed_and_delivered_again() {
    let log = start().await;
    for (event_name, number) in [
        ("sqs-fifo.json", "18849496460467696129"),
        // Sixteen digits with the check digit of a card.
        ("pubsub-push.json", "4111111111111111"),
    ] {
        let mut event = event(event_name);
        let right = json!({"robeing_id": "sales", "message": event_name});
        if let Some(records) = event["Records"].as_array_mut() {
            records.retain(|record| record["body"] == "no message at all");
            records[0]["attributes"]["SequenceNumber"] = number.into();
        } else {
            event["message"]["messageId"] = number.into();
            event["message"]["data"] = "bm8ganNvbg==".into();
        }
        log.app.post(TRIGGER, &event).await;
        let letters = log.get("/v1/dead-letters").await;
        let letter = letters["items"][0]["id"].as_str().expect("a dead letter");
        let replay = format!("/v1/dead-letters/{letter}/replay");
        let replayed = log.app.post(&replay, json!({"message": right}));
        let replayed = replayed.await;
        assert_eq!(replayed.status, 200, "{replayed:?}");

        let text = right.to_string();
        if event["Records"].is_array() {
            event["Records"][0]["body"] = text.into();
        } else {
            let data = base64::engine::general_purpose::STANDARD.encode(text);
            event["message"]["data"] = data.into();
        }
        assert_eq!(log.app.post(TRIGGER, &event).await.status, 200);
        let page = log.get("/v1/robeings/sales/messages").await;
        assert_eq!(page["items"][0]["id"], replayed.json()["id"]);
        assert_eq!(page["items"][0]["message"], event_name);
    }
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn a_dead_letter_with_a_masked_event_id_can_not_be_replayed() {
    let log = start().await;
    let mut push = event("pubsub-push.json");
    push["message"]["attributes"]["id"] = "010-1234-5678".into();
    push["message"]["data"] = "bm8ganNvbg==".into();
    log.app.post(TRIGGER, push).await;
    let letters = log.get("/v1/dead-letters").await;
    assert_eq!(letters["items"][0]["source_event_id"], "[PHONE_1]");
    let letter = letters["items"][0]["id"].as_str().expect("a dead letter");
    let right = json!({"robeing_id": "sales", "message": "put right"});
    let replay = format!("/v1/dead-letters/{letter}/replay");
    let rejected = log.app.post(&replay, json!({"message": right})).await;
    assert_eq!(rejected.status, 409, "{rejected:?}");
    assert_eq!(log.rows().await, 0);
}

#[tokio::test]
async fn a_publishers_id_is_stored_once_however_often_it_is_published() {
    let log = start().await;
    for message_id in ["1", "2"] {
        let mut push = event("pubsub-push.json");
        push["message"]["messageId"] = message_id.into();
        push["message"]["publishTime"] = format!("2026-11-25T01:00:0{message_id}Z").into();
        push["message"]["attributes"]["id"] = "order-1".into();
        assert_eq!(log.app.post(TRIGGER, push).await.status, 200);
    }
    assert_eq!(log.rows().await, 1);
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(
        texts(&page, "message"),
        ["배송이 늦어요. 메일은 [EMAIL_1] 입니다"]
    );
}

#[tokio::test]
async fn a_cloud_event_is_the_same_row_in_structured_and_binary_mode() {
    let log = start().await;
    let structured = event("cloudevents.json");
    let first = log.app.post(TRIGGER, &structured).await;
    let binary = log
        .app
        .post(TRIGGER, &structured["data"])
        .header("ce-specversion", "1.0")
        .header("ce-id", "A234-1234-1234")
        .header("ce-source", "https://example.com/crm")
        .header("ce-time", "2025-11-25T01:00:03Z");
    assert_eq!(binary.await.body, first.body);
    let other = log.app.post(TRIGGER, &structured["data"]);
    let other = other
        .header("ce-id", "A234-1234-1234")
        .header("ce-source", "https://example.com/web");
    assert_eq!(other.await.status, 200);
    assert_eq!(log.rows().await, 2);
}

#[tokio::test]
async fn a_single_event_that_can_never_be_stored_fails_and_becomes_a_dead_letter() {
    let log = start().await;
    let mut push = event("pubsub-push.json");
    push["message"]["data"] = "bm8ganNvbg==".into();
    let rejected = log.app.post(TRIGGER, push).await;
    assert_eq!(rejected.status, 400);
    let mut cloud_event = event("cloudevents.json");
    cloud_event["data"]["confidence"] = 7.into();
    assert_eq!(log.app.post(TRIGGER, &cloud_event).await.status, 400);
    assert!(
        invoke(&log, &cloud_event)
            .await
            .unwrap_err()
            .starts_with("bad request")
    );
    let letters = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&letters, "source"), ["cloudevents", "pubsub"]);
    let dump = log.dump().await;
    assert!(!dump.contains("hong@example.com"), "{dump}");
    assert_eq!(
        letters["items"][0]["body"]["message"],
        "배송이 늦어요. 메일은 [EMAIL_1] 입니다"
    );
}

#[tokio::test]
async fn a_dead_letter_replayed_as_it_is_or_corrected_is_one_row() {
    let log = start().await;
    let mut cloud_event = event("cloudevents.json");
    cloud_event["data"]["confidence"] = 7.into();
    log.app.post(TRIGGER, &cloud_event).await;
    let letters = log.get("/v1/dead-letters").await;
    let replay = format!(
        "/v1/dead-letters/{}/replay",
        letters["items"][0]["id"].as_str().expect("an id")
    );
    assert_eq!(log.app.post(&replay, json!({})).await.status, 400);

    let right = json!({"robeing_id": "sales", "message": "put right"});
    let replayed = log.app.post(&replay, json!({"message": right})).await;
    assert_eq!(replayed.status, 200, "{replayed:?}");
    let again = log.app.post(&replay, json!({"message": right})).await;
    assert_eq!(again.body, replayed.body);
    assert_eq!(log.rows().await, 1);
    assert_eq!(log.get("/v1/dead-letters").await["items"], json!([]));
    let all = log.get("/v1/dead-letters?replayed=true").await;
    assert_eq!(all["items"][0]["message_id"], replayed.json()["id"]);
    let nothing = format!("/v1/dead-letters/{}/replay", uuid::Uuid::now_v7());
    assert_eq!(log.app.post(&nothing, json!({})).await.status, 404);
}

#[tokio::test]
async fn a_body_that_can_not_be_masked_is_not_stored() {
    let log = start().await;
    // More values than the masker reads.
    let parts = json!([{"type": "data", "content": "010-1234-5678", "values": vec![0; 110_000]}]);
    let message = json!({"robeing_id": "sales", "id": "m-1", "message": parts});
    let rejected = log.app.post(TRIGGER, &message).await;
    assert_eq!(rejected.status, 422, "{rejected:?}");
    assert_eq!(log.post(message).await.status, 422);
    let letters = log.get("/v1/dead-letters").await;
    assert_eq!(letters["items"][0]["body"], Value::Null);
    assert!(!log.dump().await.contains("1234-5678"));
    let replay = format!(
        "/v1/dead-letters/{}/replay",
        letters["items"][0]["id"].as_str().expect("an id")
    );
    assert_eq!(log.app.post(&replay, json!({})).await.status, 409);
}

#[tokio::test]
async fn a_delivery_fails_while_the_database_is_down_and_nothing_is_lost() {
    let database = database().await;
    let app = app_on(&database, &[("DATABASE_URL", "postgres://u@127.0.0.1:1/d")]).await;
    let log = Fixture { app, database };
    for name in ["sqs.json", "pubsub-push.json", "cloudevents.json"] {
        let event = event(name);
        let result = invoke(&log, &event).await;
        match name {
            // The record that can't become a dead letter now must be delivered again as well.
            "sqs.json" => assert!(result.unwrap_err().starts_with("service unavailable")),
            _ => assert!(
                result.unwrap_err().starts_with("service unavailable"),
                "{name}"
            ),
        }
        assert_eq!(log.app.post(TRIGGER, &event).await.status, 503, "{name}");
    }
}
