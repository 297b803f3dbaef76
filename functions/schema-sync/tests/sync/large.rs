//! What a large document does to the thread that serves requests.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use platform::store::Put;

use super::*;

const TABLES: usize = 500;

/// A document of many columns in a store.
async fn large() -> Sync {
    let mut warehouse = Warehouse::new();
    let columns = (0..60).map(|at| format!("column_{at} STRING"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    for at in 0..TABLES {
        warehouse = warehouse.table(&format!("p.shop.t{at:04}"), &columns);
    }
    let sync = sync(&warehouse.shared(), memory());
    run(&sync).await;
    sync
}

/// The longest time for which the work keeps other tasks of the thread waiting.
async fn longest_pause(work: impl Future<Output = ()>) -> Duration {
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
    // The other task runs before and after work that never waits.
    tokio::task::yield_now().await;
    work.await;
    tokio::task::yield_now().await;
    other.abort();
    let longest = longest.lock().unwrap();
    *longest
}

#[tokio::test]
async fn a_change_of_a_large_document_does_not_block_the_thread() {
    let sync = large().await;
    let store = Arc::clone(&sync.store);
    let document = head(&store).await;
    let parse = longest_pause(async { drop(versions::load_head(&*store).await.unwrap()) }).await;
    let write = longest_pause(async {
        let published = versions::publish(&*store, &document, Put::Always).await;
        published.unwrap();
    })
    .await;
    let app = TestApp::without_database(|_| Ok(schema_sync::api::router(sync))).await;
    let pause = longest_pause(async {
        let path = "/v1/schema/descriptions/p.shop.t0001";
        let put = app.put(path, json!({"text": "One row per visit."})).await;
        assert_eq!(put.status, 201, "{}", put.text());
        assert_eq!(app.get(path).await.status, 200);
    })
    .await;
    // Neither is done on this thread.
    assert!(
        pause < parse.min(write) / 2,
        "{pause:?} of {parse:?} and {write:?}"
    );
}
