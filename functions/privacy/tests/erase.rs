//! An erasure covers the log, the data derived from it, and the archive.

use kit::TestApp;
use serde_json::{Value, json};

use crate::common::{Fixture, KIM, LEE, said, start, start_with, tokens};

/// Live and archived data about two people; with one connection, as on Lambda.
async fn filled() -> Fixture {
    let it = start_with(&[("DATABASE_POOL_SIZE", "1")]).await;
    for (user, name) in [(KIM, "kim"), (LEE, "lee")] {
        it.stored(said("r1", user, &format!("{name} archived"), "2025-08-10"))
            .await;
    }
    it.roll_up().await;
    it.run().await;
    for (user, name) in [(KIM, "kim"), (LEE, "lee")] {
        let mut message = said("r1", user, &format!("{name} 010-1234-5678 mine?"), "now");
        message["thread_ts"] = name.into();
        it.stored(message).await;
        it.stored(said("r1", user, "shared question?", "now"))
            .await
            .clear();
    }
    it.roll_up().await;
    it
}

#[tokio::test]
async fn a_person_is_erased_everywhere_and_nobody_else_is() {
    let it = filled().await;
    let before = it.live_ids().await;
    let erasure = it.erase(json!({"user_id": KIM})).await;
    assert_eq!(erasure["status"], "done");
    let erased = &erasure["receipt"]["body"]["erased"];
    for (what, rows) in [
        ("conversation.log", 2),
        ("conversation.search", 2),
        ("conversation.question", 2),
        ("conversation.placeholder", 1),
        ("privacy.person_key", 1),
        ("archive, rows", 1),
        ("archive, files", 1),
    ] {
        assert_eq!(erased[what], rows, "{what} in {erased}");
    }
    for text in ["kim", KIM] {
        assert!(!it.is_anywhere(text).await, "{text}");
    }
    for text in ["lee archived", "lee [PHONE_1] mine", LEE, "shared question"] {
        assert!(it.is_anywhere(text).await, "{text}");
    }
    // A question of both people has one left; message counts stay.
    assert_eq!(
        it.count("select asked from conversation.question where question like 'shared%'")
            .await,
        1
    );
    assert_eq!(
        it.count("select sum(messages)::int8 from conversation.activity")
            .await,
        6
    );
    assert_eq!(it.live_ids().await, before);
    let found = it.log.get("/v1/robeings/r1/search?q=mine").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let history = it
        .log
        .get(&format!("/v1/users/{KIM}/messages"))
        .await
        .json();
    assert_eq!(history["items"], json!([]));
}

#[tokio::test]
async fn repeating_a_request_returns_the_same_erasure_and_unknown_subjects_return_404() {
    let it = filled().await;
    let first = it.erase(json!({"user_id": KIM})).await;
    let again = it.erase(json!({"user_id": KIM})).await;
    assert_eq!(first, again);
    let found = it
        .app
        .get(&format!("/v1/erasures/{}", first["id"].as_str().unwrap()))
        .await;
    assert_eq!(found.json(), first);

    for unknown in [
        json!({"user_id": "0190b2a0-0000-7000-8000-0000000000ff"}),
        json!({"slack_user_id": "U404"}),
        json!({"robeing_id": "nobody"}),
    ] {
        let reply = it.app.post("/v1/erasures", &unknown).await;
        assert_eq!(reply.status, 404, "{reply:?}");
    }
    // A new message of the same person starts a new erasure.
    it.stored(said("r1", KIM, "kim again", "now")).await;
    let second = it.erase(json!({"user_id": KIM})).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!(second["receipt"]["body"]["erased"]["conversation.log"], 1);
}

