//! Apps without a robeing: their events become dead letters, unless there is a default robeing.

use serde_json::{Value, json};

use super::{SECRET, callback, now_ts, said, send};
use crate::common::{Fixture, app_on, start_with, texts};
use crate::memory::roll_up;

const APP: &str = "A0FFV41KK";

/// Accepts events of any app, and maps none.
async fn start() -> Fixture {
    start_with(&[("SLACK_SIGNING_SECRET", SECRET)]).await
}

/// Maps the app to the robeing `sales` from now on.
async fn map(log: &mut Fixture) {
    let robeings = format!(r#"{{"{APP}": "sales"}}"#);
    let settings = [
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", &*robeings),
    ];
    log.app = app_on(&log.database, &settings).await;
}

async fn accept(log: &Fixture, event: &Value) {
    let reply = send(log, event).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.headers.contains_key("x-slack-no-retry"), "{reply:?}");
}

async fn letters(log: &Fixture) -> Vec<Value> {
    let page = log.get("/v1/dead-letters").await;
    page["items"].as_array().expect("items").clone()
}

fn replay(letter: &Value) -> String {
    let id = letter["id"].as_str().expect("an id");
    format!("/v1/dead-letters/{id}/replay")
}

fn changed(ts: &str, text: &str) -> Value {
    let at = now_ts(900);
    let message = json!({"type": "message", "user": "U1", "text": text, "ts": ts, "edited": {"user": "U1", "ts": at}});
    callback(
        json!({"type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": at, "message": message}),
    )
}

fn deleted(ts: &str) -> Value {
    callback(
        json!({"type": "message", "subtype": "message_deleted", "channel": "C024BE91L", "ts": now_ts(901), "deleted_ts": ts}),
    )
}

