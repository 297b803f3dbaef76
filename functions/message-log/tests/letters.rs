//! Dead letters of Slack: what they keep, and what a replay does.

use serde_json::{Value, json};

use crate::common::{Fixture, texts};
use crate::memory::roll_up;
use crate::slack::{callback, now_ts, said, send, start};

async fn letter(log: &Fixture) -> Value {
    let path = "/v1/dead-letters?replayed=true&include=erased";
    log.get(path).await["items"][0].clone()
}

fn too_long() -> String {
    format!("narwhal {}", "x".repeat(300_000))
}

fn edited(ts: &str, at: &str, text: &str) -> Value {
    let message = json!({"type": "message", "user": "U1", "text": text, "ts": ts, "team": "T1",
                         "edited": {"user": "U1", "ts": at}});
    callback(
        json!({"type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": at,
                    "event_ts": at, "message": message}),
    )
}

fn corrected(text: &str) -> Value {
    json!({"message": {"robeing_id": "sales", "channel_id": "C024BE91L", "message": text}})
}

#[tokio::test]
async fn a_replayed_edit_changes_the_message() {
    let log = start().await;
    let ts = now_ts(1);
    send(&log, &said(&ts, "as it was", json!({}))).await;
    assert_eq!(
        send(&log, &edited(&ts, &now_ts(5), &too_long()))
            .await
            .status,
        413
    );
    let path = format!(
        "/v1/dead-letters/{}/replay",
        letter(&log).await["id"].as_str().expect("an id")
    );
    for _ in 0..2 {
        let reply = log.app.post(&path, corrected("as it is now")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = log.get("/v1/robeings/sales/messages").await;
        assert_eq!(texts(&page, "message"), ["as it is now"]);
        assert_eq!(page["items"][0]["id"], reply.json()["id"]);
    }
    roll_up(&log).await;
    let found = log.get("/v1/robeings/sales/search?q=now").await;
    assert_eq!(texts(&found, "message"), ["as it is now"]);
}

#[tokio::test]
async fn a_replay_of_an_edit_that_is_out_of_date_is_refused() {
    let log = start().await;
    let ts = now_ts(1);
    send(&log, &said(&ts, "as it was", json!({}))).await;
    send(&log, &edited(&ts, &now_ts(9), "newest")).await;
    assert_eq!(
        send(&log, &edited(&ts, &now_ts(5), &too_long()))
            .await
            .status,
        413
    );
    let path = format!(
        "/v1/dead-letters/{}/replay",
        letter(&log).await["id"].as_str().expect("an id")
    );
    let reply = log.app.post(&path, corrected("older")).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    assert!(reply.text().contains("newer edit"), "{reply:?}");
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["newest"]);
}

