//! Scopes: callers read and write only their robeings, by the statements and by row-level security.

use kit::postgres::database;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::common::app_on;

pub fn tokens() -> String {
    let token = |name: &str, role: &str, robeings: &[&str]| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": robeings}, "sha256": sha256})
    };
    json!([
        token("one", "writer", &["r1"]),
        token("reader", "reader", &["r1", "r2"]),
        token("all", "admin", &["*"]),
        token("none", "writer", &[]),
        token("limited", "admin", &["r1"]),
    ])
    .to_string()
}

#[tokio::test]
async fn a_caller_writes_and_reads_only_robeings_in_their_scope() {
    let database = database().await;
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens())]).await;
    let person = "0190b2a0-0000-7000-8000-000000000001";
    let message =
        |robeing: &str| json!({"robeing_id": robeing, "message": robeing, "user_id": person});
    for (token, robeing, status) in [
        ("one", "r1", 201),
        ("one", "r2", 403),
        ("reader", "r1", 403),
        ("all", "r2", 201),
        ("none", "r1", 403),
    ] {
        let reply = app
            .post("/v1/messages", message(robeing))
            .bearer(token)
            .await;
        assert_eq!(reply.status.as_u16(), status, "{token} {robeing}");
    }
    for (token, status) in [("one", 403), ("limited", 403), ("all", 200)] {
        // It works for every robeing.
        let rolled_up = app.post("/events/message-log", json!({})).bearer(token);
        assert_eq!(rolled_up.await.status, status, "{token}");
    }
    let batch = json!({"items": [message("r1"), message("r2")]});
    let batch = app
        .post("/v1/messages/batch", batch)
        .bearer("one")
        .await
        .json();
    assert_eq!(
        (&batch["items"][0]["status"], &batch["items"][1]["status"]),
        (&json!(201), &json!(403))
    );

    for (token, path, status) in [
        ("one", "/v1/robeings/r1/messages".to_owned(), 200),
        ("one", "/v1/robeings/r2/messages".to_owned(), 403),
        ("one", "/v1/robeings/r3/messages".to_owned(), 403),
        ("one", "/v1/robeings/r1/threads".to_owned(), 200),
        ("one", "/v1/robeings/r2/threads".to_owned(), 403),
        (
            "one",
            format!("/v1/users/{person}/messages?robeing=r2"),
            403,
        ),
    ] {
        assert_eq!(
            app.get(&path).bearer(token).await.status.as_u16(),
            status,
            "{path}"
        );
    }
    for (token, count) in [("one", 2), ("reader", 3), ("all", 3), ("none", 0)] {
        let page = app
            .get(&format!("/v1/users/{person}/messages"))
            .bearer(token)
            .await
            .json();
        assert_eq!(
            page["items"].as_array().map(Vec::len),
            Some(count),
            "{token}"
        );
    }
    assert_eq!(app.get("/v1/robeings/r1/messages").await.status, 401);
}

#[tokio::test]
async fn row_level_security_shows_a_transaction_only_the_robeings_that_it_names() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    for robeing in ["r1", "r2"] {
        app.post(
            "/v1/messages",
            json!({"robeing_id": robeing, "message": "hello"}),
        )
        .await;
    }
    let client = database.unscoped_client().await;
    let seen = async |setting: &str| -> Result<i64, tokio_postgres::Error> {
        client.batch_execute(&format!("begin; {setting}")).await?;
        let row = client
            .query_typed_one("select count(*) from conversation.log", &[])
            .await;
        client.batch_execute("rollback").await?;
        Ok(row?.get(0))
    };
    assert!(
        seen("").await.is_err(),
        "a setting that was never made fails"
    );
    assert_eq!(seen("set local app.robeings = 'r1'").await.unwrap(), 1);
    assert_eq!(
        seen("set local app.robeings = e'r1\\nr2'").await.unwrap(),
        2
    );
    assert_eq!(seen("set local app.robeings = '*'").await.unwrap(), 2);
    assert_eq!(
        seen("").await.unwrap(),
        0,
        "one that was made before is empty"
    );

    let insert = "insert into conversation.log
                      (id, robeing_id, metadata, token_count, source, source_event_id, content, created_at)
                  select (left(id::text, 35) || '0')::uuid, 'r2', '{}', 0, 'http', '', content, now()
                  from conversation.log";
    client
        .batch_execute("begin; set local app.robeings = 'r1'")
        .await
        .unwrap();
    let rejected = client.batch_execute(insert).await.unwrap_err();
    client.batch_execute("rollback; ").await.unwrap();
    assert!(platform::postgres::describe(&rejected).contains("row-level security"));
}

