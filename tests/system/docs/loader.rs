//! `examples/loader.py`, as a Python backend calls it.

use std::process::{Command, Output};

use kit::TestApp;
use serde_json::{Value, json};

use super::root;

async fn run(url: &str, copy: &str) -> Output {
    let arguments = [
        root().join("examples/loader.py").display().to_string(),
        url.to_owned(),
        "no-token".to_owned(),
        copy.to_owned(),
    ];
    let run = move || Command::new("python3").args(arguments).output();
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    output.expect("python3 runs")
}

/// What the loader returns: the freshness, and how many tables.
async fn load(url: &str, copy: &str) -> (String, usize) {
    let output = run(url, copy).await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = text.lines();
    let freshness = lines.next().expect("a line").to_owned();
    (freshness, lines.skip(1).count())
}

/// Loads until the cache has followed the sync: it revalidates in the background.
async fn load_until(url: &str, copy: &str, tables: usize) {
    for _ in 0..100 {
        if load(url, copy).await.1 == tables {
            return;
        }
    }
    panic!("the loader never sees {tables} tables");
}

#[tokio::test]
async fn the_loader_falls_back_to_its_copy_and_takes_what_is_new() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("new/schema.json").display().to_string();
    let warehouse = folder.path().join("warehouse");
    std::fs::create_dir(&warehouse).expect("a folder");
    let app = TestApp::with_env(platform::Env::default())
        .set(
            "BUCKET_URL",
            format!("file://{}/bucket", folder.path().display()),
        )
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set("CACHE_FRESH_SECONDS", "0")
        .named("metasync")
        .start(metasync::app)
        .await;
    let add_table = |name: &str| {
        let table = json!([{"name": "id", "type": "INT64", "mode": "REQUIRED"}]);
        let path = warehouse.join(format!("shop.sales.{name}.json"));
        std::fs::write(path, table.to_string()).expect("a file");
    };
    let server = app.serve().await;

    assert_eq!(
        load("http://127.0.0.1:1", &copy).await,
        ("builtin".into(), 0)
    );
    assert_eq!(load(&server.url, &copy).await, ("builtin".into(), 0));
    add_table("orders");
    let synced: Value = app.post("/v1/schema/sync", json!({})).await.json();
    assert_eq!(synced["tables_count"], 1, "{synced}");
    load_until(&server.url, &copy, 1).await;
    // Unchanged: the copy is confirmed by its ETag.
    assert_eq!(load(&server.url, &copy).await.1, 1);
    add_table("customers");
    app.post("/v1/schema/sync", json!({})).await;
    load_until(&server.url, &copy, 2).await;
    assert_eq!(load("http://127.0.0.1:1", &copy).await, ("stale".into(), 2));
}

#[tokio::test]
async fn the_loader_reports_a_refused_token() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("new/schema.json").display().to_string();
    let nobody = json!([{"name": "nobody", "role": "reader", "sha256": "0".repeat(64)}]);
    let app = TestApp::with_env(platform::Env::default())
        .set("AUTH_TOKENS", nobody.to_string())
        .start(cache_read::app)
        .await;
    let server = app.serve().await;
    let output = run(&server.url, &copy).await;
    assert!(!output.status.success(), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("401"), "{error}");
}
