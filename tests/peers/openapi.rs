//! The routes of every function against their OpenAPI document, with schemathesis: it sends requests that the
//! document allows and requests that it forbids, and checks status, content type, headers and body of each
//! response. `schemathesis.toml` has the number of requests and the exceptions.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use kit::TestApp;
use kit::llm::{Answer, LlmStub};
use kit::postgres::database;
use serde_json::{Map, Value, json};

use tokio::process::Command;

use crate::server::folder;

/// One caller with all permissions, and its token.
const TOKENS: &str = r#"[{"name": "all", "role": "admin",
    "scope": {"datasets": ["*"], "robeings": ["*"], "sessions": ["*"]},
    "sha256": "3bb93fea6429bca57ae819e385493610158a9641a59f204789f9c1e288d1524b"}]"#;
const BEARER: &str = "all-may";
const TIMEOUT: Duration = Duration::from_secs(240);

/// The answer of the model to every request.
fn answer() -> Answer {
    Answer::Json(json!({
        "kind": "query",
        "sql": "select event_name from `bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*`",
        "answer": "",
        "reason": "",
    }))
}

async fn schemathesis(url: &str) -> Output {
    let program = folder("schemathesis").join("bin/schemathesis");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/schemathesis.toml");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(format!("{url}/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {BEARER}")])
        .env("NO_COLOR", "1")
        .current_dir(std::env::temp_dir())
        .kill_on_drop(true);
    let output = tokio::time::timeout(TIMEOUT, command.output()).await;
    output
        .expect("a result in time")
        .expect("schemathesis runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_responds_as_its_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let create = |name: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let (warehouse, bucket) = (create("warehouse"), create("bucket"));
    metasync::sample::write(&warehouse).unwrap();
    let model = LlmStub::start(|_| answer()).await;
    let database = database().await;
    let app = TestApp::with_env(model.env("gpt-5"))
        .named("metasync")
        .set("DATABASE_URL", &database.url)
        .set("MASKING_KEY", "07".repeat(32))
        .set("PRIVACY_KEY", "08".repeat(32))
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set("BUCKET_URL", format!("file://{}", bucket.display()))
        .set("TMPDIR", folder.path().display().to_string())
        .set("AUTH_TOKENS", TOKENS)
        .start(metasync::app)
        .await;
    let synced = app.post("/v1/schema/sync", json!({})).bearer(BEARER).await;
    assert_eq!(synced.status, 200, "{synced:?}");
    let message = json!({"robeing_id": "0", "thread_ts": "t1", "message": "where is it?", "response": "here"});
    let stored = app.post("/v1/messages", message).bearer(BEARER).await;
    assert_eq!(stored.status, 201, "{stored:?}");

    let document = app.get("/openapi.json").bearer(BEARER).await.json();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: usize = paths.filter_map(Value::as_object).map(Map::len).sum();
    let served = app.serve().await;
    let output = schemathesis(&served.url).await;
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tested = format!("Tested: {operations}");
    assert!(report.contains(&tested), "not {tested}: {report}");
    assert!(!report.contains("Unresolvable"), "{report}");
    served.stop().await;
}
