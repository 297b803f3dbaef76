//! What an import does with many entries.

use std::future::IntoFuture as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use platform::store::Put;

use super::meaning::{Shop, shop};
use super::*;

async fn import(shop: &Shop, file: Value) -> Value {
    let import = shop.app.post("/v1/schema/meaning", file);
    import.bearer("all-token").await.json()
}

#[tokio::test]
async fn an_entry_that_an_import_has_twice_is_refused_the_second_time_with_its_number() {
    let shop = shop().await;
    let file = json!({
        "descriptions": [
            {"table": "orders", "text": "First."},
            {"table": "orders", "column": "rebate", "text": "Unknown."},
            {"table": "p.shop.orders", "text": "Second."},
        ],
        "glossary": [
            {"term": "Churn", "meaning": "First.", "tables": ["orders"]},
            {"term": "churn", "meaning": "Second.", "tables": ["orders"]},
        ],
    });

    let imported = import(&shop, file).await;

    assert_eq!(imported["written"], 2);
    let refused = imported["refused"].as_array().unwrap();
    let reasons: Vec<&str> = refused
        .iter()
        .map(|it| it["reason"].as_str().unwrap())
        .collect();
    let repeated = |numbers: &str, list: &str| {
        format!("entries {numbers} of `{list}` are about the same: remove one of them")
    };
    assert!(
        reasons.contains(&&*repeated("1 and 3", "descriptions")),
        "{reasons:?}"
    );
    assert!(
        reasons.contains(&&*repeated("1 and 2", "glossary")),
        "{reasons:?}"
    );
    let meaning = head(&shop.store).await.meaning;
    assert_eq!(meaning.descriptions[0].text, "First.");
    assert_eq!(meaning.glossary[0].meaning, "First.");
}

#[tokio::test]
async fn an_import_of_many_entries_does_not_block_the_thread() {
    const TABLES: usize = 2_000;
    const TERMS: usize = 6_000;
    let shop = shop().await;
    for at in 0..TABLES {
        shop.warehouse.set(&format!("p.shop.t{at:04}"), "id INT64");
    }
    run(&shop.sync).await;
    let descriptions = (0..TABLES).map(|at| json!({"table": format!("t{at:04}"), "text": "x"}));
    let glossary = (0..TERMS).map(|at| json!({"term": format!("w{at}"), "meaning": "x"}));
    let file = json!({
        "descriptions": descriptions.collect::<Vec<_>>(),
        "glossary": glossary.collect::<Vec<_>>(),
    });
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    let pauses = Arc::clone(&longest);
    let other = tokio::spawn(async move {
        let mut last = Instant::now();
        loop {
            tokio::task::yield_now().await;
            let mut longest = pauses.lock().unwrap();
            *longest = last.elapsed().max(*longest);
            last = Instant::now();
        }
    });

    let imported = import(&shop, file).await;

    other.abort();
    assert_eq!(imported["written"], TABLES + TERMS);
    // Checking each entry against all others takes tens of seconds.
    let longest = *longest.lock().unwrap();
    assert!(longest < Duration::from_secs(5), "{longest:?}");
}

#[tokio::test]
async fn an_import_that_starts_over_has_no_metric_planned_again() {
    const METRICS: usize = 20;
    let shop = shop().await;
    let store = Arc::clone(&shop.store);
    let other = Box::pin(async move {
        let mut document = head(&store).await;
        document.tables[0].description = Some("Another writer.".to_owned());
        versions::seal(&mut document);
        let published = versions::publish(&*store, &document, Put::Always).await;
        published.unwrap();
    });
    let store: Arc<dyn Store> = Arc::new(Overtaken::by(shop.store.clone(), other));
    let router = schema_sync::api::router(sync(&shop.warehouse, store));
    let app = TestApp::without_database(|_| Ok(router)).await;
    let before = shop.warehouse.plans.load(Ordering::Relaxed);
    let metrics = (0..METRICS).map(|at| {
        let sql = format!("sum(total) + {at}");
        json!({"name": format!("m{at}"), "sql": sql, "table": "orders"})
    });
    let file = json!({"metrics": metrics.collect::<Vec<_>>()});

    let imported = app.post("/v1/schema/meaning", file).await.json();

    assert_eq!(imported["written"], METRICS, "{imported}");
    let plans = shop.warehouse.plans.load(Ordering::Relaxed) - before;
    assert_eq!(plans, METRICS);
    let after = head(&shop.store).await;
    assert_eq!(after.meaning.metrics.len(), METRICS);
    let description = after.tables[0].description.as_deref();
    assert_eq!(description, Some("Another writer."));
}

#[tokio::test]
async fn a_list_of_entries_has_the_time_limit_of_other_requests() {
    let store: Arc<dyn Store> = Arc::new(Breaking::stalled(memory()));
    let router = schema_sync::api::router(sync(&Warehouse::new().shared(), store));
    let env = Env::default().with("REQUEST_TIMEOUT_SECONDS", "1");
    let app = TestApp::with_env(env).start(|_| Ok(router)).await;
    let list = app.get("/v1/schema/meaning").into_future();
    let list = tokio::time::timeout(Duration::from_secs(20), list).await;
    assert_eq!(list.expect("it has no time limit").status, 503);
}

#[tokio::test]
async fn an_import_may_take_longer_than_other_requests() {
    let shop = shop().await;
    let wait = Box::pin(tokio::time::sleep(Duration::from_millis(1_200)));
    let store: Arc<dyn Store> = Arc::new(Overtaken::by(shop.store.clone(), wait));
    let router = schema_sync::api::router(sync(&shop.warehouse, store));
    let env = Env::default().with("REQUEST_TIMEOUT_SECONDS", "1");
    let app = TestApp::with_env(env).start(|_| Ok(router)).await;
    let file = json!({"descriptions": [{"table": "orders", "text": "One row per order."}]});
    let imported = app.post("/v1/schema/meaning", file).await;
    assert_eq!(imported.status, 200, "{}", imported.text());
}
