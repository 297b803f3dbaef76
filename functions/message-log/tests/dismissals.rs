//! Dismissed dead letters: what they keep, who sees them, and what can still happen to them.

use kit::postgres::database;
use kit::{Reply, TestApp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Fixture, app_on, start, start_with, texts};
use crate::slack;

/// An event that is refused, of which `confidence` is the cause.
fn event(robeing: &str, confidence: f64) -> Value {
    json!({"id": "order-1", "robeing_id": robeing, "message": "narwhal", "confidence": confidence})
}

async fn refused(app: &TestApp, robeing: &str) -> String {
    let reply = app
        .post("/events/message-log", event(robeing, 7.0))
        .bearer("all")
        .await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let letters = app.get("/v1/dead-letters").bearer("all").await.json();
    letters["items"][0]["id"]
        .as_str()
        .expect("a dead letter")
        .to_owned()
}

async fn dismiss(app: &TestApp, id: &str, reason: &str, token: &str) -> Reply {
    let path = format!("/v1/dead-letters/{id}/dismiss");
    app.post(&path, json!({ "reason": reason }))
        .bearer(token)
        .await
}

async fn dismissed(log: &Fixture) -> Value {
    log.get("/v1/dead-letters?status=dismissed").await["items"].clone()
}

fn tokens() -> String {
    let admin = |name: &str, role: &str, robeing: &str| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": [robeing]}, "sha256": sha256})
    };
    json!([
        admin("all", "admin", "*"),
        admin("one", "admin", "r1"),
        admin("two", "admin", "r2"),
        admin("writer", "writer", "r1"),
    ])
    .to_string()
}

#[tokio::test]
async fn a_dismissed_dead_letter_keeps_its_id_the_masked_reason_and_who_and_when_but_no_content() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    let reply = dismiss(&log.app, &id, " a test, says kim@example.com ", "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let dismissal = reply.json();
    assert_eq!(dismissal["id"], id.as_str());
    assert_eq!(dismissal["reason"], "a test, says [EMAIL_1]");
    assert!(dismissal["dismissed_by"].is_string() && dismissal["dismissed_at"].is_string());

    let listed = dismissed(&log).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let letter = &listed[0];
    for field in ["id", "reason", "dismissed_by", "dismissed_at"] {
        assert_eq!(letter[field], dismissal[field], "{field}");
    }
    assert_eq!(
        (&letter["body"], &letter["source_event_id"]),
        (&Value::Null, &json!(""))
    );
    let dump = log.dump().await;
    for gone in ["narwhal", "order-1", "kim@example.com"] {
        assert!(!dump.contains(gone), "{gone}");
    }
}

#[tokio::test]
async fn dismissed_dead_letters_are_listed_only_by_their_status() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    let reply = log.app.post("/events/message-log", event("r2", 7.0)).await;
    assert_eq!(reply.status, 400);
    assert_eq!(dismiss(&log.app, &id, "a test", "").await.status, 200);
    for (query, robeings) in [
        ("", ["r2"]),
        ("?replayed=true&include=erased", ["r2"]),
        ("?status=dismissed", ["r1"]),
        ("?status=dismissed&replayed=true&include=erased", ["r1"]),
    ] {
        let listed = log.get(&format!("/v1/dead-letters{query}")).await;
        assert_eq!(texts(&listed, "robeing_id"), robeings, "{query}");
    }
    let unknown = log.app.get("/v1/dead-letters?status=open").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("`dismissed`"), "{unknown:?}");
}

#[tokio::test]
async fn a_second_dismissal_returns_the_first() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    let first = dismiss(&log.app, &id, "a test", "").await;
    let second = dismiss(&log.app, &id, "another reason", "").await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(first.json(), second.json());
}

#[tokio::test]
async fn a_dismissed_dead_letter_can_not_be_replayed() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    assert_eq!(dismiss(&log.app, &id, "a test", "").await.status, 200);
    let path = format!("/v1/dead-letters/{id}/replay");
    for body in [
        json!({}),
        json!({"message": {"robeing_id": "r1", "message": "narwhal"}}),
    ] {
        let replay = log.app.post(&path, body).await;
        assert_eq!(replay.status, 409, "{replay:?}");
        assert!(
            replay.text().contains("deliver the original again"),
            "{replay:?}"
        );
    }
    assert_eq!(log.rows().await, 0);
}