#[tokio::test]
async fn a_request_without_exactly_one_subject_id_is_refused_with_an_explanation() {
    let it = start().await;
    for body in [
        json!({}),
        json!({"user_id": KIM, "robeing_id": "r1"}),
        json!({"slack_user_id": ""}),
        json!({"user_id": "kim"}),
        json!({"person": "kim"}),
    ] {
        for path in ["/v1/erasures", "/v1/exports"] {
            let reply = it.app.post(path, &body).await;
            assert_eq!(reply.status, 400, "{reply:?}");
        }
    }
    let detail = it.app.post("/v1/erasures", json!({})).await.json();
    assert!(
        detail["detail"].as_str().unwrap().contains("user_id"),
        "{detail}"
    );
}

#[tokio::test]
async fn redelivering_an_event_does_not_restore_an_erased_message() {
    let it = start().await;
    // An idempotency key with a time, one in the ledger, and one from a queue.
    let v7 = uuid::Uuid::now_v7().to_string();
    let by_time = json!({"robeing_id": "r1", "user_id": KIM, "message": "by time", "id": v7});
    let by_ledger = said("r1", KIM, "by ledger", "now");
    let queued = json!({"Records": [{"messageId": "m1", "eventSource": "aws:sqs",
        "attributes": {"SentTimestamp": jiff::Timestamp::now().as_millisecond().to_string()},
        "body": json!({"robeing_id": "r1", "user_id": KIM, "message": "by queue"}).to_string()}]});
    let id = it.stored(by_time.clone()).await;
    it.stored(by_ledger.clone()).await;
    it.log.invoke(&queued).await.expect("an answer");
    assert_eq!(it.live_ids().await.len(), 3);

    it.erase(json!({"user_id": KIM})).await;

    let again = it.post(by_time).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["id"]),
        (200, &json!(id))
    );
    assert_eq!(it.post(by_ledger).await.status, 200);
    it.log.invoke(&queued).await.expect("an answer");
    assert_eq!(it.live_ids().await.len(), 3);
    for text in ["by time", "by ledger", "by queue", KIM] {
        assert!(!it.is_anywhere(text).await, "{text}");
    }
    assert_eq!(
        it.count("select count(*) from conversation.dead_letter")
            .await,
        0
    );
    // A new event of the person is a new message.
    assert_eq!(it.post(said("r1", KIM, "anew", "now")).await.status, 201);
}

#[tokio::test]
async fn replaying_or_redelivering_an_erased_dead_letter_does_not_restore_it() {
    let it = start().await;
    let event = json!({"Records": [{"messageId": "m1", "eventSource": "aws:sqs",
        "body": json!({"robeing_id": "r1", "user_id": KIM, "message": "refused", "confidence": 7}).to_string()}]});
    it.log.invoke(&event).await.expect("an answer");
    let letters = it.log.get("/v1/dead-letters").await.json();
    let id = letters["items"][0]["id"]
        .as_str()
        .expect("a dead letter")
        .to_owned();
    assert!(it.is_anywhere("refused").await);

    let erasure = it.erase(json!({"user_id": KIM})).await;
    assert_eq!(erasure["erased"]["conversation.dead_letter"], 1);
    assert!(!it.is_anywhere("refused").await);
    for body in [
        json!({}),
        json!({"message": {"robeing_id": "r1", "message": "refused"}}),
    ] {
        let replay = it
            .log
            .post(&format!("/v1/dead-letters/{id}/replay"), body)
            .await;
        assert_eq!(replay.status, 409, "{replay:?}");
    }
    it.log.invoke(&event).await.expect("an answer");
    assert!(!it.is_anywhere("refused").await);
    assert!(!it.is_anywhere(KIM).await);
}

#[tokio::test]
async fn responses_to_a_person_are_erased_with_their_messages() {
    let it = start().await;
    let asked = it
        .stored(
            json!({"robeing_id": "r1", "user_id": KIM, "message": "my secret", "thread_ts": "t"}),
        )
        .await;
    it.stored(json!({"robeing_id": "r1", "response": "you said secret", "thread_ts": "t"}))
        .await;
    it.stored(json!({"robeing_id": "r1", "user_id": LEE, "message": "lee quotes a secret", "reply_to": asked})).await;
    assert_eq!(it.export(json!({"user_id": KIM})).await.len(), 2);
    let erasure = it.erase(json!({"user_id": KIM})).await;
    assert_eq!(erasure["erased"]["conversation.log"], 2);
    assert!(!it.is_anywhere("you said").await);
    assert!(it.is_anywhere("lee quotes").await);
}

