//! The console on its own database, with callers of several rights.

use std::fmt::Write as _;

use http::Method;
use kit::postgres::{Database, database};
use kit::{TestApp, TestRequest};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the limited admin has.
pub const SALES: &str = r#"{"robeings": ["sales"]}"#;

/// Tokens with their own name as the secret: an admin of everything, an admin of sales, a writer and a reader.
pub fn tokens() -> String {
    let token = |name: &str, role: &str, scope: Value| {
        let mut sha256 = String::new();
        for byte in Sha256::digest(name) {
            write!(sha256, "{byte:02x}").expect("a string");
        }
        json!({"name": name, "role": role, "scope": scope, "sha256": sha256})
    };
    json!([
        token("admin", "admin", json!({"*": ["*"]})),
        token("sales", "admin", json!({"robeings": ["sales"]})),
        token("writer", "writer", json!({"*": ["*"]})),
        token("reader", "reader", json!({"*": ["*"]})),
    ])
    .to_string()
}

pub struct Console {
    pub app: TestApp,
    pub database: Database,
}

impl Console {
    pub async fn start() -> Self {
        let database = database().await;
        let app = TestApp::with_env(database.env())
            .named("console")
            .set("AUTH_TOKENS", tokens())
            .set("METASYNC_KEYS", "07".repeat(32))
            .start(console::app)
            .await;
        Self { app, database }
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.app.get(path).bearer("admin")
    }

    pub fn delete(&self, path: &str) -> TestRequest {
        self.app.delete(path).bearer("admin")
    }

    pub fn post(&self, path: &str, body: &Value) -> TestRequest {
        self.app.post(path, body).bearer("admin")
    }

    pub fn patch(&self, path: &str, body: &Value) -> TestRequest {
        let request = self.app.request(Method::PATCH, path);
        request.json(body).bearer("admin")
    }

    /// Creates something, and returns it.
    pub async fn create(&self, path: &str, body: &Value) -> Value {
        let reply = self.post(path, body).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()
    }
}

/// The id of something.
pub fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}