#[tokio::test]
async fn a_redelivery_does_not_fill_a_dismissed_dead_letter_and_a_corrected_one_is_stored() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    assert_eq!(dismiss(&log.app, &id, "a test", "").await.status, 200);
    assert_eq!(
        log.app
            .post("/events/message-log", event("r1", 7.0))
            .await
            .status,
        400
    );
    let listed = dismissed(&log).await;
    assert_eq!(
        (
            &listed[0]["attempts"],
            &listed[0]["body"],
            &listed[0]["reason"]
        ),
        (&json!(2), &Value::Null, &json!("a test"))
    );
    assert_eq!(log.get("/v1/dead-letters").await["items"], json!([]));
    assert!(!log.dump().await.contains("narwhal"));

    assert_eq!(
        log.app
            .post("/events/message-log", event("r1", 0.7))
            .await
            .status,
        200
    );
    assert_eq!(log.rows().await, 1);
    assert_eq!(dismissed(&log).await[0]["reason"], "a test");
}

#[tokio::test]
async fn a_dead_letter_that_is_stored_or_emptied_is_not_dismissed() {
    let log = start().await;
    let replayed = refused(&log.app, "r1").await;
    let right = json!({"message": {"robeing_id": "r1", "message": "put right"}});
    let reply = log
        .app
        .post(&format!("/v1/dead-letters/{replayed}/replay"), right)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let emptied = refused(&log.app, "r2").await;
    let empty = "update conversation.dead_letter set body = null, erased_at = now() where robeing_id = 'r2'";
    log.database
        .client()
        .await
        .batch_execute(empty)
        .await
        .expect("a letter");
    for (id, why) in [(replayed, "was replayed"), (emptied, "was emptied")] {
        let reply = dismiss(&log.app, &id, "a test", "").await;
        assert_eq!(reply.status, 409, "{reply:?}");
        assert!(reply.text().contains(why), "{reply:?}");
    }
    assert_eq!(dismissed(&log).await, json!([]));
}

#[tokio::test]
async fn only_an_admin_of_its_robeing_dismisses_a_dead_letter() {
    let database = database().await;
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens())]).await;
    let of_one = refused(&app, "r1").await;
    let of_nobody = app
        .post("/events/message-log", json!({"message": "whose?"}))
        .bearer("all");
    assert_eq!(of_nobody.await.status, 400);
    let letters = app.get("/v1/dead-letters").bearer("all").await.json();
    let of_nobody = letters["items"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(letters["items"][0]["robeing_id"], Value::Null);
    for (id, token, status) in [
        (&of_one, "nobody", 401),
        (&of_one, "writer", 403),
        (&of_one, "two", 404),
        (&of_nobody, "one", 404),
        (&of_one, "one", 200),
        (&of_nobody, "all", 200),
    ] {
        let reply = dismiss(&app, id, "a test", token).await;
        assert_eq!(reply.status.as_u16(), status, "{token}: {reply:?}");
    }
    let seen = app
        .get("/v1/dead-letters?status=dismissed")
        .bearer("one")
        .await
        .json();
    assert_eq!(texts(&seen, "dismissed_by"), ["one"]);
}

#[tokio::test]
async fn a_dismissal_needs_a_reason_of_at_most_500_characters() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    let path = format!("/v1/dead-letters/{id}/dismiss");
    for (body, detail) in [
        (json!({}), "reason"),
        (json!({"reason": " \n"}), "reason is empty"),
        (json!({"reason": "a\u{0} test"}), "NUL"),
        (json!({"reason": "곰".repeat(501)}), "at most 500"),
        (json!({"reason": "a test", "by": "me"}), "by"),
    ] {
        let reply = log.app.post(&path, body).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.text().contains(detail), "{reply:?}");
    }
    assert_eq!(
        dismiss(&log.app, &id, &"곰".repeat(500), "").await.status,
        200
    );
}

#[tokio::test]
async fn a_dead_letter_is_not_dismissed_during_its_replay_but_after_one_that_did_not_end() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    for (ago, status) in [("1 second", 409), ("3 minutes", 200)] {
        let claim =
            format!("update conversation.dead_letter set replayed_at = now() - interval '{ago}'");
        let client = log.database.client().await;
        client.batch_execute(&claim).await.expect("a letter");
        let reply = dismiss(&log.app, &id, "a test", "").await;
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
        assert_eq!(reply.text().contains("is being replayed"), status == 409);
    }
    assert_eq!(log.get("/v1/dead-letters").await["items"], json!([]));
}

/// Leaves the dead letter as a replay does that stored the message, but lost its connection before it recorded this.
async fn interrupt_the_replay(log: &Fixture, letter: &str) {
    let claim = format!(
        "update conversation.dead_letter
         set message_id = null, replayed_at = now() - interval '3 minutes'
         where id = '{letter}'"
    );
    let client = log.database.client().await;
    client.batch_execute(&claim).await.expect("a letter");
}