#[tokio::test]
async fn the_message_of_an_app_without_a_robeing_is_acknowledged_and_kept_as_a_dead_letter() {
    let log = start().await;
    accept(&log, &said(&now_ts(1), "call 010-1234-5678", json!({}))).await;
    assert_eq!(log.rows().await, 0, "no robeing has the name of an app");
    let letters = letters(&log).await;
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!(letter["robeing_id"], Value::Null);
    assert_eq!(letter["body"]["message"], "call [PHONE_1]");
    let reason = letter["reason"].as_str().expect("a reason");
    for part in [APP, "SLACK_ROBEINGS", "SLACK_DEFAULT_ROBEING", "robeing_id"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[tokio::test]
async fn a_replay_stores_the_message_of_an_unmapped_app_once_in_the_robeing_that_it_names() {
    let mut log = start().await;
    let event = said(&now_ts(1), "hello", json!({}));
    accept(&log, &event).await;
    let letter = letters(&log).await.remove(0);
    let path = replay(&letter);
    let unnamed = log.app.post(&path, json!({})).await;
    assert_eq!(unnamed.status, 400);
    assert!(unnamed.text().contains("robeing_id"), "{unnamed:?}");
    let both = json!({"robeing_id": "sales", "message": {"robeing_id": "sales", "message": "x"}});
    assert_eq!(log.app.post(&path, both).await.status, 400);
    for _ in 0..2 {
        let reply = log.app.post(&path, json!({"robeing_id": "sales"})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert!(letters(&log).await.is_empty());
    map(&mut log).await;
    accept(&log, &event).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["hello"]);
    assert_ne!(page["items"][0]["user_id"], Value::Null);
}

#[tokio::test]
async fn a_replay_does_not_move_a_message_to_another_robeing() {
    let mut log = start().await;
    map(&mut log).await;
    let mut event = said(&now_ts(1), "hello", json!({}));
    event["event"]["user"] = json!({"id": "U1"});
    assert_eq!(send(&log, &event).await.status, 400);
    let letter = letters(&log).await.remove(0);
    let reply = log
        .app
        .post(&replay(&letter), json!({"robeing_id": "support"}))
        .await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("has a robeing"), "{reply:?}");
}

#[tokio::test]
async fn two_unmapped_apps_in_one_channel_have_a_dead_letter_each() {
    let log = start().await;
    let event = said(&now_ts(1), "hello", json!({}));
    let mut of_other = event.clone();
    of_other["api_app_id"] = "A2".into();
    let mut of_none = event.clone();
    of_none["api_app_id"] = Value::Null;
    for event in [&event, &of_other, &event, &of_none] {
        accept(&log, event).await;
    }
    let letters = letters(&log).await;
    let attempts: Vec<_> = letters.iter().map(|it| it["attempts"].clone()).collect();
    assert_eq!(attempts, [1, 1, 2]);
}

#[tokio::test]
async fn an_edit_or_a_deletion_empties_the_dead_letter_of_an_unmapped_app() {
    for is_mapped in [false, true] {
        for is_first in [false, true] {
            let mut log = start().await;
            let ts = now_ts(1);
            if !is_first {
                accept(&log, &said(&ts, "narwhal", json!({"user": "U1"}))).await;
            }
            if is_mapped {
                map(&mut log).await;
            }
            accept(&log, &deleted(&ts)).await;
            if is_first {
                accept(&log, &said(&ts, "narwhal", json!({"user": "U1"}))).await;
            }
            let dump = log.dump().await;
            assert!(!dump.contains("narwhal"), "{is_mapped} {is_first}");
        }
    }
    let mut log = start().await;
    let ts = now_ts(1);
    accept(&log, &said(&ts, "narwhal", json!({"user": "U1"}))).await;
    accept(&log, &changed(&ts, "walrus")).await;
    let letters = letters(&log).await;
    assert_eq!(
        texts(&json!({"items": [letters[0]["body"]]}), "message"),
        ["walrus"]
    );
    map(&mut log).await;
    accept(&log, &changed(&ts, "seal")).await;
    let dump = log.dump().await;
    assert!(!dump.contains("narwhal") && !dump.contains("walrus"));
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["seal"]);
}

#[tokio::test]
async fn the_messages_of_unmapped_apps_belong_to_the_default_robeing() {
    let log = start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_DEFAULT_ROBEING", "inbox"),
    ])
    .await;
    let event = said(&now_ts(1), "hello", json!({}));
    let mut of_other = said(&now_ts(2), "hello too", json!({}));
    of_other["api_app_id"] = "A2".into();
    for event in [&event, &of_other] {
        accept(&log, event).await;
    }
    let page = log.get("/v1/robeings/inbox/messages").await;
    assert_eq!(texts(&page, "message"), ["hello too", "hello"]);
    assert!(letters(&log).await.is_empty());
}

#[tokio::test]
async fn an_event_that_arrives_late_does_not_replace_a_newer_edit_in_a_dead_letter() {
    let edited = |at: u32, text: &str| {
        let mut event = changed(&now_ts(1), text);
        event["event"]["ts"] = now_ts(at).into();
        event["event"]["event_ts"] = now_ts(at).into();
        event["event"]["message"]["edited"]["ts"] = now_ts(at).into();
        event
    };
    let mut log = start().await;
    let original = said(&now_ts(1), "original", json!({"user": "U1"}));
    for (attempts, event, kept) in [
        (1, edited(903, "second"), "second"),
        (2, edited(902, "first"), "second"),
        (3, original, "second"),
        (4, edited(904, "third"), "third"),
        (5, edited(903, "second"), "third"),
    ] {
        accept(&log, &event).await;
        let letter = letters(&log).await.remove(0);
        assert_eq!(letter["body"]["message"], kept, "{attempts}");
        assert_eq!(letter["attempts"], attempts);
    }
    let path = replay(&letters(&log).await[0]);
    map(&mut log).await;
    let reply = log.app.post(&path, json!({"robeing_id": "sales"})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    accept(&log, &edited(903, "second")).await;
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["third"]);
}

