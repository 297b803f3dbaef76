//! Robeings across functions, on `metasync`: messages, tasks, levels and settings.

use std::path::Path;

use kit::TestApp;
use kit::postgres::database;
use serde_json::{Value, json};

async fn roll_up(app: &TestApp) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/metasync/stats-batch.json");
    let event: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let result = app.invoke(&event).await.unwrap();
    serde_json::from_str(result.get()).unwrap()
}

#[tokio::test]
async fn messages_and_tasks_raise_the_level_of_a_robeing() {
    let database = database().await;
    let warehouse = tempfile::tempdir().unwrap();
    let app = TestApp::with_env(database.env())
        .named("metasync")
        .set("MASKING_KEY", "07".repeat(32))
        .set("PRIVACY_KEY", "08".repeat(32))
        .set(
            "WAREHOUSE_URL",
            format!("file://{}", warehouse.path().display()),
        )
        .start(metasync::app)
        .await;
    let message =
        json!({"robeing_id": "r1", "thread_ts": "t", "message": "환불 되나요", "response": "네"});
    assert_eq!(app.post("/v1/messages", message).await.status, 201);
    let task = json!({"task_type": "research", "difficulty": 10, "outcome": "success", "idempotency_key": "k"});
    for _ in 0..2 {
        let reply = app.post("/v1/robeings/r1/tasks", &task).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    let mut rows = 0;
    for _ in 0..500 {
        rows += roll_up(&app).await["rows"].as_i64().unwrap();
        if rows == 2 {
            break;
        }
    }
    let stats = app.get("/v1/robeings/r1/stats").await.json();
    assert_eq!(
        (&stats["experience"], &stats["level"]),
        (&json!(121), &json!(2))
    );
    assert_eq!(
        (&stats["memory_stat"], &stats["total_conversations"]),
        (&json!(13), &json!(1))
    );

    let reply = app
        .put("/v1/robeings/r1/settings/system/unmasked", json!(["phone"]))
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let message = json!({"robeing_id": "r1", "message": "010-1234-5678, 900101-1234567"});
    app.post("/v1/messages", message).await;
    let history = app.get("/v1/robeings/r1/messages?limit=1").await.json();
    assert_eq!(history["items"][0]["message"], "010-1234-5678, [RRN]");

    let document = app.get("/openapi.json").await.json();
    for path in [
        "/v1/robeings",
        "/v1/robeings/{id}/tasks",
        "/v1/robeings/{id}/settings/{category}/{key}",
    ] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[tokio::test]
async fn without_a_database_the_stats_schedule_returns_the_missing_variable() {
    let warehouse = tempfile::tempdir().unwrap();
    let app = TestApp::with_env(platform::Env::default())
        .named("metasync")
        .set(
            "WAREHOUSE_URL",
            format!("file://{}", warehouse.path().display()),
        )
        .start(metasync::app)
        .await;
    let reply = app
        .post("/events/metasync", json!({"function": "stats-batch"}))
        .await;
    assert_eq!(reply.status, 409);
    assert!(reply.text().contains("DATABASE_URL is not set"));
}
