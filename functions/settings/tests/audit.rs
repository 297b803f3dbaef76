//! The audit log has who changed which keys, and no value.

use http::Method;
use kit::TestApp;
use kit::postgres::{Database, database};
use people::People;
use people::audit::{AuditEntry, Filter};
use platform::Resources;
use serde_json::json;

use crate::common::{app_on, path};

async fn entries(database: &Database) -> Vec<AuditEntry> {
    let people = People::open(&Resources::new(database.env())).expect("the accounts");
    let mut entries = people
        .audit_entries(&Filter::default(), None, 100)
        .await
        .expect("the audit log");
    entries.reverse();
    entries
}

async fn patch(app: &TestApp, rest: &str, body: serde_json::Value) {
    let reply = app.request(Method::PATCH, &path(rest)).json(&body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[tokio::test]
async fn each_change_is_in_the_audit_log_with_its_keys_and_without_values() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    app.put(&path("/user/language"), "en").await;
    patch(
        &app,
        "/skill",
        json!({"email": {"enabled": true}, "chess": "narwhal"}),
    )
    .await;
    app.delete(&path("/user/language")).await;
    let entries = entries(&database).await;
    let found: Vec<_> = entries
        .iter()
        .map(|it| (it.action.as_str(), it.subject.as_str(), it.detail.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (
                "setting.change",
                "r1",
                json!({"category": "user", "keys": ["language"]})
            ),
            (
                "setting.change",
                "r1",
                json!({"category": "skill", "keys": ["email", "chess"]})
            ),
            (
                "setting.remove",
                "r1",
                json!({"category": "user", "keys": ["language"]})
            ),
        ]
    );
    for entry in &entries {
        assert_eq!(entry.subject_kind, "robeing");
        assert_eq!(entry.actor.as_deref(), Some("anyone"));
        assert!(entry.request_id.is_some());
    }
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_no_entry() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let language = path("/user/language");
    let stale = app.put(&language, "en").header("if-match", "\"7\"").await;
    assert_eq!(stale.status, 412);
    let large = json!({"text": "x".repeat(60 * 1024)});
    let mut refused = 0;
    for n in 0..6 {
        let reply = app.put(&path(&format!("/skill/k{n}")), &large).await;
        refused += usize::from(reply.status == 413);
    }
    assert!(refused > 0, "a category has at most 256 KiB");
    assert_eq!(entries(&database).await.len(), 6 - refused);
}
