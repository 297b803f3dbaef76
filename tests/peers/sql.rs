//! From a question to verified SQL, planned by local-bigquery, an independent implementation of BigQuery.

use std::sync::LazyLock;

use kit::TestApp;
use kit::llm::LlmStub;
use serde_json::{Value, json};

use crate::server::{Server, is_skipped};

const PEER: &str = "local-bigquery";

static LOCAL: LazyLock<Server> =
    LazyLock::new(|| Server::start(PEER, "bin/serve", |port| vec![port.to_string()]));

/// `metasync` after a sync of a project with customers and orders. The model gives `answers` to questions. None if
/// the peer is not installed.
async fn story(project: &str, answers: &[&str]) -> Option<(TestApp, LlmStub)> {
    if is_skipped(PEER) {
        return None;
    }
    let http = platform::http_client::build(&platform::Env::default()).unwrap();
    let post = async |path: &str, body: Value| {
        let url = format!("{}/bigquery/v2/projects/{project}/{path}", LOCAL.url());
        let answer = http.post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        assert!(
            status.is_success(),
            "{path}: {}",
            answer.text().await.unwrap()
        );
    };
    let dataset = json!({"projectId": project, "datasetId": "shop"});
    post("datasets", json!({"datasetReference": dataset})).await;
    for sql in [
        "create table shop.customers (id int64 not null, name string)",
        "create table shop.orders (
           id int64 not null, customer int64,
           items array<struct<sku string, price float64>>)",
    ] {
        post("queries", json!({"query": sql, "useLegacySql": false})).await;
    }

    let model = LlmStub::of_queries(answers).await;
    let app = TestApp::with_env(model.env("gpt-test"))
        .set("WAREHOUSE_URL", format!("bigquery://{project}/shop"))
        .set("BIGQUERY_EMULATOR_HOST", LOCAL.url())
        .set("EXAMPLES_COUNT", "0")
        .start(metasync::app)
        .await;
    let synced = app.post("/v1/schema/sync", json!({})).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
    Some((app, model))
}

async fn ask(app: &TestApp) -> Value {
    let body = json!({"question": "What did each customer pay for items?"});
    let reply = app.post("/v1/schema/sql", body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_question_becomes_sql_that_local_bigquery_has_planned() {
    let good = "select c.name, sum(item.price) as paid from `answered.shop.orders` as o \
                cross join unnest(o.items) as item \
                join `answered.shop.customers` as c on c.id = o.customer group by c.name";
    let Some((app, _model)) = story("answered", &[good]).await else {
        return;
    };

    let answer = ask(&app).await;

    assert_eq!(answer["sql"], good, "{answer}");
    assert_eq!(answer["verified"]["how"], "dry_run");
    assert!(answer["bytes_processed"].is_u64());
    assert_eq!(
        answer["tables"],
        json!(["answered.shop.customers", "answered.shop.orders"])
    );
    let columns = answer["verified"]["columns"].as_array().unwrap();
    let columns: Vec<_> = columns
        .iter()
        .map(|it| [&it["name"], &it["type"]])
        .collect();
    assert_eq!(columns, [["name", "STRING"], ["paid", "FLOAT64"]]);
}

#[tokio::test]
async fn sql_that_local_bigquery_rejects_is_repaired_once() {
    let wrong = "select sum(c.name) as paid from `repaired.shop.customers` as c";
    let good = "select count(*) as n from `repaired.shop.customers`";
    let Some((app, model)) = story("repaired", &[wrong, good]).await else {
        return;
    };

    let answer = ask(&app).await;

    assert_eq!(answer["sql"], good, "{answer}");
    let requests = model.requests();
    let repair = &requests.last().expect("a repair").user;
    assert!(
        repair.contains(&format!("<refused_sql>\n{wrong}\n</refused_sql>")),
        "{repair}"
    );
}
