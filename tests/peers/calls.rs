//! The calls of each function to a cloud, recorded by a proxy, compared with its entry in the catalogue: the rights
//! cover every call, and every right is needed. `aws/deployed.rs` compares the policies with the catalogue for AWS,
//! `tests/system/infra.rs` for Google Cloud, and the end of this file for BigQuery.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use kit::TestApp;
use kit::bigquery::BigQuery;
use kit::llm::{Answer, LlmStub};
use kit::postgres::database;
use platform::Env;
use regex::Regex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use crate::server::{Server, is_skipped};
use crate::terraform::infra;
use tests::catalogue;

const BUCKET: &str = "calls";
const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";

/// Calls as the catalogue names them, such as `read schema/`, or by the permission that they need.
type Calls = BTreeSet<String>;

/// A proxy that records requests and forwards them to a peer.
struct Recorder {
    url: String,
    proxy: Arc<Proxy>,
}

struct Proxy {
    upstream: String,
    http: reqwest::Client,
    calls: Mutex<Calls>,
}

impl Recorder {
    async fn before(upstream: String) -> Self {
        let proxy = Arc::new(Proxy {
            upstream,
            http: platform::http_client::build(&Env::default()).expect("a client"),
            calls: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let service = Router::new().fallback(forward).with_state(proxy.clone());
        tokio::spawn(async { axum::serve(listener, service).await });
        Self { url, proxy }
    }

    /// The calls since the last time.
    fn calls(&self) -> Calls {
        mem::take(&mut self.proxy.calls.lock().expect("no panic while locked"))
    }
}

async fn forward(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .expect("a complete request");
    let address = parts.uri.path_and_query().expect("an address").as_str();
    let url = Url::parse(&format!("{}{address}", proxy.upstream)).expect("a URL");
    let calls = calls_of(&parts, &url, &String::from_utf8_lossy(&body));
    proxy
        .calls
        .lock()
        .expect("no panic while locked")
        .extend(calls);
    let mut headers = parts.headers;
    headers.remove("host");
    let request = proxy.http.request(parts.method, url).headers(headers);
    let reply = request.body(body).send().await.expect("a response");
    let mut response = Response::builder().status(reply.status());
    for (name, value) in reply.headers() {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    let body = reply.bytes().await.expect("a complete response");
    response.body(Body::from(body)).expect("a response")
}

/// The names of the calls in a request.
fn calls_of(parts: &http::request::Parts, url: &Url, body: &str) -> Vec<String> {
    let json = || serde_json::from_str::<Value>(body).unwrap_or_default();
    if let Some(target) = parts.headers.get("x-amz-target") {
        let id = json()["SecretId"].as_str().unwrap_or_default().to_owned();
        return vec![format!("{} {id}", target.to_str().expect("text"))];
    }
    let path: Vec<&str> = url.path_segments().expect("a path").collect();
    let of = |call: &str, key: &str| {
        let (folder, _) = key.split_once('/').expect("an object in a folder");
        vec![format!("{call} {folder}/")]
    };
    let method = parts.method.as_str();
    let object = |key: &str| {
        let call = match method {
            "GET" => "read",
            "PUT" => "write",
            "DELETE" => "delete",
            _ => panic!("{method} {url}"),
        };
        of(call, &key.replace("%2F", "/"))
    };
    match (method, &path[..]) {
        ("GET", [BUCKET] | [BUCKET, ""] | ["storage", "v1", "b", BUCKET, "o"]) => {
            vec!["list".to_owned()]
        }
        (_, [BUCKET, key @ ..]) => object(&key.join("/")),
        (_, ["storage", "v1", "b", BUCKET, "o", key]) => object(key),
        ("POST", ["upload", "storage", "v1", "b", BUCKET, "o"]) => {
            let name = Regex::new(r#""name":"([^"]+)""#).expect("a pattern");
            of("write", &name.captures(body).expect("a name")[1])
        }
        (_, ["bigquery", "v2", "projects", _, rest @ ..]) => bigquery(method, rest, &json()),
        _ => panic!("{method} {url}"),
    }
}

/// The permissions that a call needs: <https://cloud.google.com/bigquery/docs/access-control>.
fn bigquery(method: &str, path: &[&str], body: &Value) -> Vec<String> {
    let dry_run = body["configuration"]["dryRun"] == json!(true);
    let rights: &[&str] = match (method, path) {
        ("GET", ["datasets", _]) => &["datasets.get"],
        ("GET", ["datasets", _, "tables"]) => &["tables.list"],
        ("GET", ["datasets", _, "tables", _]) => &["tables.get"],
        // Reading INFORMATION_SCHEMA does not need the data of a table.
        ("POST", ["queries"]) => &["jobs.create", "tables.get", "tables.list"],
        ("GET", ["queries", _]) => &["jobs.create"],
        ("POST", ["jobs"]) if dry_run => &["jobs.create", "tables.get", "tables.getData"],
        _ => panic!("{method} {path:?} {body}"),
    };
    rights
        .iter()
        .map(|right| format!("bigquery.{right}"))
        .collect()
}

/// The calls to the object store that the catalogue grants to a function.
fn granted(name: &str) -> Calls {
    let functions = catalogue::functions();
    let rights = functions[name].uses.bucket.rights().into_iter();
    let calls = rights.flat_map(|(right, all)| all.iter().map(move |it| format!("{right} {it}")));
    calls.collect()
}

/// The object store of a cloud behind a recorder.
struct Cloud {
    recorder: Recorder,
    env: Env,
    _server: Server,
}

async fn amazon() -> Cloud {
    let server = Server::start("moto", "bin/moto_server", |port| {
        ["-H", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .into()
    });
    let http = platform::http_client::build(&Env::default()).expect("a client");
    let made = http.put(format!("{}/{BUCKET}", server.url())).send().await;
    assert_eq!(made.expect("a response from moto").status(), 200);
    let recorder = Recorder::before(server.url()).await;
    let env = Env::default()
        .with("AWS_ENDPOINT_URL", &recorder.url)
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret")
        .with("BUCKET_URL", format!("s3://{BUCKET}"));
    Cloud {
        recorder,
        env,
        _server: server,
    }
}

async fn google() -> Cloud {
    let server = Server::start("fake-gcs-server", "bin/fake-gcs-server", |port| {
        let port = port.to_string();
        let arguments = [
            "-backend",
            "memory",
            "-scheme",
            "http",
            "-host",
            "127.0.0.1",
            "-port",
        ];
        let arguments = arguments.into_iter().chain([port.as_str()]);
        arguments.map(str::to_owned).collect()
    });
    let http = platform::http_client::build(&Env::default()).expect("a client");
    let made = http.post(format!("{}/storage/v1/b", server.url()));
    let made = made.json(&json!({ "name": BUCKET })).send().await;
    assert_eq!(made.expect("a response from the store").status(), 200);
    let recorder = Recorder::before(server.url()).await;
    let env = Env::default()
        .with("STORAGE_EMULATOR_HOST", &recorder.url)
        .with("BUCKET_URL", format!("gs://{BUCKET}"));
    Cloud {
        recorder,
        env,
        _server: server,
    }
}

/// Makes every function use the object store in every way, and compares the calls with the catalogue.
async fn compare_with_the_catalogue(cloud: &Cloud) {
    let mut checked = BTreeSet::new();
    let mut check = |name: &str, mut calls: Calls| {
        let uses = &catalogue::functions()[name].uses;
        // Every user of the bucket may list it; otherwise both clouds return 403 for a missing object.
        assert!(!calls.remove("list") || uses.bucket.is_used(), "{name}");
        assert_eq!(calls, granted(name), "{name}");
        checked.insert(name.to_owned());
    };
    let folder = tempfile::tempdir().unwrap();
    metasync::sample::write(folder.path()).unwrap();
    let database = database().await;
    let env = cloud
        .env
        .clone()
        .with("CACHE_FRESH_SECONDS", "0")
        .with("DATABASE_URL", &database.url)
        .with("MASKING_KEY", "07".repeat(32))
        .with("METASYNC_KEYS", "09".repeat(32))
        .with("PRIVACY_KEY", "08".repeat(32))
        .with("TMPDIR", folder.path().display().to_string())
        .with(
            "WAREHOUSE_URL",
            format!("file://{}", folder.path().display()),
        );
    let named = |name| TestApp::with_env(env.clone()).named(name);

    let sync = named("schema-sync").start(schema_sync::app).await;
    for _ in 0..2 {
        let synced = sync.post("/v1/schema/sync", json!({})).await;
        assert_eq!(synced.status, 200, "{}", synced.text());
    }
    check("schema-sync", cloud.recorder.calls());

    let read = named("cache-read").start(cache_read::app).await;
    let tables = read.get("/v1/schema/tables").await;
    assert_eq!(tables.status, 200, "{}", tables.text());
    let question = json!({"question": "revenue by day", "template": "sales"});
    let unknown = read.post("/v1/schema/prompt", question).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    let path = "/v1/schema/templates/sales";
    let template = json!({"system": "", "user": "{{schema}} {{question}}"});
    assert_eq!(read.put(path, template).await.status, 201);
    assert_eq!(read.delete(path).await.status, 204);
    check("cache-read", cloud.recorder.calls());

    let settings = named("settings").start(settings::app).await;
    let theme = settings.put("/v1/robeings/r1/settings/skill/theme", json!("dark"));
    assert!(theme.await.status.is_success());
    check("settings", cloud.recorder.calls());

    let log = named("message-log").start(message_log::app).await;
    let stats = named("stats-batch").start(stats_batch::app).await;
    let privacy = named("privacy").start(privacy::app).await;
    let message = json!({"robeing_id": "r1", "user_id": PERSON, "message": "hello",
        "created_at": "2025-08-10T12:00:00Z"});
    assert_eq!(log.post("/v1/messages", message).await.status, 201);
    let mut calls = Calls::new();
    let mut state = Value::Null;
    // Transactions in the databases of other tests delay the roll-up.
    for _ in 0..200 {
        log.post("/events/message-log", json!({})).await;
        check("message-log", cloud.recorder.calls());
        stats.post("/events/stats-batch", json!({})).await;
        check("stats-batch", cloud.recorder.calls());
        let ran = privacy.post("/events/privacy", json!({})).await.json();
        calls.extend(cloud.recorder.calls());
        state = ran["archived"][0]["state"].clone();
        if state == "dropped" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(state, "dropped");
    let export = privacy
        .post("/v1/exports", json!({"user_id": PERSON}))
        .await;
    assert_eq!(export.status, 200, "{export:?}");
    let export = export.json();
    let link = export["files"][0]["url"].as_str().expect("a link");
    assert_eq!(privacy.get(link).await.status, 200);
    let erasure = privacy
        .post("/v1/erasures", json!({"user_id": PERSON}))
        .await;
    assert_eq!(erasure.status, 200, "{erasure:?}");
    // Removes the archive file, whose rows have lost their keys.
    let ran = privacy.post("/events/privacy", json!({})).await;
    assert_eq!(ran.status, 200, "{ran:?}");
    calls.extend(cloud.recorder.calls());
    check("privacy", calls);

    let console = named("console").start(console::app).await;
    let invited = json!({"email": "kim@example.com", "role": "reader"});
    let invited = console.post("/v1/people", invited).await;
    assert_eq!(invited.status, 201, "{invited:?}");
    let mut calls = Calls::new();
    let mut chained = Value::Null;
    for _ in 0..200 {
        let swept = console.post("/events/console", json!({})).await;
        assert_eq!(swept.status, 200, "{swept:?}");
        chained = swept.json()["audit"]["seq"].clone();
        calls.extend(cloud.recorder.calls());
        if chained != 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(chained, 0);
    let verified = console.get("/v1/audit/verification").await;
    assert_eq!(verified.status, 200, "{verified:?}");
    calls.extend(cloud.recorder.calls());
    check("console", calls);

    checked.insert("metasync".to_owned());
    let all: BTreeSet<String> = catalogue::functions().into_keys().collect();
    assert_eq!(checked, all, "`metasync` has the calls of all the others");
}

#[tokio::test]
async fn on_aws_every_function_makes_exactly_the_calls_that_the_catalogue_grants() {
    if is_skipped("moto") {
        return;
    }
    let cloud = amazon().await;
    compare_with_the_catalogue(&cloud).await;

    // Every function reads only its secrets.
    let secret =
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:metasync/AUTH_TOKENS-abcdef";
    let refused = platform::secrets::resolve(cloud.env.with("AUTH_TOKENS", secret)).await;
    refused.expect_err("an unknown secret");
    let expected = format!("secretsmanager.GetSecretValue {secret}");
    assert_eq!(cloud.recorder.calls(), Calls::from([expected]));
}

#[tokio::test]
async fn on_google_cloud_every_function_makes_exactly_the_calls_that_the_catalogue_grants() {
    if is_skipped("fake-gcs-server") {
        return;
    }
    compare_with_the_catalogue(&google().await).await;
}

/// The permissions of the BigQuery roles that the calls need.
const BIGQUERY_ROLES: [(&str, &[&str]); 2] = [
    (
        "dataViewer",
        &[
            "datasets.get",
            "tables.get",
            "tables.getData",
            "tables.list",
        ],
    ),
    ("jobUser", &["jobs.create"]),
];

fn rights(roles: &[&str]) -> Calls {
    let given = BIGQUERY_ROLES
        .iter()
        .filter(|(role, _)| roles.contains(role));
    let rights = given.flat_map(|(_, rights)| rights.iter());
    rights.map(|right| format!("bigquery.{right}")).collect()
}

#[tokio::test]
async fn a_sync_and_a_planned_query_need_exactly_the_bigquery_roles_of_the_module() {
    let terraform = std::fs::read_to_string(infra().join("modules/gcp/warehouse.tf")).unwrap();
    let named = Regex::new(r#""roles/bigquery\.(\w+)""#).unwrap();
    let named: BTreeSet<&str> = named
        .captures_iter(&terraform)
        .map(|it| it.extract::<1>().1[0])
        .collect();
    assert_eq!(named, BIGQUERY_ROLES.map(|(role, _)| role).into());

    let stub = BigQuery::start().await;
    let columns = json!([{"name": "id", "type": "INTEGER"}, {"name": "total", "type": "NUMERIC"}]);
    stub.table("acme.shop", "orders", columns.clone());
    stub.locate("acme.shop", "europe-west3");
    let recorder = Recorder::before(format!("http://{}", stub.host())).await;
    let sql = "select count(*) as n from `acme.shop.orders`";
    let answer = json!({"kind": "query", "sql": sql, "answer": "", "reason": ""});
    let model = LlmStub::canned([Answer::Json(answer)]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let env = Env::default()
        .with(
            "BIGQUERY_EMULATOR_HOST",
            recorder.url.replace("http://", ""),
        )
        .with("BUCKET_URL", format!("file://{path}"))
        .with("TMPDIR", path)
        .with("WAREHOUSE_URL", "bigquery://acme/shop");

    let sync = TestApp::with_env(env.clone()).start(schema_sync::app).await;
    let synced = sync.post("/v1/schema/sync", json!({})).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
    stub.table("acme.shop", "refunds", columns);
    let synced = sync.post("/v1/schema/sync", json!({})).await;
    assert_eq!(synced.json()["tables_count"], 2, "{}", synced.text());
    assert_eq!(recorder.calls(), rights(&["dataViewer", "jobUser"]));

    let env = model
        .env("gpt-test")
        .iter()
        .fold(env, |env, (name, value)| env.with(name, value));
    let read = TestApp::with_env(env).start(cache_read::app).await;
    let reply = read
        .post("/v1/schema/sql", json!({"question": "how many orders?"}))
        .await;
    assert_eq!(
        reply.json()["verified"]["how"],
        "dry_run",
        "{}",
        reply.text()
    );
    let needed = recorder.calls();
    assert!(
        needed.is_subset(&rights(&["dataViewer", "jobUser"])),
        "{needed:?}"
    );
    for roles in [["dataViewer"], ["jobUser"]] {
        assert!(!needed.is_subset(&rights(&roles)), "{needed:?}");
    }
}
