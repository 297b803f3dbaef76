//! The rules of a run: what it answers, what it keeps, and what no accident may tear.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kit::TestApp;
use schema_sync::diff::ChangeKind;
use schema_sync::document::{Document, Origin};
use schema_sync::publish::{self, HEAD, Head};
use schema_sync::source::Run;
use schema_sync::sync::{Answer, Sync};
use serde_json::{Value, json};
use shared::Env;
use shared::store::Store;

use crate::warehouse::{Breaking, Warehouse};

const ORDERS: &str = "id INT64, customer_id INT64, status STRING, created_at TIMESTAMP";
const CUSTOMERS: &str = "id INT64, country STRING, profile STRUCT<age INT64, city STRING>";

fn sync(warehouse: &Arc<Warehouse>, store: Arc<dyn Store>) -> Sync {
    let settings = schema_sync::enrich::Settings::read(&Env::default()).unwrap();
    Sync {
        store,
        source: warehouse.clone(),
        llm: None,
        settings,
    }
}

fn memory() -> Arc<dyn Store> {
    let env = Env::default().with("BUCKET_URL", "memory:///");
    shared::Resources::new(env).store().unwrap()
}

async fn run(sync: &Sync) -> Answer {
    sync.run(&Run::default()).await.unwrap()
}

async fn head(store: &Arc<dyn Store>) -> Document {
    match publish::load_head(&**store).await.unwrap() {
        Head::Whole { document, .. } => *document,
        other => panic!("the head is not whole: {other:?}"),
    }
}

fn kinds(answer: &Answer) -> Vec<(&str, Option<&str>, ChangeKind)> {
    let change = |it: &'_ schema_sync::diff::Change| it.kind;
    answer
        .changes
        .iter()
        .map(|it| (it.table.as_str(), it.path.as_deref(), change(it)))
        .collect()
}

#[tokio::test]
async fn m1_m3_what_was_read_is_one_json_document_in_the_bucket() {
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
    let kept = publish::load_version(&*store, &answer.version)
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
        publish::load_history(&*store)
            .await
            .unwrap()
            .0
            .versions
            .len(),
        1
    );
}

#[tokio::test]
async fn m5_a_change_of_the_warehouse_reaches_the_cache_at_the_next_run() {
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
    let history = publish::load_history(&*store).await.unwrap().0;
    let versions: Vec<_> = history
        .versions
        .iter()
        .map(|entry| entry.version.as_str())
        .collect();
    assert_eq!(versions, [first.version, second.version]);
    assert_eq!(history.versions[1].changes.breaking, 3);
}

#[tokio::test]
async fn what_can_not_be_read_is_told_and_kept_as_it_is_known() {
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

#[tokio::test]
async fn examples_that_a_change_breaks_are_quarantined_in_the_same_run() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.shop.customers", CUSTOMERS)
        .shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let planned = warehouse.plans.load(Ordering::Relaxed);
    run(&sync).await;
    assert_eq!(
        warehouse.plans.load(Ordering::Relaxed),
        planned,
        "what holds is not planned again"
    );

    warehouse.set("p.shop.orders", "id INT64");
    run(&sync).await;

    let document = head(&store).await;
    let gone = ["status", "customer_id", "created_at"];
    assert!(
        document
            .examples
            .iter()
            .all(|it| !gone.iter().any(|name| it.sql.contains(name)))
    );
    assert!(!document.quarantined.is_empty());
    assert!(
        document
            .quarantined
            .iter()
            .all(|it| it.error.is_some() && it.verified.is_none())
    );
}

#[tokio::test]
async fn what_the_warehouse_rejects_is_no_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    warehouse.reject("status");
    let store = memory();
    run(&sync(&warehouse, store.clone())).await;
    let document = head(&store).await;
    assert!(!document.examples.is_empty());
    assert!(
        document
            .examples
            .iter()
            .all(|it| !it.sql.contains("status"))
    );
}

#[tokio::test]
async fn of_two_syncs_at_once_the_cache_is_one_of_the_two_and_whole() {
    for _ in 0..20 {
        let store = memory();
        let [one, two] = ["a INT64", "b INT64"].map(|columns| {
            sync(
                &Warehouse::new().table("p.d.t", columns).shared(),
                store.clone(),
            )
        });
        let (one, two) = tokio::join!(run(&one), run(&two));
        let version = head(&store).await.version;
        assert!(version == one.version || version == two.version);
        let history = publish::load_history(&*store).await.unwrap().0;
        assert_eq!(history.versions.last().unwrap().version, version);
    }
}

#[tokio::test]
async fn a_sync_killed_at_any_write_leaves_the_old_cache_or_the_new() {
    let mut writes = 0;
    loop {
        let inner = memory();
        let warehouse = Warehouse::new().table("p.d.t", "a INT64").shared();
        let old = run(&sync(&warehouse, inner.clone())).await.version;
        warehouse.set("p.d.t", "a INT64, b STRING");

        let store = Breaking::after(inner.clone(), writes);
        let survived = sync(&warehouse, Arc::new(store))
            .run(&Run::default())
            .await
            .is_ok();

        let between = head(&inner).await.version;
        let again = run(&sync(&warehouse, inner.clone())).await;
        assert!(
            between == old || between == again.version,
            "after {writes} writes"
        );
        let history = publish::load_history(&*inner).await.unwrap().0;
        let versions: Vec<_> = history
            .versions
            .iter()
            .map(|entry| &entry.version)
            .collect();
        assert_eq!(versions, [&old, &again.version], "after {writes} writes");
        if survived {
            assert!(
                writes >= 3,
                "a version, the head and the history are written"
            );
            return;
        }
        writes += 1;
    }
}

