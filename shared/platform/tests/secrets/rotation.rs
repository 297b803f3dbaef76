//! Secrets that change while the process runs.

use std::fs;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use kit::clock::WallClock;
use kit::llm::{Answer, LlmStub};
use kit::postgres::empty_database;
use platform::llm::Prompt;
use platform::secrets::Rotating;
use platform::{Env, Resources, Router, secrets, serve};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::{Manager, TOKENS, amazon, manager, no_value};

/// After this time, secrets are read in the background.
const OLD: Duration = Duration::from_secs(331);
/// After this time, a request waits for them.
const STALE: Duration = Duration::from_secs(661);

/// The value of `AUTH_TOKENS` that accepts these tokens.
fn accepting(tokens: &[&str]) -> String {
    let entry = |token: &&str| {
        let digest = Sha256::digest(token);
        let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": token, "role": "reader", "sha256": sha256})
    };
    json!(tokens.iter().map(entry).collect::<Vec<_>>()).to_string()
}

struct Process {
    service: axum::Router,
    clock: WallClock,
    resources: Resources,
}

impl Process {
    async fn start(env: Env) -> Self {
        let clock = WallClock::default();
        let env = secrets::resolve(env).await.expect("the secrets");
        let resources = Resources::with_clock(env, clock.clock());
        let service = serve::service("test", Router::new(), &resources).expect("a service");
        Self {
            service,
            clock,
            resources,
        }
    }

    async fn status(&self, token: &str) -> u16 {
        let request = Request::get("/openapi.json")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::empty())
            .unwrap();
        let response = self.service.clone().oneshot(request).await.unwrap();
        response.status().as_u16()
    }
}

fn with_tokens(manager: &Manager) -> Env {
    manager.env().with("AUTH_TOKENS", TOKENS)
}

#[tokio::test]
async fn an_old_secret_is_read_again_in_the_background_of_a_request() {
    let answers = [amazon(&accepting(&["old"])), amazon(&accepting(&["new"]))];
    let manager = manager(&answers).await;
    let process = Process::start(with_tokens(&manager)).await;
    assert_eq!(process.status("old").await, 200);
    assert_eq!(process.status("new").await, 401);
    assert_eq!(manager.asked().len(), 1);

    process.clock.pass(OLD);
    let first = process.status("old").await;
    assert_eq!(first, 200, "the request does not wait");
    while process.status("new").await != 200 {
        tokio::task::yield_now().await;
    }

    assert_eq!(process.status("old").await, 401);
    assert_eq!(manager.asked().len(), 2);
}

#[tokio::test]
async fn after_a_long_idle_time_a_revoked_token_is_refused_at_once_and_one_read_serves_all() {
    let answers = [amazon(&accepting(&["old"])), amazon(&accepting(&["new"]))];
    let manager = manager(&answers).await;
    let process = Process::start(with_tokens(&manager)).await;

    process.clock.pass(STALE);
    let statuses = futures::future::join_all((0..8).map(|_| process.status("old"))).await;

    assert_eq!(statuses, [401; 8]);
    assert_eq!(manager.asked().len(), 2);
}

