//! Writers of one process at the same time.

use std::future::IntoFuture as _;
use std::time::Duration;

use futures::future::join_all;
use platform::store::Put;

use super::*;

/// More than the attempts of one change.
const WRITERS: usize = 24;

#[tokio::test]
async fn writers_of_one_process_take_turns_so_that_none_gives_up() {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync.clone()))).await;

    let term = |n: usize| {
        let body = json!({"meaning": "A word.", "tables": ["orders"]});
        app.put(&format!("/v1/schema/glossary/term-{n}"), body)
    };
    let example = |n: usize| {
        let sql = format!("SELECT id + {n} AS n FROM `p.shop.orders`");
        app.post(
            "/v1/schema/examples",
            json!({"question": format!("Question {n}?"), "sql": sql}),
        )
    };
    let import = |n: usize| {
        let term = json!({"term": format!("imported-{n}"), "meaning": "A word."});
        app.post("/v1/schema/meaning", json!({"glossary": [term]}))
    };
    let requests = (0..WRITERS).flat_map(|n| [(term(n), 201), (example(n), 201), (import(n), 200)]);
    let (requests, expected): (Vec<_>, Vec<_>) = requests.unzip();
    let replies = join_all(requests.into_iter().map(kit::TestRequest::into_future)).await;
    for (reply, expected) in replies.iter().zip(expected) {
        assert_eq!(reply.status, expected, "{}", reply.text());
    }
    let after = head(&store).await;
    assert_eq!(after.meaning.glossary.len(), 2 * WRITERS);
    let people = after
        .examples
        .iter()
        .filter(|it| it.origin == Origin::Person);
    assert_eq!(people.count(), WRITERS);
    // One version for each change: no writer wrote over another.
    let (history, _) = versions::load_history(&*store).await.unwrap();
    assert_eq!(history.versions.len(), 1 + 3 * WRITERS);
}

/// A shop of which a metric and an example are written while `meanwhile` runs, from when the warehouse plans both until
/// it has planned both. Returns how many plans it made.
async fn written_while(meanwhile: impl AsyncFnOnce(&TestApp, &Arc<dyn Store>)) -> usize {
    let warehouse = Warehouse::new().table("p.shop.orders", ORDERS).shared();
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync))).await;
    let before = warehouse.plans.load(Ordering::Relaxed);
    let plans = || warehouse.plans.load(Ordering::Relaxed) - before;
    let held = warehouse.gate.write().await;
    let meanwhile = async {
        while plans() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        meanwhile(&app, &store).await;
        drop(held);
    };
    let metric = json!({"sql": "count(status)", "table": "orders"});
    let metric = app.put("/v1/schema/metrics/orders", metric);
    let example = json!({"question": "Which?", "sql": "SELECT status FROM `p.shop.orders`"});
    let example = app.post("/v1/schema/examples", example);
    let replies = futures::join!(metric.into_future(), example.into_future(), meanwhile);
    assert_eq!(replies.0.status, 201, "{}", replies.0.text());
    assert_eq!(replies.1.status, 201, "{}", replies.1.text());
    let after = head(&store).await;
    assert_eq!(after.meaning.metrics.len(), 1);
    assert_eq!(after.examples[0].question, "Which?");
    plans()
}

#[tokio::test]
async fn a_writer_that_needs_no_warehouse_does_not_wait_for_one_that_does() {
    let plans = written_while(async |app, store| {
        let description = json!({"text": "One row per order."});
        let put = app.put("/v1/schema/descriptions/p.shop.orders", description);
        let put = tokio::time::timeout(Duration::from_secs(10), put.into_future()).await;
        assert_eq!(put.expect("it waits for the warehouse").status, 201);
        assert_eq!(head(store).await.meaning.descriptions.len(), 1);
    })
    .await;
    assert_eq!(plans, 2, "a description breaks no plan");
}

#[tokio::test]
async fn what_the_warehouse_planned_is_planned_again_if_its_table_changed_meanwhile() {
    let plans = written_while(async |_, store| {
        let mut document = head(store).await;
        document.tables[0].columns.remove(0);
        versions::seal(&mut document);
        let published = versions::publish(&**store, &document, Put::Always).await;
        published.unwrap();
    })
    .await;
    assert_eq!(plans, 4);
}

#[tokio::test]
async fn what_the_warehouse_planned_is_planned_again_if_the_extensions_changed_meanwhile() {
    let plans = written_while(async |_, store| {
        let mut document = head(store).await;
        document.source.extensions = Some(Vec::new());
        versions::seal(&mut document);
        let published = versions::publish(&**store, &document, Put::Always).await;
        published.unwrap();
    })
    .await;
    assert_eq!(plans, 4);
}
