//! Archive, export and erasure of a message in one process, triggered by its scheduler.

use std::path::Path;

use kit::TestApp;
use kit::postgres::database;
use serde_json::{Value, json};

const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";

fn event() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/metasync/privacy.json");
    serde_json::from_slice(&std::fs::read(path).expect("the sample")).expect("JSON")
}

#[tokio::test]
async fn a_message_is_archived_by_the_schedule_exported_and_erased_with_a_receipt() {
    let database = database().await;
    let app = TestApp::with_env(database.env())
        .named("metasync")
        .set("WAREHOUSE_URL", "file:///nowhere")
        .set("MASKING_KEY", "07".repeat(32))
        .set("PRIVACY_KEY", "08".repeat(32))
        .start(metasync::app)
        .await;
    let message = json!({"robeing_id": "r1", "user_id": PERSON, "message": "call 010-1234-5678",
        "created_at": "2025-08-10T12:00:00Z"});
    assert_eq!(app.post("/v1/messages", message).await.status, 201);
    let mut state = Value::Null;
    // Transactions in the databases of other tests delay the roll-up.
    for _ in 0..200 {
        app.post("/events/message-log", json!({})).await;
        app.post("/events/stats-batch", json!({})).await;
        let ran = app.invoke(&event()).await.expect("a result");
        let ran: Value = serde_json::from_str(ran.get()).expect("JSON");
        state = ran["archived"][0]["state"].clone();
        if state == "dropped" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(state, "dropped");
    let history = app
        .get(&format!("/v1/users/{PERSON}/messages"))
        .await
        .json();
    assert_eq!(history["items"], json!([]));

    let export = app.post("/v1/exports", json!({"user_id": PERSON})).await;
    assert_eq!(export.status, 200, "{export:?}");
    assert_eq!(export.json()["files"][0]["rows"], 1);
    let erasure = app.post("/v1/erasures", json!({"user_id": PERSON})).await;
    assert_eq!(erasure.status, 200, "{erasure:?}");
    let receipt = &erasure.json()["receipt"];
    assert_eq!(receipt["body"]["erased"]["archive, rows"], 1);
    assert_eq!(receipt["is_valid"], true);
    let again = app.post("/v1/exports", json!({"user_id": PERSON})).await;
    assert_eq!(again.status, 404, "{again:?}");

    // The first run removes the archive file, whose rows have lost their keys.
    app.invoke(&event()).await.expect("a result");
    let over_http = app.post("/events/metasync", event()).await;
    let on_lambda = app.invoke(&event()).await.expect("a result");
    assert_eq!(
        (over_http.status.as_u16(), over_http.text()),
        (200, on_lambda.get())
    );
}