#[tokio::test]
async fn the_id_of_another_robeings_message_can_be_used_as_a_key() {
    let database = database().await;
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens())]).await;
    let theirs = Uuid::now_v7();
    let message = json!({"robeing_id": "r2", "id": theirs, "message": "secret"});
    let stored = app.post("/v1/messages", message).bearer("all").await;
    assert_eq!(stored.status, 201, "{stored:?}");
    let row = stored.json()["id"].clone();

    // The key of the message and the id of its row, each as `id`, as `Idempotency-Key`, and in a batch.
    for id in [theirs.to_string(), row.as_str().expect("an id").to_owned()] {
        let unused = Uuid::now_v7().to_string();
        let mut statuses = Vec::new();
        for id in [&id, &unused] {
            let message = json!({"robeing_id": "r1", "message": "hello"});
            let with_id = json!({"robeing_id": "r1", "message": "other", "id": id});
            let by_key = app
                .post("/v1/messages", message)
                .header("idempotency-key", id)
                .bearer("one")
                .await;
            let by_id = app
                .post("/v1/messages", with_id.clone())
                .bearer("one")
                .await;
            let batch = app
                .post("/v1/messages/batch", json!({"items": [with_id]}))
                .bearer("one")
                .await;
            let in_batch = batch.json()["items"][0]["status"].clone();
            statuses.push((by_key.status, by_id.status, in_batch));
        }
        assert_eq!(
            statuses[0], statuses[1],
            "it tells whether the row is there"
        );
        assert_eq!(statuses[0].0, 201);
    }
}

/// All dead letters that were not replayed.
async fn letters(app: &kit::TestApp) -> Vec<serde_json::Value> {
    let page = app.get("/v1/dead-letters").bearer("all").await.json();
    page["items"].as_array().expect("letters").clone()
}

#[tokio::test]
async fn dead_letters_of_two_robeings_with_the_same_event_id_are_separate() {
    let database = database().await;
    let admin = |name: &str, robeing: &str| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": "admin", "scope": {"robeings": [robeing]}, "sha256": sha256})
    };
    let tokens = json!([admin("all", "*"), admin("one", "r1"), admin("two", "r2")]).to_string();
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens)]).await;
    let event = |robeing: &str, text: &str| {
        json!({
            "specversion": "1.0", "type": "t", "source": "/s", "id": "same",
            "data": {"robeing_id": robeing, "message": text, "confidence": 2},
        })
    };
    for (token, robeing, text, status) in [
        ("one", "r1", "of one", 400),
        ("two", "r2", "of two", 400),
        // Out of scope: it is stored, but not as a dead letter of r1.
        ("two", "r1", "of nobody", 403),
        ("two", "r2", "of two again", 400),
    ] {
        let reply = app
            .post("/events/message-log", event(robeing, text))
            .bearer(token)
            .await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    let all = letters(&app).await;
    let kept = |robeing: serde_json::Value| -> Vec<(String, i64)> {
        all.iter()
            .filter(|letter| letter["robeing_id"] == robeing)
            .map(|letter| {
                let text = letter["body"]["message"].as_str().expect("a text");
                (
                    text.to_owned(),
                    letter["attempts"].as_i64().expect("a count"),
                )
            })
            .collect()
    };
    assert_eq!(kept(json!("r1")), [("of one".to_owned(), 1)]);
    assert_eq!(kept(json!("r2")), [("of two again".to_owned(), 2)]);
    assert_eq!(kept(json!(null)), [("of nobody".to_owned(), 1)]);

    // Each becomes a row of its own robeing when it is replayed, and the others stay.
    let of_one = all
        .iter()
        .find(|letter| letter["robeing_id"] == "r1")
        .expect("a letter");
    let path = format!(
        "/v1/dead-letters/{}/replay",
        of_one["id"].as_str().expect("an id")
    );
    let right = json!({"message": {"robeing_id": "r1", "message": "put right"}});
    assert_eq!(
        app.post(&path, right.clone()).bearer("two").await.status,
        404
    );
    assert_eq!(app.post(&path, right).bearer("one").await.status, 200);
    assert_eq!(letters(&app).await.len(), 2);
}
