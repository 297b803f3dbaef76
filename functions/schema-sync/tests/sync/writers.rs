//! Writers of one process at the same time.

use std::future::IntoFuture as _;

use futures::future::join_all;

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
