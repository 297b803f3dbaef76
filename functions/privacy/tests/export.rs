//! An export has all data about the subject, live and archived, and nobody else's.

use serde_json::{Value, json};

use crate::common::{Fixture, KIM, LEE, said, start, start_with, tokens};

#[tokio::test]
async fn an_export_has_every_live_and_archived_row_of_a_person_unchanged() {
    let it = start_with(&[("DATABASE_POOL_SIZE", "1")]).await;
    let mut rich = said("r1", KIM, "archived", "2025-08-10");
    rich["response"] = json!([{"type": "text", "content": "in parts"}]);
    rich["channel_id"] = "C1".into();
    rich["intent"] = "ask".into();
    rich["confidence"] = 0.5.into();
    it.stored(rich.clone()).await;
    it.stored(said("r1", LEE, "not mine", "2025-08-10")).await;
    it.roll_up().await;
    let before = it.export(json!({"user_id": KIM})).await;
    it.run().await;
    let after = it.export(json!({"user_id": KIM})).await;
    let fields = [
        "id",
        "robeing_id",
        "source",
        "token_count",
        "confidence",
        "reply_to",
        "channel_id",
        "channel_type",
        "thread_ts",
        "user_id",
        "slack_user_id",
        "message",
        "response",
        "parts",
        "intent",
        "metadata",
        "source_event_id",
    ];
    assert_eq!((before.len(), after.len()), (1, 1));
    for field in fields {
        assert_eq!(before[0][field], after[0][field], "{field}");
    }
    let time = |line: &serde_json::Value| -> jiff::Timestamp {
        line["created_at"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(time(&before[0]), time(&after[0]));
    assert_eq!(after[0]["parts"]["response"][0]["content"], "in parts");

    it.stored(said("r2", KIM, "live", "now")).await;
    let mut texts: Vec<_> = it
        .export(json!({"user_id": KIM}))
        .await
        .iter()
        .map(|it| it["message"].to_string())
        .collect();
    texts.sort();
    assert_eq!(texts, ["\"archived\"", "\"live\""]);
    let of_robeing = it.export(json!({"robeing_id": "r1"})).await;
    let messages = of_robeing
        .iter()
        .filter(|it| it["table"] == "conversation.log")
        .count();
    assert_eq!(messages, 2);
}

#[tokio::test]
async fn an_export_includes_slack_ids_and_dead_letters() {
    let it = start().await;
    it.database
        .run(&format!(
            "insert into conversation.slack_user values ('T1', 'U1', '{KIM}'), ('T1', 'U2', '{LEE}');
             insert into conversation.dead_letter (id, key, source, source_event_id, reason, body)
             values (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e1', 'x', '{{\"slack_user_id\": \"U1\"}}'),
                    (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e2', 'x', '{{\"slack_user_id\": \"U11\"}}')"
        ))
        .await;
    let lines = it.export(json!({"user_id": KIM})).await;
    let tables: Vec<_> = lines
        .iter()
        .map(|it| it["table"].as_str().unwrap())
        .collect();
    assert_eq!(
        tables,
        ["conversation.dead_letter", "conversation.slack_user"]
    );
    assert_eq!(lines[0]["source_event_id"], "e1");
}

#[tokio::test]
async fn an_idempotency_key_returns_the_same_export_and_is_refused_for_another_subject() {
    let it = start().await;
    it.stored(said("r1", KIM, "mine", "now")).await;
    it.stored(said("r1", LEE, "theirs", "now")).await;
    let ask = |user: &str, key: &str| {
        it.app
            .post("/v1/exports", json!({"user_id": user}))
            .header("idempotency-key", key)
    };
    let first = ask(KIM, "k1").await.json();
    assert_eq!(ask(KIM, "k1").await.json()["id"], first["id"]);
    assert_ne!(ask(KIM, "k2").await.json()["id"], first["id"]);
    assert_eq!(ask(LEE, "k1").await.status, 422);
    assert_eq!(
        it.app
            .post(
                "/v1/exports",
                json!({"user_id": "0190b2a0-0000-7000-8000-0000000000ff"})
            )
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_idempotency_key_of_an_expired_export_starts_a_new_one() {
    let it = start().await;
    it.stored(said("r1", KIM, "mine", "now")).await;
    it.stored(said("r1", LEE, "theirs", "now")).await;
    let ask = |user: &str| {
        it.app
            .post("/v1/exports", json!({"user_id": user}))
            .header("idempotency-key", "k1")
    };
    let expire = "update privacy.export set expires_at = now()";
    let first = ask(KIM).await.json();
    it.database.run(expire).await;
    let second = ask(KIM).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.json()["id"], first["id"]);
    it.database.run(expire).await;
    let other = ask(LEE).await;
    assert_eq!(other.status, 200, "{other:?}");
    assert_eq!(it.lines(&other.json()).await.len(), 1);
    // The files of the expired exports went with them.
    assert_eq!(it.objects("exports").len(), 1);
}

#[tokio::test]
async fn a_link_gives_access_to_one_file_until_it_expires() {
    let it = start().await;
    it.stored(said("r1", KIM, "mine", "now")).await;
    let export = it
        .app
        .post("/v1/exports", json!({"user_id": KIM}))
        .await
        .json();
    let url = export["files"][0]["url"].as_str().unwrap();
    assert_eq!(it.app.get(url).await.status, 200);
    let expires = url
        .split("expires=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let later = (expires.parse::<i64>().unwrap() + 1).to_string();
    for wrong in [
        url.replace("file=1", "file=2"),
        url.replace(expires, &later),
        url.replace("signature=", "signature=00"),
        url.split("&signature").next().unwrap().to_owned(),
        "/v1/exports/download".to_owned(),
        format!("{url}&more=1"),
    ] {
        assert_eq!(it.app.get(&wrong).await.status, 401, "{wrong}");
    }
    // After the export has expired, its links return 404, and the next run removes it.
    it.database
        .run("update privacy.export set expires_at = now()")
        .await;
    assert_eq!(it.app.get(url).await.status, 404);
    let id = export["id"].as_str().unwrap();
    assert_eq!(it.app.get(&format!("/v1/exports/{id}")).await.status, 404);
    assert_eq!(it.objects("exports").len(), 1);
    assert_eq!(it.run().await["exports_removed"], 1);
    assert!(it.objects("exports").is_empty());
    assert_eq!(
        it.count("select count(*) from privacy.export_file").await,
        0
    );
}

#[tokio::test]
async fn an_erasure_removes_exports_that_may_hold_the_subject() {
    let it = start().await;
    it.stored(said("r1", KIM, "mine", "now")).await;
    it.stored(said("r1", LEE, "theirs", "now")).await;
    it.export(json!({"user_id": KIM})).await;
    it.export(json!({"robeing_id": "r1"})).await;
    it.export(json!({"user_id": LEE})).await;
    assert_eq!(it.objects("exports").len(), 3);
    it.erase(json!({"user_id": KIM})).await;
    assert_eq!(it.objects("exports").len(), 1);
    assert!(!it.is_anywhere("mine").await);
    assert!(it.is_anywhere("theirs").await);
}

#[tokio::test]
async fn an_erasure_with_a_limited_scope_keeps_exports_of_other_robeings() {
    let it = start_with(&[("AUTH_TOKENS", &tokens())]).await;
    for robeing in ["r1", "r2"] {
        let message = said(robeing, KIM, robeing, "now");
        let reply = it.log.post("/v1/messages", message).bearer("all").await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let of_r2 = it
        .app
        .post("/v1/exports", json!({"robeing_id": "r2"}))
        .bearer("all")
        .await
        .json();
    let erased = it
        .app
        .post("/v1/erasures", json!({"user_id": KIM}))
        .bearer("one")
        .await;
    assert_eq!(erased.status, 200, "{erased:?}");
    let path = format!("/v1/exports/{}", of_r2["id"].as_str().expect("an id"));
    assert_eq!(it.app.get(&path).bearer("all").await.status, 200);
}

const PARK: &str = "0190b2a0-0000-7000-8000-000000000003";

/// The texts of an export, in order.
async fn exported(it: &Fixture, subject: Value) -> Vec<String> {
    let lines = it.export(subject).await;
    let messages = lines.iter().filter_map(|it| it["message"].as_str());
    let letters = lines.iter().filter_map(|it| it["source_event_id"].as_str());
    let letters = letters.filter(|id| id.starts_with("letter"));
    let mut texts: Vec<String> = messages.chain(letters).map(str::to_owned).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn an_export_has_no_row_that_may_be_another_persons_and_an_erasure_takes_it() {
    for is_archived in [false, true] {
        let it = start().await;
        it.database
            .run(&format!(
                "insert into conversation.slack_user values
                     ('T1', 'U1', '{KIM}'), ('T1', 'U9', '{KIM}'), ('T2', 'U1', '{LEE}');
                 insert into conversation.dead_letter (id, key, source, source_event_id, reason, body)
                 values (gen_random_uuid(), gen_random_uuid(), 'sqs', 'letter of kim', 'x', '{{\"slack_user_id\": \"U9\"}}'),
                        (gen_random_uuid(), gen_random_uuid(), 'sqs', 'letter of kim or lee', 'x', '{{\"slack_user_id\": \"U1\"}}'),
                        (gen_random_uuid(), gen_random_uuid(), 'sqs', 'letter of park', 'x',
                         '{{\"user_id\": \"{PARK}\", \"slack_user_id\": \"U9\"}}')"
            ))
            .await;
        for (text, user, slack_user) in [
            ("kim", Some(KIM), Some("U1")),
            ("kim in slack", None, Some("U9")),
            ("kim or lee", None, Some("U1")),
            ("lee", Some(LEE), Some("U1")),
            // Its sender names two people.
            ("park", Some(PARK), Some("U9")),
        ] {
            let mut message = said("r1", KIM, text, "2025-08-10");
            message["user_id"] = json!(user);
            message["slack_user_id"] = json!(slack_user);
            it.stored(message).await;
        }
        if is_archived {
            it.roll_up().await;
            it.run().await;
        }
        let of = |id: &'static str| exported(&it, json!({"user_id": id}));
        assert_eq!(of(KIM).await, ["kim", "kim in slack", "letter of kim"]);
        assert_eq!(of(LEE).await, ["lee"]);
        assert_eq!(of(PARK).await, ["letter of park", "park"]);
        it.erase(json!({"user_id": KIM})).await;
        for text in ["kim in slack", "kim or lee", "letter of kim", "park"] {
            assert!(!it.is_anywhere(text).await, "{is_archived}: {text}");
        }
        assert_eq!(of(LEE).await, ["lee"]);
    }
}

#[tokio::test]
async fn an_export_by_a_slack_id_that_several_people_have_is_refused() {
    let it = start().await;
    it.database
        .run(&format!(
            "insert into conversation.slack_user values ('T1', 'U1', '{KIM}'), ('T2', 'U1', '{LEE}')"
        ))
        .await;
    it.stored(said("r1", KIM, "kim", "now")).await;
    let refused = it
        .app
        .post("/v1/exports", json!({"slack_user_id": "U1"}))
        .await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("`user_id`"), "{refused:?}");
}

#[tokio::test]
async fn a_slack_id_that_agents_pair_with_one_user_id_is_that_persons_in_an_export() {
    let it = start().await;
    let say = async |text: &str, user: Option<&str>, slack_user: &str| {
        let mut message = said("r1", KIM, text, "now");
        message["user_id"] = json!(user);
        message["slack_user_id"] = json!(slack_user);
        it.stored(message).await;
    };
    say("with both ids", Some(KIM), "U5").await;
    say("with one id", None, "U5").await;
    say("another user id", Some(LEE), "U6").await;
    let by_slack_id = exported(&it, json!({"slack_user_id": "U5"})).await;
    assert_eq!(by_slack_id, ["with both ids", "with one id"]);
    say("also with U5", Some(LEE), "U5").await;
    let by_slack_id = exported(&it, json!({"slack_user_id": "U5"})).await;
    assert_eq!(by_slack_id, [""; 0]);
    assert_eq!(
        exported(&it, json!({"user_id": KIM})).await,
        ["with both ids"]
    );
}
