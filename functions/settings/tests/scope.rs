//! Scopes and roles: callers read and change only what they may, by the statements and by row-level security.

use kit::postgres::database;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::common::app_on;

fn tokens() -> String {
    let token = |name: &str, role: &str, robeings: &[&str]| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": robeings}, "sha256": sha256})
    };
    json!([
        token("writer", "writer", &["r1"]),
        token("reader", "reader", &["r1"]),
        token("admin", "admin", &["r1"]),
    ])
    .to_string()
}

#[tokio::test]
async fn a_caller_reads_and_changes_what_their_scope_and_role_allow() {
    let database = database().await;
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens())]).await;
    let path = |robeing: &str, key: &str| format!("/v1/robeings/{robeing}/settings/{key}");
    for (token, robeing, key, value, status) in [
        ("reader", "r1", "user/language", json!("en"), 403),
        ("writer", "r1", "user/language", json!("en"), 200),
        ("writer", "r2", "user/language", json!("en"), 403),
        ("writer", "r1", "system/debug_mode", json!(true), 200),
        ("writer", "r1", "system/unmasked", json!(["phone"]), 403),
        ("writer", "r1", "system/memory_ttl_days", json!(1), 403),
        ("admin", "r1", "system/unmasked", json!(["phone"]), 200),
        ("admin", "r2", "system/unmasked", json!(["phone"]), 403),
    ] {
        let reply = app.put(&path(robeing, key), value).bearer(token).await;
        assert_eq!(reply.status.as_u16(), status, "{token} {robeing} {key}");
    }
    let patch = app
        .request(http::Method::PATCH, &path("r1", "system"))
        .json(&json!({"unmasked": null}))
        .bearer("writer");
    assert_eq!(patch.await.status, 403);
    for (robeing, status) in [("r1", 200), ("r2", 403)] {
        let reply = app.get(&path(robeing, "user")).bearer("reader").await;
        assert_eq!(reply.status.as_u16(), status);
    }
    assert_eq!(app.get(&path("r1", "user")).await.status, 401);
}

#[tokio::test]
async fn row_level_security_shows_a_transaction_only_the_robeings_that_it_names() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    for robeing in ["r1", "r2"] {
        app.put(
            &format!("/v1/robeings/{robeing}/settings/user/language"),
            "en",
        )
        .await;
    }
    let client = database.unscoped_client().await;
    let seen = async |setting: &str| -> Result<i64, tokio_postgres::Error> {
        client.batch_execute(&format!("begin; {setting}")).await?;
        let row = client
            .query_typed_one("select count(*) from robeing.settings", &[])
            .await;
        client.batch_execute("rollback").await?;
        Ok(row?.get(0))
    };
    assert_eq!(seen("set local app.robeings = 'r1'").await.unwrap(), 1);
    assert_eq!(seen("set local app.robeings = 'r3'").await.unwrap(), 0);
    assert_eq!(seen("set local app.robeings = '*'").await.unwrap(), 2);
    assert!(!matches!(seen("").await, Ok(count) if count > 0));
}
