//! The rules of a run: its answer, what it keeps, and its atomicity.

mod accidents;
mod conditions;
mod definitions;
mod descriptions;
mod example_scope;
mod examples;
mod folder;
mod history;
mod large;
mod ledger;
mod manage;
mod meaning;
mod meaning_import;
mod meaning_limits;
mod meaning_review;
mod meaning_scope;
mod meaning_unchecked;
mod meaning_unread;
mod scope;
mod writers;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kit::TestApp;
use kit::llm::{Answer as Said, EnrichPrompt, LlmStub};
use platform::Env;
use platform::store::Store;
use schema::diff::ChangeKind;
use schema::document::{Document, Extension, How, Origin};
use schema::versions::{self, HEAD, Head};
use schema_sync::run::Run;
use schema_sync::sync::{Answer, Sync, Writers};
use serde_json::{Value, json};

use crate::fake_warehouse::{Breaking, Overtaken, Warehouse};

const ORDERS: &str = "id INT64, customer_id INT64, status STRING, created_at TIMESTAMP";
const CUSTOMERS: &str = "id INT64, country STRING, profile STRUCT<age INT64, city STRING>";

fn sync(warehouse: &Arc<Warehouse>, store: Arc<dyn Store>) -> Sync {
    let settings = schema_sync::enrich::Settings::read(&Env::default()).unwrap();
    Sync {
        store,
        writers: Writers::default(),
        source: warehouse.clone(),
        llm: None,
        settings,
    }
}

/// With a model that answers through a stub.
fn sync_with(warehouse: &Arc<Warehouse>, store: Arc<dyn Store>, stub: &LlmStub) -> Sync {
    Sync {
        llm: Some(stub.llm("gpt-test")),
        ..sync(warehouse, store)
    }
}

fn memory() -> Arc<dyn Store> {
    let env = Env::default().with("BUCKET_URL", "memory:///");
    platform::Resources::new(env).store().unwrap()
}

async fn run(sync: &Sync) -> Answer {
    sync.run(&Run::default()).await.unwrap()
}

async fn head(store: &Arc<dyn Store>) -> Document {
    match versions::load_head(&**store).await.unwrap() {
        Head::Whole { document, .. } => *document,
        other => panic!("the head is not whole: {other:?}"),
    }
}

fn kinds(answer: &Answer) -> Vec<(&str, Option<&str>, ChangeKind)> {
    let change = |it: &'_ schema::diff::Change| it.kind;
    answer
        .changes
        .iter()
        .map(|it| (it.table.as_str(), it.path.as_deref(), change(it)))
        .collect()
}

#[tokio::test]
async fn a_sync_stores_one_json_document_in_the_bucket() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.customers", CUSTOMERS);
    let store = memory();
    let answer = run(&sync(&warehouse.shared(), store.clone())).await;

    let object = store.get(HEAD).await.unwrap();
    assert!(HEAD.ends_with("/metadata_cache.json"));
    let document: Value = serde_json::from_slice(&object.body).unwrap();
    assert_eq!(document["format"], 1);
    assert_eq!(document["version"], answer.version);
    assert_eq!(document["tables"][0]["name"], "p.shop.customers");
    assert_eq!(
        document["tables"][0]["columns"][2]["fields"][1]["name"],
        "city"
    );
    let kept = versions::load_version(&*store, &answer.version)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept, head(&store).await);
}

#[tokio::test]
async fn an_unchanged_warehouse_changes_nothing() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let first = run(&sync).await;
    let before = store.get(HEAD).await.unwrap().etag;

    let second = run(&sync).await;

    assert!(first.updated && !second.updated);
    assert_eq!(
        (first.version, Vec::new()),
        (second.version, second.changes)
    );
    assert_eq!(store.get(HEAD).await.unwrap().etag, before);
    assert_eq!(
        versions::load_history(&*store)
            .await
            .unwrap()
            .0
            .versions
            .len(),
        1
    );
}

#[tokio::test]
async fn a_change_of_the_warehouse_reaches_the_cache_in_the_next_run() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.old", "a INT64")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let first = run(&sync).await;

    warehouse.set(
        "p.shop.orders",
        "id STRING, customer_id INT64, created_at TIMESTAMP, note STRING",
    );
    warehouse.drop_table("p.shop.old");
    let second = run(&sync).await;

    assert_eq!(
        kinds(&second),
        [
            ("p.shop.old", None, ChangeKind::TableRemoved),
            ("p.shop.orders", Some("id"), ChangeKind::Type),
            ("p.shop.orders", Some("note"), ChangeKind::ColumnAdded),
            ("p.shop.orders", Some("status"), ChangeKind::ColumnRemoved),
        ]
    );
    let history = versions::load_history(&*store).await.unwrap().0;
    let versions: Vec<_> = history
        .versions
        .iter()
        .map(|entry| entry.version.as_str())
        .collect();
    assert_eq!(versions, [first.version, second.version]);
    assert_eq!(history.versions[1].changes.breaking, 3);
}

#[tokio::test]
async fn tables_that_cannot_be_read_are_reported_and_kept() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.web.visits", "at DATE")
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;

    warehouse.lose("p.web");
    warehouse.set("p.shop.orders", "id INT64");
    let answer = run(&sync).await;

    assert_eq!(answer.message, "MetaSync completed with 1 problem");
    assert_eq!(answer.problems[0].subject, "p.web");
    assert_eq!(
        answer.tables_count, 2,
        "the lost dataset's table is still served"
    );
    assert!(
        head(&store)
            .await
            .tables
            .iter()
            .any(|table| table.name == "p.web.visits")
    );
}

#[tokio::test]
async fn a_warehouse_that_is_down_fails_the_run_and_leaves_the_cache() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let before = run(&sync).await.version;

    warehouse.down.store(true, Ordering::Relaxed);
    let error = sync.run(&Run::default()).await.unwrap_err();

    assert_eq!(error.status(), 503);
    assert_eq!(head(&store).await.version, before);
}
