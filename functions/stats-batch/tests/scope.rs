//! Scopes: callers read and write only their robeings, by the statements and by row-level security.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::common::{app_on, start};

fn tokens() -> String {
    let token = |name: &str, role: &str, robeings: &[&str]| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": robeings}, "sha256": sha256})
    };
    json!([
        token("writer", "writer", &["r1"]),
        token("reader", "reader", &["r1", "r2"]),
        token("admin", "admin", &["*"]),
        token("none", "admin", &[]),
    ])
    .to_string()
}

#[tokio::test]
async fn a_caller_reads_and_writes_only_robeings_in_their_scope() {
    let it = start().await;
    for robeing in ["r1", "r2", "r3"] {
        it.say(robeing, "2026-11-02T10:00:00Z", 1).await;
    }
    it.roll_up().await;
    let app = app_on(&it.database, &[("AUTH_TOKENS", &tokens())]).await;
    let task = json!({"task_type": "coding", "difficulty": 1, "outcome": "success"});
    for (token, robeing, status) in [
        ("writer", "r1", 201),
        ("writer", "r2", 403),
        ("reader", "r1", 403),
        ("none", "r1", 403),
    ] {
        let path = format!("/v1/robeings/{robeing}/tasks");
        let reply = app.post(&path, &task).bearer(token).await;
        assert_eq!(reply.status.as_u16(), status, "{token} {robeing}");
    }
    for (token, count) in [("writer", 1), ("reader", 2), ("admin", 3), ("none", 0)] {
        let page = app.get("/v1/robeings").bearer(token).await.json();
        assert_eq!(
            page["items"].as_array().map(Vec::len),
            Some(count),
            "{token}"
        );
    }
    for path in ["stats", "growth"] {
        for (token, robeing, status) in [
            ("writer", "r1", 200),
            ("writer", "r2", 403),
            ("none", "r1", 403),
        ] {
            let reply = app
                .get(&format!("/v1/robeings/{robeing}/{path}"))
                .bearer(token)
                .await;
            assert_eq!(reply.status.as_u16(), status, "{token} {robeing}");
        }
    }
    for (token, status) in [("writer", 403), ("none", 403), ("admin", 200)] {
        let rolled_up = app.post("/events/stats-batch", json!({})).bearer(token);
        assert_eq!(rolled_up.await.status, status, "{token}");
    }
    assert_eq!(app.get("/v1/robeings").await.status, 401);
}

#[tokio::test]
async fn row_level_security_shows_a_transaction_only_the_robeings_that_it_names() {
    let it = start().await;
    it.say("r1", "2026-11-02T10:00:00Z", 5).await;
    it.say("r2", "2026-11-02T10:00:00Z", 5).await;
    for _ in 0..500 {
        let reply = it.app.post("/events/stats-batch", json!({})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        if it.stats("r2").await["total_conversations"] == 5 {
            break;
        }
    }
    let read = it.app.get("/v1/robeings/r1/stats").await.json();
    assert_eq!(read["total_conversations"], 5);
    it.is_as_recounted().await;

    let client = it.database.unscoped_client().await;
    for table in ["stats", "growth"] {
        for (setting, count) in [("r1", 1), ("r3", 0), ("*", 2)] {
            client
                .batch_execute(&format!("begin; set local app.robeings = '{setting}'"))
                .await
                .unwrap();
            let sql = format!("select count(*) from robeing.{table}");
            let seen: i64 = client.query_typed_one(&sql, &[]).await.unwrap().get(0);
            client.batch_execute("rollback").await.unwrap();
            assert_eq!(seen, count, "{table} {setting}");
        }
    }
}
