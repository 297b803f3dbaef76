//! Secrets change while every function runs in one process.

use std::fs;
use std::time::Duration;

use kit::TestApp;
use kit::clock::WallClock;
use kit::postgres::database;
use kit::slack;
use platform::secrets;
use serde_json::json;
use sha2::{Digest as _, Sha256};

fn tokens(token: &str) -> String {
    let sha256: String = Sha256::digest(token)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let scope = json!({"datasets": ["*"], "robeings": ["*"]});
    json!([{"name": "admin", "role": "admin", "scope": scope, "sha256": sha256}]).to_string()
}

fn event(user: &str, ts: &str) -> serde_json::Value {
    let event = json!({
        "type": "message", "channel": "C1", "channel_type": "channel", "user": user, "ts": ts, "text": "hello"
    });
    json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": ts, "event": event})
}

#[tokio::test]
async fn service_tokens_signing_secrets_and_keys_rotate_without_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, value: &str| {
        fs::write(folder.path().join(name), value).expect("a file");
    };
    let path = |name: &str| folder.path().join(name).display().to_string();
    write("tokens", &tokens("old"));
    write("slack", "old-secret");
    write("masking", &"07".repeat(32));
    write("privacy", &"08".repeat(32));
    let database = database().await;
    let mut env = database.env().with("SLACK_ROBEINGS", r#"{"A1": "sales"}"#);
    for (variable, file) in [
        ("AUTH_TOKENS_FILE", "tokens"),
        ("SLACK_SIGNING_SECRET_FILE", "slack"),
        ("MASKING_KEY_FILE", "masking"),
        ("PRIVACY_KEY_FILE", "privacy"),
    ] {
        env = env.with(variable, path(file));
    }
    let clock = WallClock::default();
    let app = TestApp::with_env(secrets::resolve(env).await.expect("the secrets"))
        .clock(clock.clock())
        .named("metasync")
        .start(metasync::app)
        .await;
    let now = jiff::Timestamp::now().as_second();
    for (user, number) in [("U1", 1), ("U2", 2)] {
        let said = event(user, &format!("{now}.00000{number}"));
        assert_eq!(slack::send(&app, "old-secret", &said).await.status, 200);
    }
    let erase = |user: &str| app.post("/v1/erasures", json!({"slack_user_id": user}));
    let first = erase("U1").bearer("old").await;
    assert_eq!(first.status, 200, "{first:?}");

    write("tokens", &tokens("new"));
    write("slack", "new-secret, old-secret");
    write(
        "privacy",
        &format!("{},{}", "09".repeat(32), "08".repeat(32)),
    );
    clock.pass(Duration::from_secs(20));

    let messages = "/v1/robeings/sales/messages";
    assert_eq!(app.get(messages).bearer("new").await.status, 200);
    assert_eq!(app.get(messages).bearer("old").await.status, 401);
    for (secret, number) in [("new-secret", 3), ("old-secret", 4)] {
        let ts = format!("{now}.00000{number}");
        assert_eq!(
            slack::send(&app, secret, &event("U3", &ts)).await.status,
            200,
            "{secret}"
        );
    }
    // The receipt of the old key is valid, and the new key signs the next one.
    let second = erase("U2").bearer("new").await;
    assert_eq!(second.status, 200, "{second:?}");
    let ran = app.post("/events/privacy", json!({})).bearer("new").await;
    assert_eq!(ran.status, 200, "{ran:?}");

    write("slack", "new-secret");
    clock.pass(Duration::from_secs(20));
    let refused = slack::send(&app, "old-secret", &event("U3", &format!("{now}.000005"))).await;
    assert_eq!(refused.status, 401);
}
