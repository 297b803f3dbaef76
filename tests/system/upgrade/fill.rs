//! What a release stores: every kind of row and object.

use kit::{TestApp, slack};
use serde_json::{Value, json};

use crate::story::{KIM, SECRET, until_rolled_up};

const LEE: &str = "0190b2a0-0000-7000-8000-000000000002";

/// Stores settings, tasks, messages of two people in an old and a newer month, from
/// HTTP, Slack and a queue, an edit, a dead letter, an archived month, an erasure with its receipt, and a
/// schema with two versions.
pub async fn fill(app: &TestApp) {
    let set = app
        .put(
            "/v1/robeings/sales/settings/user/timezone",
            json!("Europe/Paris"),
        )
        .await;
    assert_eq!(set.status, 200, "{set:?}");
    for (n, day, user, text) in [
        (
            1,
            "2025-03-10",
            KIM,
            "my order 17 is late, call 010-1234-5678",
        ),
        (2, "2025-03-11", LEE, "is there a discount?"),
        (
            3,
            "2026-11-02",
            KIM,
            "where is my refund? write to kim@example.com",
        ),
        (4, "2026-11-02", KIM, "where is my refund?"),
        (5, "2026-11-03", LEE, "thanks, bye"),
    ] {
        let message = json!({
            "robeing_id": "sales", "user_id": user, "id": format!("message-{n}"), "thread_ts": "t1",
            "message": text, "response": format!("answer {n}"), "intent": "refund", "confidence": 0.5,
            "created_at": format!("{day}T12:00:00Z"),
        });
        let stored = app.post("/v1/messages", message).await;
        assert_eq!(stored.status, 201, "{stored:?}");
    }
    let said = json!({
        "type": "message", "channel": "C1", "channel_type": "channel", "user": "U1",
        "text": "hello from slack", "ts": "1793620800.000100",
    });
    from_slack(app, "Ev1", &said).await;
    let edited = json!({
        "type": "message", "subtype": "message_changed", "channel": "C1", "channel_type": "channel",
        "event_ts": "1793620900.000200", "ts": "1793620900.000200",
        "message": {
            "type": "message", "user": "U1", "text": "hello again from slack", "ts": "1793620800.000100",
            "edited": {"user": "U1", "ts": "1793620900.000000"},
        },
        "previous_message": said,
    });
    from_slack(app, "Ev2", &edited).await;
    let refused = json!({"robeing_id": "sales", "id": "empty"});
    assert_eq!(app.post("/events/message-log", refused).await.status, 400);
    for task in 1..=3 {
        let task = json!({
            "task_type": "coding", "difficulty": 7, "outcome": "success", "idempotency_key": format!("task-{task}"),
        });
        let ended = app.post("/v1/robeings/sales/tasks", task).await;
        assert!(ended.status.is_success(), "{ended:?}");
    }
    until_rolled_up(app).await;
    until_archived(app).await;
    let erased = app.post("/v1/erasures", json!({"user_id": LEE})).await;
    assert_eq!(erased.status, 200, "{erased:?}");
    let synced = app.post("/v1/schema/sync", json!({})).await;
    assert_eq!(synced.status, 200, "{synced:?}");
    let example = json!({
        "question": "How many orders are there?",
        "sql": "select count(*) as orders from `shop.sales.orders`",
    });
    let added = app.post("/v1/schema/examples", example).await;
    assert!(added.status.is_success(), "{added:?}");
}

async fn from_slack(app: &TestApp, id: &str, event: &Value) {
    let envelope = json!({
        "type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": id, "event": event,
    });
    let reply = slack::send(app, SECRET, &envelope).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Until the month of 2025 is in the archive alone.
async fn until_archived(app: &TestApp) {
    for _ in 0..200 {
        let ran = app.post("/events/privacy", json!({})).await.json();
        if ran["archived"][0]["state"] == "dropped" {
            return;
        }
        app.post("/events/message-log", json!({})).await;
        app.post("/events/stats-batch", json!({})).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the month is not archived");
}
