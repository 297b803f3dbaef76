//! Fixtures for the tests of SQL.

use std::sync::Arc;

use cache_read::{Planner, SqlSetup};
use kit::bigquery::{BigQuery, Method};
use kit::llm::{Answer, LlmStub};
use kit::{Reply, TestApp};
use platform::{Env, Resources};
use serde_json::{Value, json};

use crate::common::{Moody, orders, start_sql};

pub const PATH: &str = "/v1/schema/sql";
pub const GOOD: &str = "select count(*) as n from `p.shop.orders`";

pub fn answer(kind: &str, sql: &str, answer: &str, reason: &str) -> Answer {
    Answer::Json(json!({"kind": kind, "sql": sql, "answer": answer, "reason": reason}))
}

pub fn query(sql: &str) -> Answer {
    answer("query", sql, "", "")
}

/// The app with the document `orders`, a model with these answers, and a BigQuery stub that plans.
pub struct Story {
    pub app: TestApp,
    pub model: LlmStub,
    pub bigquery: BigQuery,
    pub store: Arc<Moody>,
}

impl Story {
    pub async fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::on(LlmStub::canned(answers).await, None).await
    }

    pub async fn on(model: LlmStub, max_bytes: Option<u64>) -> Self {
        let bigquery = BigQuery::start().await;
        let env = Env::default()
            .with("WAREHOUSE_URL", "bigquery://p/shop")
            .with("BIGQUERY_EMULATOR_HOST", bigquery.host());
        let setup = SqlSetup {
            llm: Some(model.llm("gpt-test")),
            planner: Planner::new(&Resources::new(env)),
            max_bytes,
            ..SqlSetup::default()
        };
        let store = Moody::new();
        store.sync(&orders()).await;
        Self {
            app: start_sql(&store, setup).await,
            model,
            bigquery,
            store,
        }
    }

    pub async fn ask(&self, question: &str) -> Reply {
        self.app.post(PATH, json!({"question": question})).await
    }

    pub async fn ask_as(&self, datasets: &str) -> Reply {
        let request = self.app.post(PATH, json!({"question": "how many?"}));
        request.header("test-datasets", datasets).await
    }

    pub fn dry_runs(&self) -> usize {
        self.bigquery.calls(Method::Insert)
    }

    pub fn calls(&self) -> usize {
        self.model.requests().len()
    }
}

pub fn told(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

pub fn problem(reply: &Reply, status: u16) -> String {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    reply.json()["detail"]
        .as_str()
        .expect("a problem")
        .to_owned()
}