#[tokio::test]
async fn a_replayed_message_names_its_author_like_any_other() {
    let log = start().await;
    send(&log, &said(&now_ts(1), "hello", json!({"team": "T1"}))).await;
    let mut late = said(&now_ts(2), &"y".repeat(300_000), json!({"user_team": "T1"}));
    late["team_id"] = "T9".into();
    assert_eq!(send(&log, &late).await.status, 413);
    let letter = letter(&log).await;
    let mut message = letter["body"].clone();
    message["message"] = "short".into();
    let path = format!(
        "/v1/dead-letters/{}/replay",
        letter["id"].as_str().expect("an id")
    );
    let reply = log.app.post(&path, json!({"message": message})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let page = log.get("/v1/robeings/sales/messages").await;
    let people = texts(&page, "user_id");
    assert!(
        people[0] == people[1] && !people[0].is_empty(),
        "{people:?}"
    );
}

#[tokio::test]
async fn a_dead_letter_keeps_what_the_robeing_leaves_unmasked() {
    let log = start().await;
    let set = "insert into robeing.settings (id, robeing_id, system_settings, system_revision)
               values (gen_random_uuid(), 'sales', '{\"unmasked\": [\"email\"]}', 1)";
    log.database
        .client()
        .await
        .batch_execute(set)
        .await
        .expect("settings");
    let text = "kim@example.com 010-1234-5678 900101-1234568";
    let mut event = said(&now_ts(1), text, json!({}));
    event["event"]["user"] = json!({"id": "U1"});
    assert_eq!(send(&log, &event).await.status, 400);
    let kept = &letter(&log).await["body"]["metadata"]["event"]["text"];
    assert_eq!(kept, "kim@example.com [PHONE_1] [RRN]");
}

#[tokio::test]
async fn a_dead_letter_that_became_a_message_is_emptied_when_the_message_is_edited() {
    let log = start().await;
    let ts = now_ts(1);
    let mut event = said(&ts, "narwhal", json!({}));
    event["event"]["user"] = json!({"id": "U1"});
    assert_eq!(send(&log, &event).await.status, 400);
    let id = letter(&log).await["id"].as_str().expect("an id").to_owned();
    let reply = log
        .app
        .post(
            &format!("/v1/dead-letters/{id}/replay"),
            corrected("narwhal"),
        )
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    roll_up(&log).await;
    assert_eq!(
        letter(&log).await["body"]["metadata"]["event"]["text"],
        "narwhal"
    );

    // An agent's edit, under which the letter has another key, would not discard it.
    let client = log.database.client().await;
    let other_key = "update conversation.dead_letter set key = gen_random_uuid()";
    client.batch_execute(other_key).await.expect("a letter");
    send(&log, &edited(&ts, &now_ts(5), "walrus")).await;
    roll_up(&log).await;
    let emptied = letter(&log).await;
    assert_eq!(
        (&emptied["body"], &emptied["message_id"]),
        (&Value::Null, &Value::Null)
    );
    assert!(emptied["erased_at"].is_string());
    assert!(!log.dump().await.contains("narwhal"));
}

#[tokio::test]
async fn an_emptied_dead_letter_is_listed_only_on_request() {
    let log = start().await;
    let ts = now_ts(1);
    send(&log, &said(&ts, &too_long(), json!({}))).await;
    let listed = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&listed, "source"), ["slack"]);
    assert_eq!(listed["items"][0]["erased_at"], Value::Null);
    send(&log, &edited(&ts, &now_ts(5), "short")).await;
    for (query, sources) in [
        ("", &[][..]),
        ("?replayed=true", &[]),
        ("?include=erased", &["slack"]),
    ] {
        let listed = log.get(&format!("/v1/dead-letters{query}")).await;
        assert_eq!(texts(&listed, "source"), sources, "{query}");
    }
    let unknown = log.app.get("/v1/dead-letters?include=all").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("`erased`"), "{unknown:?}");
}

#[tokio::test]
async fn a_replayed_edit_that_answers_another_robeings_row_is_refused() {
    let log = start().await;
    let theirs = log
        .stored(json!({"robeing_id": "other", "message": "in private"}))
        .await;
    let ts = now_ts(1);
    send(&log, &said(&ts, "as it was", json!({}))).await;
    let edit = edited(&ts, &now_ts(5), &too_long());
    assert_eq!(send(&log, &edit).await.status, 413);
    let path = format!(
        "/v1/dead-letters/{}/replay",
        letter(&log).await["id"].as_str().expect("an id")
    );
    let mut message = corrected("as it is now");
    message["message"]["reply_to"] = theirs.into();
    let reply = log.app.post(&path, message).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    assert!(
        reply.text().contains("reply_to names no message"),
        "{reply:?}"
    );
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["as it was"]);
}

#[tokio::test]
async fn an_edit_that_cannot_be_stored_after_a_replay_is_listed_again() {
    let log = start().await;
    let ts = now_ts(1);
    let mut event = said(&ts, "as it was", json!({}));
    event["event"]["user"] = json!({"id": "U1"});
    assert_eq!(send(&log, &event).await.status, 400);
    let id = letter(&log).await["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/dead-letters/{id}/replay");
    let replayed = log.app.post(&path, corrected("as it was")).await;
    assert_eq!(replayed.status, 200, "{replayed:?}");
    // A redelivery has nothing new.
    assert_eq!(send(&log, &event).await.status, 400);
    let listed = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&listed, "id"), Vec::<String>::new());

    let edit = edited(&ts, &now_ts(5), &too_long());
    assert_eq!(send(&log, &edit).await.status, 413);
    let listed = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&listed, "id"), [id]);
    assert_eq!(listed["items"][0]["replayed_at"], Value::Null);
    let reply = log.app.post(&path, corrected("as it is now")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["as it is now"]);
    let listed = log.get("/v1/dead-letters").await;
    assert_eq!(texts(&listed, "id"), Vec::<String>::new());
}