#[tokio::test]
async fn a_slack_user_is_erased_by_either_id_and_namesakes_of_a_user_id_stay() {
    for subject in ["user_id", "slack_user_id"] {
        let it = start().await;
        it.database
            .run(&format!(
                "insert into conversation.slack_user values ('T1', 'U1', '{KIM}'), ('T2', 'U2', '{KIM}'), ('T3', 'U1', '{LEE}')"
            ))
            .await;
        for (n, user, slack) in [
            (0, Some(KIM), Some("U1")),
            (1, None, Some("U2")),
            (2, Some(KIM), None),
            (3, None, Some("U1")),
            (4, Some(LEE), Some("U1")),
            // A person with a former user id.
            (5, Some("0190b2a0-0000-7000-8000-0000000000aa"), Some("U2")),
        ] {
            it.stored(json!({"robeing_id": "r1", "message": format!("number {n}"), "user_id": user, "slack_user_id": slack})).await;
        }
        let (body, left) = match subject {
            "user_id" => (json!({"user_id": KIM}), vec!["number 4"]),
            // A Slack id without its team includes its users in all teams.
            _ => (json!({"slack_user_id": "U1"}), vec![]),
        };
        let erasure = it.erase(body).await;
        assert_eq!(erasure["erased"]["conversation.log"], 6 - left.len());
        for n in 0..6 {
            let text = format!("number {n}");
            assert_eq!(
                it.is_anywhere(&text).await,
                left.contains(&text.as_str()),
                "{subject}: {text}"
            );
        }
        let names = it
            .count("select count(*) from conversation.slack_user")
            .await;
        assert_eq!(names, left.len() as i64);
    }
}

