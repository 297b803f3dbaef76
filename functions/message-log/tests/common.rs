//! The app on its own database, and helpers for tests.

use kit::postgres::{Database, database};
use kit::{Reply, TestApp};
use platform::postgres::types::Type;
use serde_json::{Value, json};

pub struct Fixture {
    pub app: TestApp,
    pub database: Database,
}

/// Starts the app without authentication.
pub async fn start() -> Fixture {
    start_with(&[]).await
}

pub async fn start_with(settings: &[(&str, &str)]) -> Fixture {
    let database = database().await;
    let app = app_on(&database, settings).await;
    Fixture { app, database }
}

pub async fn app_on(database: &Database, settings: &[(&str, &str)]) -> TestApp {
    let mut builder = TestApp::with_env(database.env())
        .named("message-log")
        .set("MASKING_KEY", "07".repeat(32));
    for (name, value) in settings {
        builder = builder.set(name, *value);
    }
    builder.start(message_log::app).await
}

impl Fixture {
    pub async fn post(&self, message: Value) -> Reply {
        self.app.post("/v1/messages", message).await
    }

    /// Stores a message and returns its id.
    pub async fn stored(&self, message: Value) -> String {
        let reply = self.post(message).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    pub async fn get(&self, path: &str) -> Value {
        let reply = self.app.get(path).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.database.client().await;
        client
            .query_typed_one(sql, &[])
            .await
            .expect("a count")
            .get(0)
    }

    pub async fn rows(&self) -> i64 {
        self.count("select count(*) from conversation.log").await
    }

    /// See [`Database::dump`].
    pub async fn dump(&self) -> String {
        self.database.dump().await
    }

    pub async fn column(&self, name: &str, id: &str) -> Option<String> {
        let client = self.database.client().await;
        let sql = format!("select {name}::text from conversation.log where id = $1::text::uuid");
        let row = client.query_typed_one(&sql, &[(&id, Type::TEXT)]).await;
        row.expect("the row").get(0)
    }
}

pub fn texts(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| item[field].as_str().unwrap_or_default().to_owned())
        .collect()
}

pub fn message(text: &str) -> Value {
    json!({"robeing_id": "r1", "message": text})
}
