//! The changes since a version.

use std::time::Duration;

use http::StatusCode;
use schema::document::Column;
use schema::versions::{HISTORY, version_key};
use serde_json::json;
use tokio::time::Instant;

use crate::common::{Mood, Moody, level, sealed, serving, shop, start, version, with_columns};

#[tokio::test(start_paused = true)]
async fn changes_since_a_version_include_nested_paths() {
    let one = shop();
    let mut two = shop();
    two.tables[3].columns[1]
        .fields
        .push(Column::leaf("value", "INT64"));
    two.tables.remove(0);
    let two = sealed(two);
    let store = Moody::new();
    store.sync(&one).await;
    store.sync(&two).await;
    let app = start(&store).await;

    let reply = app
        .get(&format!("/v1/schema/changes?since={}", one.version))
        .await;

    assert_eq!(
        reply.json(),
        json!({
            "since": one.version,
            "version": two.version,
            "changes": [
                {"table": "p.hr.people", "kind": "table_removed", "breaking": true},
                {
                    "table": "p.web.events_*",
                    "path": "event_params.value",
                    "kind": "column_added",
                    "breaking": false,
                    "to": "INT64",
                },
            ],
        })
    );
    // What was compared once needs no store.
    store.is(Mood::Down);
    let again = app
        .get(&format!("/v1/schema/changes?since={}", one.version))
        .await;
    assert_eq!(again.body, reply.body);
}

#[tokio::test]
async fn changes_without_since_are_those_from_the_previous_version() {
    let one = shop();
    let mut two = shop();
    two.tables.remove(0);
    let two = sealed(two);
    let store = Moody::new();
    store.sync(&one).await;
    let app = start(&store).await;
    let first = app.get("/v1/schema/changes").await;
    assert_eq!(first.status, StatusCode::NOT_FOUND);
    assert!(first.text().contains("no version before"), "{first:?}");

    store.sync(&two).await;
    let app = start(&store).await;
    let told = app.get("/v1/schema/changes").await;
    let since = app.get(&format!("/v1/schema/changes?since={}", one.version));
    assert_eq!(told.json(), since.await.json());
    assert_eq!(told.json()["changes"][0]["kind"], "table_removed");
}

#[tokio::test]
async fn nothing_has_changed_since_the_current_version() {
    let shop = shop();
    let (app, _) = serving(&shop).await;
    let reply = app
        .get(&format!("/v1/schema/changes?since={}", shop.version))
        .await;
    let nothing = json!({"since": shop.version, "version": shop.version, "changes": []});
    assert_eq!(reply.json(), nothing);
}

#[tokio::test]
async fn an_unknown_version_is_a_404_that_names_the_whole_document() {
    let unknown = "0123456789abcdef".repeat(4);
    let path = format!("/v1/schema/changes?since={unknown}");
    let (app, store) = serving(&shop()).await;
    let reply = app.get(&path).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("GET /v1/schema")
    );

    store.is(Mood::Down);
    let known = app.get(&path).await;
    assert_eq!(known.status, StatusCode::NOT_FOUND);
    let other = path.replace('0', "1");
    let reply = app.get(&other).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_damaged_version_counts_as_missing() {
    let (one, two) = (with_columns(&["a"]), with_columns(&["a", "b"]));
    let path = format!("/v1/schema/changes?since={}", one.version);
    for damaged in [&b"torn"[..], &zstd::encode_all(&b"{}"[..], 1).unwrap()] {
        let store = Moody::new();
        store.sync(&one).await;
        store.sync(&two).await;
        let key = version_key(&one.version);
        store.put_object(&key, damaged.to_vec()).await;
        let app = start(&store).await;

        let reply = app.get(&path).await;

        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains("get the whole document"), "{detail}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_delays_a_reader_briefly_and_the_next_one_gets_the_answer() {
    let (one, two) = (with_columns(&["a"]), with_columns(&["a", "b"]));
    let path = format!("/v1/schema/changes?since={}", one.version);
    let store = Moody::new();
    store.sync(&one).await;
    store.sync(&two).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    store.is(Mood::Waiting);

    let started = Instant::now();
    let reply = app.get(&path).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed(), Duration::from_secs(3));

    store.let_through(1);
    store.is(Mood::Down);
    let mut reply = app.get(&path).await;
    while reply.status == StatusCode::SERVICE_UNAVAILABLE {
        tokio::task::yield_now().await;
        reply = app.get(&path).await;
    }
    assert_eq!(reply.json()["changes"][0]["kind"], "column_added");
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_newer_version_does_not_see_its_changes_reverted() {
    let one = with_columns(&["a"]);
    let mut two = with_columns(&["a", "b"]);
    two.generated_at += Duration::from_secs(60);
    let (app, store) = serving(&one).await;
    assert_eq!(version(&app.get("/v1/schema").await), one.version);
    store.sync(&two).await;

    let reply = app
        .get(&format!("/v1/schema/changes?since={}", two.version))
        .await;

    let nothing = json!({"since": two.version, "version": two.version, "changes": []});
    assert_eq!((reply.json(), level(&reply)), (nothing, "fresh"));
    assert_eq!(reply.header("metasync-version"), Some(&*two.version));
}

#[tokio::test]
async fn without_a_schema_no_table_is_reported_as_removed() {
    let one = shop();
    let store = Moody::new();
    store.sync(&one).await;
    store.delete_head().await;
    store.delete_object(HISTORY).await;
    let app = start(&store).await;
    let reply = app
        .get(&format!("/v1/schema/changes?since={}", one.version))
        .await;
    assert_eq!(
        (reply.status, level(&reply)),
        (StatusCode::SERVICE_UNAVAILABLE, "builtin")
    );
}