#[tokio::test]
async fn erasing_a_robeing_erases_its_messages_with_every_person() {
    let it = filled().await;
    it.stored(said("r2", KIM, "kim elsewhere", "now")).await;
    let erasure = it.erase(json!({"robeing_id": "r1"})).await;
    assert_eq!(erasure["erased"]["conversation.log"], 4);
    assert_eq!(erasure["erased"]["archive, rows"], 2);
    for text in ["lee", "mine", "shared question", "archived"] {
        assert!(!it.is_anywhere(text).await, "{text}");
    }
    assert!(it.is_anywhere("kim elsewhere").await);
    it.roll_up().await;
    assert_eq!(
        it.count("select count(*) from conversation.activity where robeing_id = 'r1'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_admin_with_a_limited_scope_erases_and_reads_only_within_it() {
    let it = start_with(&[("AUTH_TOKENS", &tokens())]).await;
    let say = |robeing: &'static str, text: &'static str, day: &'static str| {
        let message = said(robeing, KIM, text, day);
        let request = it.log.post("/v1/messages", message).bearer("all");
        async move { assert_eq!(request.await.status, 201) }
    };
    say("r1", "in scope", "2025-08-10").await;
    say("r2", "out of scope", "2025-08-10").await;
    let open = "select count(*) from conversation.log where xid >= (select xid from conversation.watermark)";
    while it.count(open).await > 0 {
        let rolled = it.log.post("/events/message-log", json!({})).bearer("all");
        assert_eq!(rolled.await.status, 200);
    }
    it.count_stats().await;
    let run = it
        .app
        .post("/events/privacy", json!({}))
        .bearer("all")
        .await;
    assert_eq!(run.json()["archived"][0]["rows"], 2, "{run:?}");
    say("r2", "live out of scope", "now").await;

    let ask =
        |app: &TestApp, token: &str, path: &str, body: Value| app.post(path, body).bearer(token);
    for (token, body, status) in [
        ("writer", json!({"user_id": KIM}), 403),
        ("one", json!({"robeing_id": "r2"}), 403),
        ("one", json!({"user_id": LEE}), 404),
    ] {
        for path in ["/v1/erasures", "/v1/exports"] {
            assert_eq!(
                ask(&it.app, token, path, body.clone())
                    .await
                    .status
                    .as_u16(),
                status,
                "{token} {path} {body}"
            );
        }
    }
    let export = ask(&it.app, "one", "/v1/exports", json!({"user_id": KIM})).await;
    assert_eq!(export.status, 200, "{export:?}");
    let lines = it.lines(&export.json()).await;
    assert_eq!((lines.len(), &lines[0]["message"]), (1, &json!("in scope")));

    let erasure = ask(&it.app, "one", "/v1/erasures", json!({"user_id": KIM})).await;
    assert_eq!(erasure.status, 200, "{erasure:?}");
    assert_eq!(erasure.json()["erased"]["archive, rows"], 1);
    assert!(!it.is_anywhere("in scope").await);
    assert!(it.is_anywhere("live out of scope").await);

    // The daily work is that of all robeings.
    let daily = ask(&it.app, "one", "/events/privacy", json!({})).await;
    assert_eq!(daily.status, 403, "{daily:?}");
    // An erasure of all robeings is not visible to an admin with a limited scope.
    let whole = ask(&it.app, "all", "/v1/erasures", json!({"user_id": KIM}))
        .await
        .json();
    let path = format!("/v1/erasures/{}", whole["id"].as_str().unwrap());
    assert_eq!(it.app.get(&path).bearer("one").await.status, 404);
    assert_eq!(it.app.get(&path).bearer("all").await.status, 200);
    assert_eq!(it.app.get(&path).bearer("writer").await.status, 403);
    assert!(!it.is_anywhere("live out of scope").await);
}

#[tokio::test]
async fn a_transaction_sees_only_the_keys_of_robeings_in_its_scope() {
    let it = start().await;
    it.stored(said("r1", KIM, "a", "2025-08-10")).await;
    it.stored(said("r2", KIM, "b", "2025-08-10")).await;
    it.roll_up().await;
    it.run().await;
    let client = it.database.unscoped_client().await;
    let count = "select count(*) from privacy.person_key";
    for (robeings, rows) in [("*", 2), ("r1", 1), ("r3", 0), ("", 0)] {
        client
            .batch_execute(&format!("begin; set local app.robeings = '{robeings}'"))
            .await
            .unwrap();
        let row = client.query_typed_one(count, &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), rows, "{robeings}");
        client.batch_execute("rollback").await.unwrap();
    }
    let unset = client.query_typed_one(count, &[]).await;
    assert!(unset.is_err() || unset.unwrap().get::<_, i64>(0) == 0);
}

#[tokio::test]
async fn an_erasure_empties_the_reason_of_a_dismissal_that_names_the_person() {
    let it = start().await;
    let event = json!({"id": "e1", "robeing_id": "r1", "message": "refused", "confidence": 7});
    let reply = it.log.post("/events/message-log", event).await;
    assert_eq!(reply.status, 400, "{reply:?}");
    let letters = it.log.get("/v1/dead-letters").await.json();
    let id = letters["items"][0]["id"].as_str().expect("a dead letter");
    let reason = json!({"reason": format!("a test of {KIM}")});
    let reply = it
        .log
        .post(&format!("/v1/dead-letters/{id}/dismiss"), reason)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(it.is_anywhere(KIM).await);

    let erasure = it.erase(json!({"user_id": KIM})).await;
    assert_eq!(erasure["erased"]["conversation.dead_letter"], 1);
    assert!(!it.is_anywhere("a test of").await);
    let listed = it.log.get("/v1/dead-letters?status=dismissed").await.json();
    assert_eq!(listed["items"][0]["id"], id);
    assert_eq!(listed["items"][0]["reason"], "erased");
    assert!(listed["items"][0]["dismissed_at"].is_string());
}
