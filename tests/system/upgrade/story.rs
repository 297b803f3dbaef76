//! What a later release must still know of what a release stored.

use std::path::Path;

use kit::TestApp;
use kit::postgres::Database;
use serde_json::{Value, json};

pub const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

pub const KIM: &str = "0190b2a0-0000-7000-8000-000000000001";

/// Every function, on a database and a bucket.
pub async fn app(database: &Database, bucket: &Path) -> TestApp {
    let warehouse = Path::new(env!("CARGO_MANIFEST_DIR")).join("system/upgrade/warehouse");
    TestApp::with_env(database.env())
        .named("metasync")
        .set("BUCKET_URL", format!("file://{}", bucket.display()))
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set("MASKING_KEY", "07".repeat(32))
        .set("PRIVACY_KEY", "08".repeat(32))
        .set("SLACK_SIGNING_SECRET", SECRET)
        .set("SLACK_ROBEINGS", r#"{"A1": "sales"}"#)
        .start(metasync::app)
        .await
}

/// Reads everything that `fill` stored, continues it, and erases a person.
pub async fn holds(app: &TestApp) {
    until_rolled_up(app).await;
    let timezone = app.get("/v1/robeings/sales/settings/user/timezone").await;
    assert_eq!(timezone.json(), "Europe/Paris");
    let stats = app.get("/v1/robeings/sales/stats").await.json();
    assert_eq!(stats["successful_tasks"], 3, "{stats}");
    assert_eq!(stats["total_conversations"], 6, "{stats}");
    let history = "/v1/robeings/sales/messages?include=erased";
    let history = texts(&app.get(history).await.json());
    // The erased message stays, empty, to recognize a repeat.
    let expected = [
        "",
        "hello again from slack",
        "where is my refund? write to [EMAIL_1]",
        "where is my refund?",
    ];
    assert_eq!(history, expected);
    let found = app.get("/v1/robeings/sales/search?q=refund").await.json();
    assert_eq!(found["items"].as_array().map(Vec::len), Some(2), "{found}");
    let patterns = "/v1/robeings/sales/patterns?from=2026-11-01&to=2026-11-30";
    let patterns = app.get(patterns).await.json();
    assert!(
        patterns.to_string().contains("where is my refund"),
        "{patterns}"
    );
    let context = "/v1/robeings/sales/context?thread_ts=t1&token_budget=500";
    let context = app.get(context).await.json();
    assert!(
        context.to_string().contains("where is my refund"),
        "{context}"
    );
    let letters = app.get("/v1/dead-letters").await.json();
    assert_eq!(letters["items"][0]["source_event_id"], "empty", "{letters}");

    // A repeat of what the earlier release stored is a repeat.
    let repeat = json!({
        "robeing_id": "sales", "user_id": KIM, "id": "message-4", "thread_ts": "t1",
        "message": "where is my refund?", "response": "answer 4", "intent": "refund", "confidence": 0.5,
        "created_at": "2026-11-02T12:00:00Z",
    });
    assert_eq!(app.post("/v1/messages", repeat).await.status, 200);
    // The same address has the number that it had.
    let next = json!({
        "robeing_id": "sales", "user_id": KIM, "thread_ts": "t1", "message": "kim@example.com, as I said",
    });
    assert_eq!(app.post("/v1/messages", next).await.status, 201);
    let history = texts(&app.get("/v1/robeings/sales/messages?limit=1").await.json());
    assert_eq!(history, ["[EMAIL_1], as I said"]);

    let tables = app.get("/v1/schema/tables").await.json();
    assert_eq!(tables["items"][0]["name"], "shop.sales.orders", "{tables}");
    let synced = app.post("/v1/schema/sync", json!({})).await.json();
    assert_eq!(synced["updated"], false, "{synced}");

    // The archive opens with the keys of the database.
    let export = app.post("/v1/exports", json!({"user_id": KIM})).await;
    assert_eq!(export.status, 200, "{export:?}");
    let rows = export.json()["files"][0]["rows"].as_i64();
    assert!(rows >= Some(4), "{export:?}");
    let erasure = app.post("/v1/erasures", json!({"user_id": KIM})).await;
    assert_eq!(erasure.status, 200, "{erasure:?}");
    let receipt = &erasure.json()["receipt"];
    // The second of the chain, whose first the earlier release signed.
    assert_eq!(
        (&receipt["number"], &receipt["is_valid"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(receipt["body"]["erased"]["archive, rows"], 1, "{receipt}");
    let ran = app.post("/events/privacy", json!({})).await;
    assert_eq!(ran.status, 200, "the receipts are a chain: {ran:?}");
}

fn texts(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().expect("a page").iter();
    let texts = items.map(|item| item["message"].as_str().unwrap_or_default().to_owned());
    texts.collect()
}

/// Until the roll-ups have passed every row: transactions of other tests hold them back.
pub async fn until_rolled_up(app: &TestApp) {
    for _ in 0..600 {
        let log = app.post("/events/message-log", json!({})).await.json();
        let stats = app.post("/events/stats-batch", json!({})).await.json();
        let conversations = app.get("/v1/robeings/sales/stats").await.json();
        let search = app
            .get("/v1/robeings/sales/patterns?from=2026-11-01&to=2026-11-30")
            .await
            .json();
        let is_counted = conversations["total_conversations"].as_i64() >= Some(6)
            && conversations["successful_tasks"] == 3
            && search.to_string().contains("where is my refund");
        if log["complete"] == true && stats["rows"] == 0 && is_counted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let stats = app.get("/v1/robeings/sales/stats").await.json();
    panic!("the roll-ups do not pass what was stored: {stats}");
}
