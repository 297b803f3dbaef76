//! The routes of every function against their OpenAPI document, with schemathesis: it sends requests that the
//! document allows and requests that it forbids, and checks status, content type, headers and body of each
//! response. It does so as callers in each role, as one without a token, and as one with another scope.
//! `schemathesis.toml` has the number of requests and the exceptions.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use kit::TestApp;
use kit::llm::{Answer, LlmStub};
use kit::postgres::database;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::server::folder;

/// Who calls: nobody, or the holder of a token, in a role and a scope.
struct Caller {
    name: &'static str,
    role: &'static str,
    scope: fn() -> Value,
}

const CALLERS: [Caller; 5] = [
    Caller {
        name: "nobody",
        role: "",
        scope: || json!({}),
    },
    Caller {
        name: "reader",
        role: "reader",
        scope: own,
    },
    Caller {
        name: "writer",
        role: "writer",
        scope: own,
    },
    Caller {
        name: "stranger",
        role: "admin",
        scope: || json!({"datasets": ["other.shop"], "robeings": ["other"], "sessions": ["other"]}),
    },
    Caller {
        name: "all",
        role: "admin",
        scope: || json!({"datasets": ["*"], "robeings": ["*"], "sessions": ["*"]}),
    },
];
const DATASET: &str = "bigquery-public-data.ga4_obfuscated_sample_ecommerce";
const TIMEOUT: Duration = Duration::from_secs(240);

/// What the reader and the writer may see: all that the test stores.
fn own() -> Value {
    json!({"datasets": [DATASET], "robeings": ["0"], "sessions": ["0"]})
}

impl Caller {
    /// None for nobody.
    fn token(&self) -> Option<String> {
        (!self.role.is_empty()).then(|| format!("the-token-of-{}", self.name))
    }
}

fn tokens() -> String {
    let tokens = CALLERS.iter().filter_map(|caller| {
        let digest = Sha256::digest(caller.token()?);
        let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let scope = (caller.scope)();
        Some(json!({"name": caller.name, "role": caller.role, "scope": scope, "sha256": sha256}))
    });
    Value::from_iter(tokens).to_string()
}

/// The answer of the model to every request.
fn answer() -> Answer {
    Answer::Json(json!({
        "kind": "query",
        "sql": "select event_name from `bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*`",
        "answer": "",
        "reason": "",
    }))
}

async fn schemathesis(document: &Path, url: &str, caller: &Caller) -> Output {
    let program = folder("schemathesis").join("bin/schemathesis");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/schemathesis.toml");
    let mut command = Command::new(program);
    command
        .arg("--config-file")
        .arg(config)
        .arg("run")
        .arg(document)
        .args(["--url", url])
        .env("NO_COLOR", "1")
        .current_dir(std::env::temp_dir())
        .kill_on_drop(true);
    match caller.token() {
        Some(token) => {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        // Everything is refused before it is routed.
        None => {
            command.args(["--exclude-checks", "unsupported_method"]);
        }
    }
    let output = tokio::time::timeout(TIMEOUT, command.output()).await;
    output
        .expect("a result in time")
        .expect("schemathesis runs")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_responds_to_every_caller_as_its_document_says() {
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
        .set("METASYNC_KEYS", "09".repeat(32))
        .set("PRIVACY_KEY", "08".repeat(32))
        .set("SLACK_SIGNING_SECRET", "8f742231b10e8888abcd99yyyzzz85a5")
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set("BUCKET_URL", format!("file://{}", bucket.display()))
        .set("TMPDIR", folder.path().display().to_string())
        .set("AUTH_TOKENS", tokens())
        // The cases of one caller come faster than people and programs do.
        .set("RATE_LIMITS", "model=off,administration=off")
        .start(metasync::app)
        .await;
    let all = CALLERS.last().and_then(Caller::token).unwrap();
    let synced = app.post("/v1/schema/sync", json!({})).bearer(&all).await;
    assert_eq!(synced.status, 200, "{synced:?}");
    let message = json!({"robeing_id": "0", "thread_ts": "t1", "message": "where is it?", "response": "here"});
    let stored = app.post("/v1/messages", message).bearer(&all).await;
    assert_eq!(stored.status, 201, "{stored:?}");

    let document = app.get("/openapi.json").bearer(&all).await;
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, &document.body).unwrap();
    let document = document.json();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: usize = paths.filter_map(Value::as_object).map(Map::len).sum();
    let served = app.serve().await;
    let mut faults = Vec::new();
    for caller in &CALLERS {
        let output = schemathesis(&file, &served.url, caller).await;
        let report = String::from_utf8_lossy(&output.stdout);
        let is_complete = report.contains(&format!("Tested: {operations}"));
        if !output.status.success() || !is_complete || report.contains("Unresolvable") {
            let errors = String::from_utf8_lossy(&output.stderr);
            faults.push(format!("{}: {report}\n{errors}", caller.name));
        }
    }
    served.stop().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
