//! The app on its own database, and helpers for tests.

use kit::TestApp;
use kit::postgres::Database;
use serde_json::Value;

pub async fn app_on(database: &Database, settings: &[(&str, &str)]) -> TestApp {
    let mut builder = TestApp::with_env(database.env()).named("settings");
    for (name, value) in settings {
        builder = builder.set(name, *value);
    }
    builder.start(settings::app).await
}

pub fn path(rest: &str) -> String {
    format!("/v1/robeings/r1/settings{rest}")
}

pub async fn get(app: &TestApp, rest: &str) -> Value {
    let reply = app.get(&path(rest)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}