#[tokio::test]
async fn a_damaged_head_is_replaced_from_the_newest_whole_version() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    app.post("/v1/schema/sync", json!({})).await;
    let person = json!({"question": "How many?", "sql": "SELECT COUNT(id) FROM `p.shop.orders`"});
    assert_eq!(app.post("/v1/schema/examples", person).await.status, 201);
    let whole = head(&store).await;

    store
        .put(
            HEAD,
            "{\"format\": 1, \"vers".into(),
            shared::store::Put::Always,
        )
        .await
        .unwrap();
    let answer = run(&sync).await;

    assert_eq!(
        answer.version, whole.version,
        "the person's example is still there"
    );
    assert_eq!(head(&store).await.tables, whole.tables);
}

#[tokio::test]
async fn a_persons_example_lives_through_syncs_until_it_breaks_and_returns_when_it_holds() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    let sql = "SELECT status, COUNT(*) AS orders FROM `p.shop.orders` GROUP BY status";
    let example = json!({"question": "Orders by status?", "sql": sql});

    let too_early = app.post("/v1/schema/examples", &example).await;
    assert_eq!(too_early.status, 409);
    run(&sync).await;
    assert_eq!(app.post("/v1/schema/examples", &example).await.status, 201);
    assert_eq!(
        app.post("/v1/schema/examples", &example).await.status,
        200,
        "twice is once"
    );

    let mine = |document: &Document| {
        let good = document
            .examples
            .iter()
            .filter(|it| it.origin == Origin::Person)
            .count();
        let bad = document
            .quarantined
            .iter()
            .filter(|it| it.origin == Origin::Person)
            .count();
        (good, bad)
    };
    warehouse.set("p.shop.orders", &ORDERS.replace("status STRING, ", ""));
    run(&sync).await;
    assert_eq!(mine(&head(&store).await), (0, 1));
    warehouse.set("p.shop.orders", ORDERS);
    run(&sync).await;
    assert_eq!(mine(&head(&store).await), (1, 0));
}

#[tokio::test]
async fn an_example_that_does_not_hold_is_refused_with_the_reason() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    warehouse.reject("customer_id");
    let sync = sync(&warehouse, memory());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let add = |sql: &str| app.post("/v1/schema/examples", json!({"question": "q", "sql": sql}));

    let unknown = add("SELECT statu FROM `p.shop.orders`").await;
    assert_eq!(unknown.status, 422);
    assert!(unknown.json()["detail"].as_str().unwrap().contains("statu"));
    assert_eq!(
        add("DELETE FROM `p.shop.orders` WHERE true").await.status,
        422
    );
    assert_eq!(
        add("SELECT customer_id FROM `p.shop.orders`").await.status,
        422
    );
    assert_eq!(add("").await.status, 400);
    assert_eq!(add("SELECT '\0'").await.status, 400);
    let extra = json!({"question": "q", "sql": "SELECT 1", "origin": "llm"});
    assert_eq!(app.post("/v1/schema/examples", extra).await.status, 400);
}

#[tokio::test]
async fn an_idempotency_key_means_one_example() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let sync = sync(&warehouse, memory());
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;
    run(&sync).await;
    let add = |sql: &str| {
        let body = json!({"question": "How many?", "sql": sql});
        app.post("/v1/schema/examples", body)
            .header("idempotency-key", "k-1")
    };
    assert_eq!(
        add("SELECT COUNT(*) FROM `p.shop.orders`").await.status,
        201
    );
    assert_eq!(
        add("SELECT COUNT(*) FROM `p.shop.orders`").await.status,
        200
    );
    assert_eq!(add("SELECT MAX(id) FROM `p.shop.orders`").await.status, 422);
}

#[tokio::test]
async fn only_an_admin_syncs_or_adds_an_example_and_only_within_their_datasets() {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let scope = |datasets: &[&str]| json!({"datasets": datasets, "robeings": [], "sessions": []});
    let tokens = json!([
        {"name": "reader", "role": "reader", "scope": scope(&["*"]), "sha256": hash("reader-token")},
        {"name": "shop", "role": "admin", "scope": scope(&["p.shop"]), "sha256": hash("shop-token")},
    ]);
    let warehouse = Warehouse::new()
        .table("p.shop.orders", ORDERS)
        .table("p.hr.pay", "id INT64")
        .shared();
    let sync = sync(&warehouse, memory());
    let app = TestApp::with_env(Env::default().with("AUTH_TOKENS", tokens.to_string()))
        .start(|_| Ok(schema_sync::api::router(sync.clone())))
        .await;

    for path in [
        "/v1/schema/sync",
        "/events/schema-sync",
        "/v1/schema/examples",
    ] {
        assert_eq!(app.post(path, json!({})).await.status, 401, "{path}");
        assert_eq!(
            app.post(path, json!({}))
                .bearer("reader-token")
                .await
                .status,
            403,
            "{path}"
        );
    }
    assert_eq!(
        app.post("/v1/schema/sync", json!({}))
            .bearer("shop-token")
            .await
            .status,
        200
    );
    let add = |sql: &str| {
        let body = json!({"question": "q", "sql": sql});
        app.post("/v1/schema/examples", body).bearer("shop-token")
    };
    let hidden = add("SELECT id FROM `p.hr.pay`").await;
    let missing = add("SELECT id FROM `p.hr.nothing`").await;
    assert_eq!(
        (hidden.status, missing.status),
        (missing.status, hidden.status)
    );
    assert_eq!(hidden.status, 422);
    assert_eq!(add("SELECT id FROM `p.shop.orders`").await.status, 201);
}
