//! `docs/clients/metasync.py`, as a Python backend uses it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, Uri};
use kit::TestApp;
use kit::llm::LlmStub;
use kit::object_server::{Deviations, ObjectServer};
use kit::postgres::database;
use platform::store::Put;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::root;

const NOWHERE: &str = "http://127.0.0.1:1";

/// Runs lines of Python after the import of the client. Returns what they print last, which is JSON.
async fn python(lines: &str, variables: &[(&str, &str)]) -> Value {
    let start = "import json, sys\nfrom metasync import *\n";
    let output = Command::new("python3")
        .args(["-B", "-c", &format!("{start}{lines}")])
        .env("PYTHONPATH", root().join("docs/clients"))
        .envs(variables.iter().copied())
        .output()
        .await
        .expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let last = printed.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("not JSON: {printed}"))
}

struct Deployment {
    folder: tempfile::TempDir,
    app: TestApp,
}

impl Deployment {
    async fn start(app: kit::app::Builder) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let warehouse = folder.path().join("warehouse");
        std::fs::create_dir(&warehouse).expect("a folder");
        let bucket = format!("file://{}/bucket", folder.path().display());
        let app = app
            .set("BUCKET_URL", bucket)
            .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
            .set("CACHE_FRESH_SECONDS", "0")
            .set("TMPDIR", folder.path().display().to_string())
            .named("metasync")
            .start(metasync::app)
            .await;
        Self { folder, app }
    }

    async fn sync(&self, table: &str) {
        let columns =
            json!([{"name": "id", "type": "INT64"}, {"name": "country", "type": "STRING"}]);
        let file = format!("warehouse/shop.sales.{table}.json");
        std::fs::write(self.folder.path().join(file), columns.to_string()).expect("a file");
        let synced = self.app.post("/v1/schema/sync", json!({})).await;
        assert_eq!(synced.status, 200, "{synced:?}");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

/// What `schema()` returns with these arguments: the source, and the number of tables.
async fn schema(arguments: &str, variables: &[(&str, &str)]) -> Value {
    let lines = format!(
        "s = MetaSync({arguments}, retry_for=0.1).schema()\nprint(json.dumps([s.source, len(s.tables)]))"
    );
    python(&lines, variables).await
}

#[tokio::test]
async fn the_client_reads_the_schema_and_logs_a_conversation() {
    let model = LlmStub::of_queries(&["select count(*) from `shop.sales.orders`"]).await;
    let database = database().await;
    let app = TestApp::with_env(model.env("gpt-5"))
        .set("DATABASE_URL", &database.url)
        .set("MASKING_KEY", "07".repeat(32));
    let deployment = Deployment::start(app).await;
    deployment.sync("orders").await;
    let server = deployment.app.serve().await;

    let result = python(
        &r#"
m = MetaSync(URL)
context = m.context("orders per country", token_budget=500, datasets=["shop.sales"])
prompt = m.prompt("orders per country", token_budget=4000)
sql = m.sql("how many orders?")
first = m.log("r1", message="Where is my order?", thread_ts="t1", key="order-17")
again = m.log("r1", message="Where is my order?", thread_ts="t1", key="order-17")
other = m.log("r1", message="Where is my order?", thread_ts="t2")
answer = m.log("r1", response="On its way.", thread_ts="t1", reply_to=first["id"])
conversation = m.conversation("r1", thread_ts="t1", token_budget=1000)
try:
    m.table("nothing")
except MetaSyncError as error:
    missing = [error.status, bool(error.request_id), isinstance(error, Unavailable)]
try:
    m.log("r1")
except MetaSyncError as error:
    invalid = [error.status, error.detail]
print(json.dumps({
    "context": context["context"], "messages": len(prompt["messages"]), "sql": sql["sql"],
    "ddl": m.table("orders", format="ddl"), "column": m.table("orders")["columns"][0]["name"],
    "once": first["id"] == again["id"], "twice": other["id"] != first["id"],
    "turns": [turn["text"] for turn in conversation["turns"]], "missing": missing, "invalid": invalid,
}))
"#
        .replace("URL", &format!("{:?}", server.url)),
        &[],
    )
    .await;

    assert!(
        result["context"]
            .as_str()
            .unwrap()
            .contains("shop.sales.orders"),
        "{result}"
    );
    assert!(result["messages"].as_u64() > Some(0), "{result}");
    assert!(
        result["sql"].as_str().unwrap().contains("count(*)"),
        "{result}"
    );
    let ddl = result["ddl"].as_str().unwrap().to_lowercase();
    assert!(ddl.contains("create table"), "{result}");
    assert_eq!(result["column"], "id");
    assert_eq!(
        (&result["once"], &result["twice"]),
        (&json!(true), &json!(true))
    );
    let turns = json!(["Where is my order?", "On its way."]);
    assert_eq!(result["turns"], turns);
    assert_eq!(result["missing"], json!([404, true, false]));
    assert_eq!(result["invalid"][0], 400);
}

#[tokio::test]
async fn the_client_confirms_its_copy_and_falls_back_to_the_bucket_and_then_to_the_copy() {
    let deployment = Deployment::start(TestApp::with_env(platform::Env::default())).await;
    let copy = deployment.path("new/copy.json");
    let bucket = format!("file://{}", deployment.path("bucket"));
    let server = deployment.app.serve().await;
    deployment.sync("orders").await;
    let cached = |url: &str| format!("{url:?}, cache={copy:?}");

    assert_eq!(schema(&cached(&server.url), &[]).await[1], 1);
    let again = format!(
        "m = MetaSync({})\nm.schema()\nbefore = m._copy\ns = m.schema(max_age=0)\n\
         print(json.dumps([before is m._copy, len(s.tables)]))",
        cached(&server.url)
    );
    assert_eq!(
        python(&again, &[]).await,
        json!([true, 1]),
        "confirmed by its ETag"
    );
    let mode = format!("import os\nprint(os.stat({copy:?}).st_mode & 0o077)");
    assert_eq!(python(&mode, &[]).await, 0, "only the owner reads the copy");

    deployment.sync("customers").await;
    let with_bucket = format!("{}, bucket={bucket:?}", cached(NOWHERE));
    assert_eq!(schema(&with_bucket, &[]).await, json!(["bucket", 2]));
    assert_eq!(schema(&cached(NOWHERE), &[]).await, json!(["stale", 1]));
    std::fs::write(&copy, "{").expect("a damaged copy");
    let neither = format!(
        "try: MetaSync({}, retry_for=0.1).schema()\n\
         except Unavailable as error: print(json.dumps([error.status, error.detail]))",
        cached(NOWHERE)
    );
    let neither = python(&neither, &[]).await;
    assert_eq!(neither[0], 0);
    assert!(neither[1].as_str().unwrap().contains(NOWHERE), "{neither}");
    server.stop().await;
}

#[tokio::test]
async fn the_client_refuses_a_url_without_scheme_or_host_at_once() {
    for url in [
        "metasync.example.com",
        "127.0.0.1:8080",
        "localhost:8080",
        "//localhost:8080",
        "https://",
        "http:///v1",
        "ftp://localhost",
        "",
    ] {
        let lines = format!(
            "try: MetaSync({url:?})\nexcept ValueError as error: print(json.dumps(str(error)))"
        );
        let error = python(&lines, &[]).await;
        let error = error.as_str().expect("a text");
        assert!(error.contains("write https://<host>"), "{url}: {error}");
    }
    let lines = "print(json.dumps([MetaSync(url)._url for url in ('http://[::1]:8080/', 'HTTPS://host/a')]))";
    let accepted = python(lines, &[]).await;
    assert_eq!(accepted, json!(["http://[::1]:8080", "HTTPS://host/a"]));
}

#[tokio::test]
async fn the_client_waits_for_a_service_that_is_down_once_in_seconds() {
    let bucket = root().join("tests/system/upgrade/0.1.0/bucket");
    let lines = format!(
        "m = MetaSync({NOWHERE:?}, bucket='file://{}', retry_for=1)\nstarted = time.monotonic()\n\
         sources = [m.schema().source for _ in range(20)]\nelapsed = time.monotonic() - started\n\
         import metasync\nmetasync.FALLBACK_AGE = 0\nwaited = time.monotonic()\nm.schema()\n\
         print(json.dumps([sorted(set(sources)), elapsed, time.monotonic() - waited]))",
        bucket.display()
    );
    let result = python(&lines, &[]).await;
    assert_eq!(result[0], json!(["bucket"]));
    // The pauses add up to 0.3 s at least; a second wait would take as long again.
    let (elapsed, again) = (result[1].as_f64().unwrap(), result[2].as_f64().unwrap());
    assert!(elapsed < 1.9 && again > 0.3, "{result}");
}

#[tokio::test]
async fn the_client_returns_the_schema_even_if_its_copy_cannot_be_written() {
    let deployment = Deployment::start(TestApp::with_env(platform::Env::default())).await;
    let server = deployment.app.serve().await;
    deployment.sync("orders").await;
    let file = deployment.path("file");
    std::fs::write(&file, "not a folder").expect("a file");
    let arguments = format!("{:?}, cache={:?}", server.url, format!("{file}/copy.json"));
    let lines = format!(
        "logged = []\nlogger.addFilter(lambda it: logged.append(it.getMessage()) or False)\n\
         s = MetaSync({arguments}).schema()\nprint(json.dumps([s.source, len(s.tables), logged]))"
    );
    let result = python(&lines, &[]).await;
    assert_eq!(result[1], 1, "{result}");
    let logged = result[2][0].as_str().expect("a warning");
    assert!(
        logged.contains("can't write the copy of the schema"),
        "{logged}"
    );
    server.stop().await;
}

#[tokio::test]
async fn the_client_reads_buckets_of_both_clouds() {
    let objects = ObjectServer::start(Deviations::default()).await;
    let document = root().join("tests/system/upgrade/0.1.0/bucket/schema/metadata_cache.json");
    let document = std::fs::read(Path::new(&document)).expect("a document");
    for scheme in ["s3", "gs"] {
        let store = objects.store(scheme);
        let put = store.put(
            "schema/metadata_cache.json",
            document.clone().into(),
            Put::Always,
        );
        put.await.expect("an object");
        let env = objects.env(scheme);
        let variables: Vec<(&str, &str)> = env.iter().collect();
        let bucket = env.get("BUCKET_URL").expect("a bucket");
        let read = schema(&format!("{NOWHERE:?}, bucket={bucket:?}"), &variables).await;
        assert_eq!(read[0], "bucket", "{scheme}");
        assert!(read[1].as_u64() > Some(0), "{scheme}");
    }
}

#[tokio::test]
async fn the_client_reports_a_refused_token_at_once() {
    let digest = Sha256::digest("right");
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let tokens = json!([{"name": "reader", "role": "reader", "scope": {"datasets": ["*"]}, "sha256": sha256}]);
    let app = TestApp::with_env(platform::Env::default()).set("AUTH_TOKENS", tokens.to_string());
    let app = app.start(cache_read::app).await;
    let server = app.serve().await;
    let lines = |token: &str| {
        format!(
            "try: MetaSync({:?}, {token:?}, bucket='file:///nowhere', retry_for=0.1).schema()\n\
             except MetaSyncError as error: print(json.dumps([type(error).__name__, error.status]))",
            server.url
        )
    };
    let refused = python(&lines("wrong"), &[]).await;
    assert_eq!(refused, json!(["MetaSyncError", 401]));
    // With the right token, there is no schema yet.
    let accepted = python(&lines("right"), &[]).await;
    assert_eq!(accepted[0], "Unavailable");
    server.stop().await;
}

/// What a busy server received: the path, and the headers.
type Received = Arc<Mutex<Vec<(String, HeaderMap)>>>;

async fn busy(State(received): State<Received>, uri: Uri, headers: HeaderMap) -> Response {
    let mut received = received.lock().expect("no panic under the lock");
    received.push((uri.path().to_owned(), headers));
    let later = [("retry-after", "1")];
    match (uri.path(), received.len()) {
        ("/v1/messages", 1) => (StatusCode::SERVICE_UNAVAILABLE, later, "").into_response(),
        ("/v1/messages", 2) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        ("/v1/messages", _) => axum::Json(json!({"id": "7"})).into_response(),
        ("/v1/schema/context", _) => (
            StatusCode::TEMPORARY_REDIRECT,
            [("location", "/stolen")],
            "",
        )
            .into_response(),
        ("/v1/schema/prompt", _) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [("retry-after", "3600")],
            "",
        )
            .into_response(),
        _ => axum::Json(json!({})).into_response(),
    }
}

#[tokio::test]
async fn the_client_repeats_a_request_as_retry_after_says_and_never_forwards_its_token() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let received = Received::default();
    let service = Router::new().fallback(busy).with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, service).await });
    let started = Instant::now();

    let stored = python(
        &format!("print(json.dumps(MetaSync({url:?}, 'token').log('r1', message='hi')))"),
        &[],
    )
    .await;

    assert_eq!(stored, json!({"id": "7"}));
    assert!(started.elapsed() >= Duration::from_secs(1));
    let sent = received.lock().expect("no panic under the lock").clone();
    let keys: Vec<_> = sent
        .iter()
        .map(|(_, headers)| &headers["idempotency-key"])
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(sent[0].1["authorization"], "Bearer token");

    for (call, status) in [("context", 307), ("prompt", 503)] {
        let lines = format!(
            "try: MetaSync({url:?}, 'token', retry_for=5).{call}('q')\n\
             except MetaSyncError as error: print(error.status)"
        );
        assert_eq!(python(&lines, &[]).await, status, "{call}");
    }
    let sent = received.lock().expect("no panic under the lock").clone();
    let after: Vec<&str> = sent[3..].iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(after, ["/v1/schema/context", "/v1/schema/prompt"]);
}
