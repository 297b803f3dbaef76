//! Which of Amazon's calls a sync and a reader make, as moto records them, held against their entries in the
//! catalogue both ways: nothing is asked that its role would refuse, and nothing is granted for nothing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kit::TestApp;
use serde_json::{Value, json};
use shared::Env;

use crate::server::{Server, folder, is_skipped};
use tests::catalogue;

const BUCKET: &str = "calls";
const TEMPLATE: &str = "sales";

/// Which objects a call is about: `GetObject schema/`.
type Calls = BTreeSet<String>;

struct Recorder {
    moto: Server,
    http: reqwest::Client,
    _file: tempfile::TempDir,
}

impl Recorder {
    async fn start() -> Self {
        let file = tempfile::tempdir().expect("a temporary folder");
        let path = file.path().join("recording").display().to_string();
        let program = folder("moto").join("bin/moto_server").display().to_string();
        let moto = Server::start("moto", "/usr/bin/env", |port| {
            [
                format!("MOTO_RECORDER_FILEPATH={path}"),
                program.clone(),
                "-H".to_owned(),
                "127.0.0.1".to_owned(),
                "-p".to_owned(),
                port.to_string(),
            ]
            .into()
        });
        let http = shared::http_client::build(&Env::default()).expect("a client");
        let recorder = Self {
            moto,
            http,
            _file: file,
        };
        let bucket = format!("{}/{BUCKET}", recorder.moto.url());
        let made = recorder
            .http
            .put(bucket)
            .send()
            .await
            .expect("moto answers");
        assert_eq!(made.status(), 200);
        recorder
    }

    async fn post(&self, what: &str) {
        let url = format!("{}/moto-api/recorder/{what}", self.moto.url());
        let answer = self.http.post(url).send().await.expect("moto answers");
        assert!(answer.status().is_success(), "{what}");
    }

    /// What was asked since the last time.
    async fn calls(&self) -> Calls {
        let url = format!("{}/moto-api/recorder/download-recording", self.moto.url());
        let recording = self.http.get(url).send().await.expect("moto answers");
        let recording = recording.text().await.expect("text");
        let lines = recording
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        let calls = lines.map(|call: Value| named(&call)).collect();
        self.post("reset-recording").await;
        calls
    }

    fn env(&self) -> Env {
        Env::default()
            .with("AWS_ENDPOINT_URL", self.moto.url())
            .with("AWS_REGION", "eu-central-1")
            .with("AWS_ACCESS_KEY_ID", "key")
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("BUCKET_URL", format!("s3://{BUCKET}"))
            .with("CACHE_FRESH_SECONDS", "0")
    }
}

/// As a policy names it.
fn named(call: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers = call["headers"].as_object().expect("headers");
    let target = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
    if let Some((_, target)) = target {
        let body = BASE64.decode(text(&call["body"])).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        return format!("{} {}", text(target), text(&body["SecretId"]));
    }
    let url = url::Url::parse(&text(&call["url"])).expect("a URL");
    let key = url
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .map_or("", |(_, key)| key);
    let prefix = key.split_once('/').map_or("", |(prefix, _)| prefix);
    let action = match (text(&call["method"]).as_str(), key.is_empty()) {
        ("GET" | "HEAD", false) => "GetObject",
        ("GET", true) => "ListBucket",
        ("PUT", false) => "PutObject",
        ("DELETE", false) => "DeleteObject",
        (method, _) => panic!("{method} {url}"),
    };
    format!("{action} {prefix}/")
}

fn granted(name: &str) -> Calls {
    let functions = catalogue::functions();
    let bucket = functions[name].uses.bucket.as_ref().expect("a bucket");
    let kinds = [
        ("GetObject", &bucket.read),
        ("PutObject", &bucket.write),
        ("DeleteObject", &bucket.delete),
    ];
    let pairs = kinds.into_iter().flat_map(|(action, prefixes)| {
        prefixes
            .iter()
            .map(move |prefix| format!("{action} {prefix}"))
    });
    pairs.collect()
}

#[tokio::test]
async fn a_sync_and_a_reader_make_the_calls_that_their_roles_allow_and_need_every_one() {
    if is_skipped("moto") {
        return;
    }
    let recorder = Recorder::start().await;
    let warehouse = tempfile::tempdir().unwrap();
    metasync::sample::write(warehouse.path()).unwrap();
    let warehouse_url = format!("file://{}", warehouse.path().display());
    recorder.post("start-recording").await;

    let sync = TestApp::with_env(recorder.env())
        .set("WAREHOUSE_URL", &warehouse_url)
        .start(schema_sync::app)
        .await;
    for _ in 0..2 {
        let synced = sync.post("/v1/schema/sync", json!({})).await;
        assert_eq!(synced.status, 200, "{}", synced.text());
    }
    assert_eq!(recorder.calls().await, granted("schema-sync"));

    let temporary = tempfile::tempdir().unwrap();
    let read = TestApp::with_env(recorder.env())
        .set("TMPDIR", temporary.path().display().to_string())
        .start(cache_read::app)
        .await;
    let tables = read.get("/v1/schema/tables").await;
    assert_eq!(tables.status, 200, "{}", tables.text());
    let question = json!({"question": "revenue by day", "template": TEMPLATE});
    let unknown = read.post("/v1/schema/prompt", question).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    assert_eq!(recorder.calls().await, granted("cache-read"));

    // Every function reads its secrets, and asks for nothing but these.
    let secret =
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/AUTH_TOKENS-abcdef";
    let refused = shared::secrets::resolve(recorder.env().with("AUTH_TOKENS", secret)).await;
    refused.expect_err("there is no such secret");
    let expected = format!("secretsmanager.GetSecretValue {secret}");
    assert_eq!(recorder.calls().await, Calls::from([expected]));
}