#[tokio::test]
async fn a_dead_letter_whose_replay_stored_the_message_is_not_dismissed_although_the_replay_failed()
{
    let log = start().await;
    for (id, message) in [
        (
            "order-1",
            json!({"robeing_id": "r1", "message": "put right"}),
        ),
        (
            "019abc00-0000-7abc-8000-000000000001",
            json!({"robeing_id": "r1", "message": "put right"}),
        ),
        (
            "019abc00-0000-7abc-8000-000000000002",
            json!({"robeing_id": "r1", "message": "put right", "created_at": "2026-02-01T00:00:00Z"}),
        ),
    ] {
        let mut event = event("r1", 7.0);
        event["id"] = id.into();
        let refusal = log.app.post("/events/message-log", event).await;
        assert_eq!(refusal.status, 400, "{refusal:?}");
        let letters = log.get("/v1/dead-letters").await;
        let letter = letters["items"][0]["id"].as_str().expect("a dead letter");
        let path = format!("/v1/dead-letters/{letter}/replay");
        let stored = log.app.post(&path, json!({ "message": message })).await;
        assert_eq!(stored.status, 200, "{stored:?}");
        interrupt_the_replay(&log, letter).await;

        let reply = dismiss(&log.app, letter, "a test", "").await;
        assert_eq!(reply.status, 409, "{id}: {reply:?}");
        assert!(reply.text().contains("was replayed"), "{id}: {reply:?}");
        assert_eq!(log.get("/v1/dead-letters").await["items"], json!([]));
        let replayed = log.get("/v1/dead-letters?replayed=true").await;
        let of_letter = &replayed["items"][0];
        assert_eq!(
            (&of_letter["id"], &of_letter["message_id"]),
            (&json!(letter), &stored.json()["id"]),
            "{id}"
        );
    }
    assert_eq!(dismissed(&log).await, json!([]));
}