#[tokio::test]
async fn a_dead_letter_is_replayed_into_one_robeing_only() {
    let log = start().await;
    accept(&log, &said(&now_ts(1), "hello", json!({}))).await;
    let path = replay(&letters(&log).await[0]);
    let to = |robeing: &str| json!({ "robeing_id": robeing });
    let with = |robeing: &str| json!({"message": {"robeing_id": robeing, "message": "hello"}});
    for (request, status) in [
        (to("sales"), 200),
        (to("support"), 409),
        (with("support"), 409),
        (to("sales"), 200),
    ] {
        let reply = log.app.post(&path, request.clone()).await;
        assert_eq!(reply.status, status, "{request}: {reply:?}");
        if status == 409 {
            assert!(reply.text().contains("`sales`"), "{reply:?}");
        }
    }
    assert_eq!(log.rows().await, 1);
}

/// Stores the dead letter of the message `ts` in the robeing `sales`. Returns the path of the replay.
async fn replayed(log: &Fixture, ts: &str, text: &str) -> String {
    accept(log, &said(ts, text, json!({"user": "U1"}))).await;
    let path = replay(&letters(log).await[0]);
    let reply = log.app.post(&path, json!({"robeing_id": "sales"})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    path
}

#[tokio::test]
async fn an_edit_or_a_deletion_after_a_replay_applies_to_the_message_in_its_robeing() {
    for mapped_to in [None, Some("sales"), Some("support")] {
        let mut log = start().await;
        let ts = now_ts(1);
        replayed(&log, &ts, "narwhal").await;
        if let Some(robeing) = mapped_to {
            let robeings = format!(r#"{{"{APP}": "{robeing}"}}"#);
            let settings = [
                ("SLACK_SIGNING_SECRET", SECRET),
                ("SLACK_ROBEINGS", &*robeings),
            ];
            log.app = app_on(&log.database, &settings).await;
        }
        accept(&log, &changed(&ts, "walrus")).await;
        let page = log.get("/v1/robeings/sales/messages").await;
        assert_eq!(texts(&page, "message"), ["walrus"], "{mapped_to:?}");
        assert!(letters(&log).await.is_empty(), "{mapped_to:?}");
        accept(&log, &deleted(&ts)).await;
        roll_up(&log).await;
        let dump = log.dump().await;
        for gone in ["narwhal", "walrus"] {
            assert!(!dump.contains(gone), "{mapped_to:?}: {gone}");
        }
        accept(&log, &changed(&ts, "seal")).await;
        assert!(!log.dump().await.contains("seal"), "{mapped_to:?}");
    }
}

#[tokio::test]
async fn an_edit_after_a_replay_that_cannot_be_stored_is_listed_again() {
    let log = start().await;
    let ts = now_ts(1);
    let edited = |at: u32, text: &str| {
        let mut event = changed(&ts, text);
        event["event"]["ts"] = now_ts(at).into();
        event["event"]["message"]["edited"]["ts"] = now_ts(at).into();
        event
    };
    let path = replayed(&log, &ts, "as it was").await;
    for (at, is_emptied) in [(900, false), (902, true)] {
        if is_emptied {
            // An edit that is stored empties the dead letter, but a newer one still needs it.
            accept(&log, &edited(901, "in between")).await;
            assert!(letters(&log).await.is_empty());
        }
        accept(&log, &edited(at, &"x".repeat(300_000))).await;
        let listed = letters(&log).await;
        assert_eq!(listed.len(), 1, "{at}");
        assert_eq!(listed[0]["replayed_at"], Value::Null, "{at}");
        let reason = listed[0]["reason"].as_str().expect("a reason");
        assert!(!reason.contains("SLACK_ROBEINGS"), "{reason}");
        // An older edit that arrives late changes neither.
        accept(&log, &edited(at - 1, "late")).await;
        assert_eq!(letters(&log).await.len(), 1, "{at}");
        let with = |robeing: &str| json!({"message": {"robeing_id": robeing, "channel_id": "C024BE91L", "message": "short"}});
        let elsewhere = log.app.post(&path, with("support")).await;
        assert_eq!(elsewhere.status, 409, "{elsewhere:?}");
        let reply = log.app.post(&path, with("sales")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let page = log.get("/v1/robeings/sales/messages").await;
        assert_eq!(texts(&page, "message"), ["short"], "{at}");
        assert!(letters(&log).await.is_empty(), "{at}");
    }
    assert_eq!(log.rows().await, 1);
}

/// Lets each insert into the log run a statement first.
async fn before_insert(log: &Fixture, statement: &str) {
    log.database
        .run(&format!(
            "create or replace function public.before_insert() returns trigger language plpgsql as
             $$ begin {statement}; return new; end $$;
             create or replace trigger before_insert before insert on conversation.log
             for each row execute function public.before_insert()"
        ))
        .await;
}

#[tokio::test]
async fn of_two_replays_at_once_into_two_robeings_one_is_refused() {
    let log = start().await;
    accept(&log, &said(&now_ts(1), "hello", json!({}))).await;
    let path = replay(&letters(&log).await[0]);
    before_insert(&log, "perform pg_advisory_xact_lock(7)").await;
    let gate = log.database.client().await;
    gate.batch_execute("select pg_advisory_lock(7)")
        .await
        .expect("a lock");
    let first = tokio::spawn({
        let request = log.app.post(&path, json!({"robeing_id": "sales"}));
        async move { request.await }
    });
    let waiting = "select count(*) from pg_locks join pg_database on pg_database.oid = database
                   where locktype = 'advisory' and not granted and datname = current_database()";
    for _ in 0..500 {
        if log.count(waiting).await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(log.count(waiting).await, 1, "the first replay is storing");
    let second = log.app.post(&path, json!({"robeing_id": "support"})).await;
    gate.batch_execute("select pg_advisory_unlock(7)")
        .await
        .expect("an unlock");
    assert_eq!(second.status, 409, "{second:?}");
    let first = first.await.expect("a reply");
    assert_eq!(first.status, 200, "{first:?}");
    let page = log.get("/v1/robeings/sales/messages").await;
    assert_eq!(texts(&page, "message"), ["hello"]);
    assert_eq!(log.rows().await, 1);
}

#[tokio::test]
async fn a_replay_that_was_interrupted_is_listed_and_can_be_repeated_in_the_same_robeing_only() {
    let log = start().await;
    accept(&log, &said(&now_ts(1), "hello", json!({}))).await;
    let path = replay(&letters(&log).await[0]);
    before_insert(&log, "raise exception 'interrupted'").await;
    let to = |robeing: &str| json!({ "robeing_id": robeing });
    let interrupted = log.app.post(&path, to("sales")).await;
    assert!(interrupted.status.is_server_error(), "{interrupted:?}");
    let listed = letters(&log).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["replayed_at"], Value::Null);
    assert_eq!(listed[0]["robeing_id"], "sales");
    before_insert(&log, "null").await;
    for (robeing, status) in [("support", 409), ("sales", 200), ("support", 409)] {
        let reply = log.app.post(&path, to(robeing)).await;
        assert_eq!(reply.status, status, "{robeing}: {reply:?}");
    }
    assert!(letters(&log).await.is_empty());
    assert_eq!(log.rows().await, 1);
}

#[tokio::test]
async fn a_replay_that_is_refused_leaves_the_dead_letter_to_any_robeing() {
    let log = start().await;
    accept(&log, &said(&now_ts(1), "hello", json!({}))).await;
    let path = replay(&letters(&log).await[0]);
    let empty = json!({"message": {"robeing_id": "sales"}});
    let refused = log.app.post(&path, empty).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert_eq!(letters(&log).await[0]["robeing_id"], Value::Null);
    let reply = log.app.post(&path, json!({"robeing_id": "support"})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}