#[tokio::test]
async fn a_frozen_function_reads_before_it_authenticates() {
    let answers = [amazon(&accepting(&["old"])), amazon(&accepting(&["new"]))];
    let manager = manager(&answers).await;
    let env = with_tokens(&manager).with("AWS_LAMBDA_RUNTIME_API", "localhost:1");
    let process = Process::start(env).await;

    process.clock.pass(OLD);

    assert_eq!(process.status("new").await, 200);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_or_used_keeps_its_value_and_is_read_again() {
    let refused = (400, json!({"__type": "AccessDeniedException"}));
    let answers = [
        amazon(&accepting(&["old"])),
        refused,
        amazon("not tokens"),
        amazon(&accepting(&["new"])),
    ];
    let manager = manager(&answers).await;
    let process = Process::start(with_tokens(&manager)).await;

    process.clock.pass(STALE);
    assert_eq!(process.status("old").await, 200, "access is denied");
    assert_eq!(process.status("old").await, 200);
    assert_eq!(
        manager.asked().len(),
        2,
        "there is a pause between attempts"
    );
    process.clock.pass(Duration::from_secs(10));
    assert_eq!(process.status("old").await, 200, "the value is not valid");
    assert_eq!(manager.asked().len(), 3);
    process.clock.pass(STALE);
    assert_eq!(process.status("new").await, 200);
    assert_eq!(process.status("old").await, 401);
}

#[tokio::test]
async fn a_secret_that_had_no_value_is_used_once_it_has_one() {
    let manager = manager(&[no_value(), amazon(&accepting(&["new"]))]).await;
    let env = with_tokens(&manager)
        .with("AUTH_ISSUER", "https://login.example.com")
        .with("AUTH_AUDIENCE", "metasync");
    let process = Process::start(env).await;
    assert_eq!(process.status("new").await, 401);

    process.clock.pass(STALE);

    assert_eq!(process.status("new").await, 200);
}

#[tokio::test]
async fn a_changed_file_is_read_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, accepting(&["old"])).unwrap();
    let env = Env::default().with("AUTH_TOKENS_FILE", file.to_str().unwrap());
    let process = Process::start(env).await;
    assert_eq!(process.status("old").await, 200);

    fs::write(&file, accepting(&["new"])).unwrap();
    process.clock.pass(Duration::from_secs(20));
    assert_eq!(process.status("new").await, 200);
    assert_eq!(process.status("old").await, 401);

    fs::remove_file(&file).unwrap();
    process.clock.pass(Duration::from_secs(20));
    assert_eq!(process.status("new").await, 200, "the file is gone");
}

#[tokio::test]
async fn every_rotating_value_is_made_again_and_only_when_a_secret_changed() {
    let answers = [amazon("a"), amazon("a"), amazon("b")];
    let manager = manager(&answers).await;
    let env = manager.env().with("AUTH_MODE", "open").with("PART", TOKENS);
    let process = Process::start(env).await;
    let made = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = made.clone();
    let value: Rotating<String> = process
        .resources
        .rotating(move |env| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(env.get("PART").unwrap_or_default().to_owned())
        })
        .unwrap();
    let made = || made.load(std::sync::atomic::Ordering::Relaxed);

    process.clock.pass(STALE);
    process.status("any").await;
    assert_eq!((value.current().as_str(), made()), ("a", 1));
    process.clock.pass(STALE);
    process.status("any").await;
    assert_eq!((value.current().as_str(), made()), ("b", 2));
}

#[tokio::test]
async fn the_key_of_a_model_and_the_password_of_the_database_change_with_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let (key, url) = (folder.path().join("key"), folder.path().join("url"));
    let (before, after) = (empty_database().await, empty_database().await);
    fs::write(&key, "first").unwrap();
    fs::write(&url, &before.url).unwrap();
    let stub = LlmStub::start(|_| Answer::Json(json!({}))).await;
    let env = stub
        .env("claude-sonnet-5-5")
        .with("ANTHROPIC_API_KEY", "")
        .with("ANTHROPIC_API_KEY_FILE", key.to_str().unwrap())
        .with("DATABASE_URL_FILE", url.to_str().unwrap())
        .with("AUTH_MODE", "open");
    let process = Process::start(env).await;
    let llm = process.resources.llm().unwrap().expect("a model");
    let pool = process.resources.postgres().unwrap();
    let prompt = || Prompt {
        system: String::new(),
        user: String::new(),
        name: "test",
        schema: json!({"type": "object", "properties": {}}),
        max_output_tokens: 10,
    };
    let database = async || -> String {
        let mut client = pool.get().await.unwrap();
        // So that the next one is a new connection.
        client.close_when_dropped();
        let row = client
            .query_typed_one("select current_database()::text", &[])
            .await;
        row.unwrap().get(0)
    };
    let _ = llm.ask(&prompt()).await;
    let first = database().await;

    fs::write(&key, "second").unwrap();
    fs::write(&url, &after.url).unwrap();
    process.clock.pass(Duration::from_secs(20));
    process.status("any").await;
    let _ = llm.ask(&prompt()).await;

    let keys: Vec<_> = stub.requests().into_iter().map(|it| it.key).collect();
    assert_eq!(keys, [Some("first".to_owned()), Some("second".to_owned())]);
    assert_ne!(database().await, first);
}