#[tokio::test]
async fn a_dead_letter_whose_key_has_another_message_is_dismissed_also_after_a_replay_that_failed()
{
    let log = start().await;
    let stored = log.app.post("/events/message-log", event("r1", 0.7)).await;
    assert_eq!(stored.status, 200, "{stored:?}");
    let mut other = event("r1", 0.7);
    other["message"] = "walrus".into();
    let refusal = log.app.post("/events/message-log", other).await;
    assert_eq!(refusal.status, 422, "{refusal:?}");
    let letters = log.get("/v1/dead-letters").await;
    let letter = letters["items"][0]["id"].as_str().expect("a dead letter");
    interrupt_the_replay(&log, letter).await;
    let reply = dismiss(&log.app, letter, "a test", "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn the_dead_letter_of_an_edit_is_dismissed_unless_its_replay_stored_the_edit() {
    let log = slack::start().await;
    let ts = slack::now_ts(1);
    let posted = slack::send(&log, &of_slack(&ts, "first")).await;
    assert_eq!(posted.status, 200, "{posted:?}");
    let long = "x".repeat(300_000);
    for (second, is_stored) in [(5, false), (9, true)] {
        let edit = edited(&ts, &slack::now_ts(second), &long);
        assert_eq!(slack::send(&log, &edit).await.status, 413);
        let letters = log.get("/v1/dead-letters").await;
        let letter = letters["items"][0].clone();
        let id = letter["id"].as_str().expect("a dead letter");
        if is_stored {
            let mut message = letter["body"].clone();
            if !message.is_object() {
                message = json!({"robeing_id": letter["robeing_id"], "channel_id": "C024BE91L",
                                 "slack_ts": ts});
            }
            message["message"] = "short".into();
            let path = format!("/v1/dead-letters/{id}/replay");
            let replay = log.app.post(&path, json!({ "message": message })).await;
            assert_eq!(replay.status, 200, "{replay:?}");
        }
        interrupt_the_replay(&log, id).await;
        let reply = dismiss(&log.app, id, "a test", "").await;
        let status = if is_stored { 409 } else { 200 };
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
    }
}

fn of_slack(ts: &str, text: &str) -> Value {
    slack::said(ts, text, json!({}))
}

fn edited(ts: &str, at: &str, text: &str) -> Value {
    let message = json!({"type": "message", "user": "U1", "text": text, "ts": ts, "team": "T1",
                         "edited": {"user": "U1", "ts": at}});
    slack::callback(
        json!({"type": "message", "subtype": "message_changed", "channel": "C024BE91L", "ts": at,
               "event_ts": at, "message": message}),
    )
}

fn deleted(ts: &str) -> Value {
    slack::callback(
        json!({"type": "message", "subtype": "message_deleted", "channel": "C024BE91L",
               "ts": slack::now_ts(9), "event_ts": slack::now_ts(9), "deleted_ts": ts,
               "previous_message": {"type": "message", "user": "U1", "text": "short", "ts": ts}}),
    )
}

#[tokio::test]
async fn a_newer_edit_of_a_dismissed_dead_letter_becomes_another_and_an_older_one_does_not() {
    let log = slack::start().await;
    let too_long = |word: &str| format!("{word} {}", "x".repeat(300_000));
    let ts = slack::now_ts(1);
    let posted = of_slack(&ts, &too_long("first"));
    let edits = [5, 9].map(|at| edited(&ts, &slack::now_ts(at), &too_long("edited")));
    let refuse = async |event: &Value| assert_eq!(slack::send(&log, event).await.status, 413);
    let current = async || log.get("/v1/dead-letters").await["items"].clone();
    refuse(&posted).await;
    let first = current().await[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(dismiss(&log.app, &first, "too long", "").await.status, 200);

    refuse(&edits[1]).await;
    let second = current().await[0]["id"].as_str().expect("an id").to_owned();
    assert_ne!(second, first);
    let reply = dismiss(&log.app, &second, "still too long", "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    for older in [&posted, &edits[0], &edits[1]] {
        refuse(older).await;
        assert_eq!(current().await, json!([]));
    }
    assert_eq!(
        texts(
            &log.get("/v1/dead-letters?status=dismissed").await,
            "reason"
        ),
        ["still too long", "too long"]
    );
}

#[tokio::test]
async fn an_edit_or_a_deletion_leaves_the_record_of_a_dismissal() {
    let log = slack::start().await;
    let ts = slack::now_ts(1);
    let too_long = of_slack(&ts, &"x".repeat(300_000));
    assert_eq!(slack::send(&log, &too_long).await.status, 413);
    let letters = log.get("/v1/dead-letters").await;
    let id = letters["items"][0]["id"].as_str().expect("an id");
    let dismissal = dismiss(&log.app, id, "too long", "").await;
    assert_eq!(dismissal.status, 200, "{dismissal:?}");
    for event in [edited(&ts, &slack::now_ts(5), "short"), deleted(&ts)] {
        assert_eq!(slack::send(&log, &event).await.status, 200);
        let again = dismiss(&log.app, id, "another reason", "").await;
        assert_eq!(again.json(), dismissal.json());
    }
}

#[tokio::test]
async fn text_that_its_sender_deleted_does_not_come_back_after_a_dismissal() {
    let of_app = |robeings: &'static str| {
        [
            ("SLACK_SIGNING_SECRET", slack::SECRET),
            ("SLACK_ROBEINGS", robeings),
        ]
    };
    // A message of a robeing that is too old to have a row, so that its deletion changes nothing else.
    let old = "1355517523.000005".to_owned();
    for (robeings, ts) in [("{}", slack::now_ts(1)), (r#"{"A0FFV41KK": "sales"}"#, old)] {
        let log = start_with(&of_app(robeings)).await;
        let too_long = format!("narwhal {}", "x".repeat(300_000));
        slack::send(&log, &of_slack(&ts, &too_long)).await;
        let letters = log.get("/v1/dead-letters").await;
        let id = letters["items"][0]["id"].as_str().expect("a dead letter");
        let dismissal = dismiss(&log.app, id, "too long", "").await;
        assert_eq!(dismissal.status, 200, "{dismissal:?}");
        assert_eq!(slack::send(&log, &deleted(&ts)).await.status, 200);
        // Slack delivers an edit from before the deletion.
        slack::send(&log, &edited(&ts, &slack::now_ts(5), &too_long)).await;
        let letters = log.get("/v1/dead-letters?include=erased").await;
        assert_eq!(letters["items"], json!([]), "{robeings}");
        assert!(!log.dump().await.contains("narwhal"), "{robeings}");
        let again = dismiss(&log.app, id, "another reason", "").await;
        assert_eq!(again.json(), dismissal.json());
    }
}

#[tokio::test]
async fn the_audit_log_has_a_dismissal_once_and_not_its_reason() {
    let log = start().await;
    let id = refused(&log.app, "r1").await;
    for reason in ["walrus", "walrus again"] {
        assert_eq!(dismiss(&log.app, &id, reason, "").await.status, 200);
    }
    let client = log.database.client().await;
    let rows = client
        .query_typed(
            "select subject, detail::text from people.audit where action = 'dead_letter.dismiss'",
            &[],
        )
        .await
        .expect("the audit log");
    let rows: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [(id, "{}".to_owned())]);
}
