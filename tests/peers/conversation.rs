//! A message log under test, and its content.

use kit::TestApp;
use kit::postgres::{Database, database};
use platform::postgres::types::Type;
use serde_json::Value;

pub struct Conversation {
    pub app: TestApp,
    pub database: Database,
}

/// The compared columns of a row.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub message: String,
    pub response: Option<String>,
    pub thread: String,
}

impl Row {
    pub fn new(message: &str, thread: &str) -> Self {
        Self {
            message: message.to_owned(),
            response: None,
            thread: thread.to_owned(),
        }
    }
}

impl Conversation {
    pub async fn start() -> Self {
        let database = database().await;
        let app = TestApp::with_env(database.env())
            .named("message-log")
            .set("MASKING_KEY", "07".repeat(32))
            .start(message_log::app)
            .await;
        Self { app, database }
    }

    /// All rows, ordered by id.
    pub async fn rows(&self) -> Vec<Row> {
        let client = self.database.client().await;
        let sql = "select message, response, thread_ts from conversation.log order by id";
        let rows = client.query_typed(sql, &[]).await.unwrap();
        rows.iter()
            .map(|row| Row {
                message: row.get(0),
                response: row.get(1),
                thread: row.get(2),
            })
            .collect()
    }

    pub async fn sorted_rows(&self) -> Vec<Row> {
        let mut rows = self.rows().await;
        rows.sort();
        rows
    }

    /// The time of the row with this text, in milliseconds since 1970.
    pub async fn millis_of(&self, message: &str) -> i64 {
        let client = self.database.client().await;
        let sql = "select (extract(epoch from created_at) * 1000)::bigint
                   from conversation.log where message = $1";
        let row = client.query_typed_one(sql, &[(&message, Type::TEXT)]).await;
        row.unwrap().get(0)
    }

    pub async fn dead_letters(&self) -> Vec<Value> {
        let reply = self.app.get("/v1/dead-letters").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["items"].as_array().unwrap().clone()
    }
}
