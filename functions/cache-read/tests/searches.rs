//! The search for the version of a view: what one caller asks for delays no other one, and nothing is read twice.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use kit::{Reply, TestApp};
use schema::document::Document;
use schema::versions::version_key;
use tokio::time::Instant;

use crate::common::{Mood, Moody, document, start, table, version};

/// Three versions, which differ in both datasets.
fn versions() -> [Document; 3] {
    [&["a"][..], &["a", "b"], &["a", "b", "c"]].map(|columns| {
        document(vec![
            table("p.hr.people", columns),
            table("p.shop.orders", columns),
        ])
    })
}

/// Serves the versions one after the other, and returns those that a caller of `dataset` saw.
async fn shown(store: &Arc<Moody>, dataset: &str) -> (TestApp, Vec<String>) {
    let app = start(store).await;
    let mut seen = Vec::new();
    for document in versions() {
        store.sync(&document).await;
        let reply = app.get("/v1/schema").header("test-datasets", dataset);
        seen.push(version(&reply.header("cache-control", "no-cache").await));
    }
    (app, seen)
}

async fn changes(app: &TestApp, dataset: &str, since: &str) -> Reply {
    let path = format!("/v1/schema/changes?since={since}");
    app.get(&path).header("test-datasets", dataset).await
}

/// A version that nobody ever had.
fn made_up(number: usize) -> String {
    format!("{number:064x}")
}

#[tokio::test(start_paused = true)]
async fn the_search_of_one_scope_does_not_delay_another() {
    let store = Moody::new();
    let (app, seen) = shown(&store, "p.shop").await;
    store.hang_at(version_key(&versions()[0].version));
    let made_up = made_up(1);
    let started = Instant::now();
    let (searching, known) = tokio::join!(
        changes(&app, "p.hr", &made_up),
        changes(&app, "p.shop", &seen[1]),
    );
    assert_eq!(searching.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed(), Duration::from_secs(3));
    assert_eq!(known.json()["changes"][0]["path"], "c");
    // The search goes on without its reader, and still delays nobody else.
    let started = Instant::now();
    let again = changes(&app, "p.shop", &seen[1]).await;
    assert_eq!(
        (again.status, started.elapsed()),
        (StatusCode::OK, Duration::ZERO)
    );
}

#[tokio::test]
async fn what_a_search_has_read_is_not_read_again() {
    let store = Moody::new();
    for document in versions() {
        store.sync(&document).await;
    }
    let key = version_key(&versions()[1].version);
    store.put_object(&key, &b"torn"[..]).await;
    store
        .delete_object(&version_key(&versions()[0].version))
        .await;
    let app = start(&store).await;
    let reads = async |dataset: &str, since: &str| {
        let before = store.reads();
        let reply = changes(&app, dataset, since).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        store.reads() - before
    };
    reads("p.shop", &made_up(1)).await;
    assert_eq!(
        reads("p.shop", &made_up(1)).await,
        0,
        "it is known to be unknown"
    );
    let once = "the version itself, and whether there is a newer one";
    assert_eq!(reads("p.shop", &made_up(2)).await, 2, "{once}");
    assert_eq!(
        reads("p.hr", &made_up(3)).await,
        2,
        "{once}: both others can't be used"
    );
}

#[tokio::test]
async fn a_version_that_was_shown_and_can_no_longer_be_read_counts_as_missing() {
    for damage in [Some(&b"torn"[..]), None] {
        let store = Moody::new();
        let (app, seen) = shown(&store, "p.shop").await;
        let key = version_key(&versions()[0].version);
        match damage {
            Some(bytes) => store.put_object(&key, bytes).await,
            None => store.delete_object(&key).await,
        }
        let reply = changes(&app, "p.shop", &seen[0]).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{damage:?}");
    }
}

#[tokio::test]
async fn an_equal_view_of_another_version_replaces_one_that_can_no_longer_be_read() {
    let store = Moody::new();
    let [one, two, _] = versions();
    let mut hidden = one.clone();
    hidden.tables[0] = two.tables[0].clone();
    let hidden = crate::common::sealed(hidden);
    let app = start(&store).await;
    let mut seen = String::new();
    for document in [&one, &hidden] {
        store.sync(document).await;
        let reply = app.get("/v1/schema").header("test-datasets", "p.shop");
        seen = version(&reply.header("cache-control", "no-cache").await);
    }
    store.sync(&two).await;
    app.get("/v1/schema")
        .header("cache-control", "no-cache")
        .await;
    store
        .put_object(&version_key(&hidden.version), &b"torn"[..])
        .await;
    let reply = changes(&app, "p.shop", &seen).await;
    assert_eq!(reply.json()["changes"][0]["path"], "b", "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn comparisons_that_outlive_their_readers_are_few_per_scope() {
    let store = Moody::new();
    store.sync(&versions()[0]).await;
    let app = start(&store).await;
    for dataset in ["p.shop", "p.hr"] {
        app.get("/v1/schema").header("test-datasets", dataset).await;
    }
    store.is(Mood::Hanging);
    let before = store.reads();
    for round in 0..3 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| made_up(1 + round * 4 + n));
        let replies = tokio::join!(
            changes(&app, "p.shop", &a),
            changes(&app, "p.shop", &b),
            changes(&app, "p.shop", &c),
            changes(&app, "p.shop", &d),
        );
        assert_eq!(replies.0.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(store.reads() - before, 4);
    store.is(Mood::Well);
    let other = changes(&app, "p.hr", &made_up(99)).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_changes_since_a_view_are_found_by_a_process_that_never_showed_it() {
    let store = Moody::new();
    let (_, seen) = shown(&store, "p.shop").await;
    let app = start(&store).await;
    let reply = changes(&app, "p.shop", &seen[0]).await;
    let paths: Vec<_> = reply.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].clone())
        .collect();
    assert_eq!(paths, ["b", "c"]);
}
