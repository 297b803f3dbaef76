//! Secrets that change while the process runs.

use std::fs;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use kit::clock::WallClock;
use kit::llm::{Answer, LlmStub};
use kit::postgres::empty_database;
use platform::llm::Prompt;
use platform::secrets::Rotating;
use platform::{Env, Resources, Router, secrets, serve};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

use super::{KEY, Manager, PREVIOUS, TOKENS, amazon, google, manager, no_value};

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
        self.get("/openapi.json", token).await
    }

    async fn get(&self, path: &str, token: &str) -> u16 {
        let request = Request::get(path)
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
    manager.wait_for(3).await;
    // The attempt ends.
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.clock.pass(STALE);
    assert_eq!(process.status("new").await, 200);
    assert_eq!(process.status("old").await, 401);
}

#[tokio::test]
async fn a_value_that_is_not_valid_is_read_again_after_seconds() {
    let answers = [
        amazon(&accepting(&["old"])),
        amazon("not tokens"),
        amazon(&accepting(&["new"])),
    ];
    let manager = manager(&answers).await;
    let process = Process::start(with_tokens(&manager)).await;
    process.clock.pass(STALE);
    assert_eq!(process.status("old").await, 200);

    process.clock.pass(Duration::from_secs(10));
    while process.status("new").await != 200 {
        tokio::task::yield_now().await;
    }

    assert_eq!(manager.asked().len(), 3);
}

#[tokio::test]
async fn in_an_outage_only_requests_during_the_first_attempt_after_an_idle_time_wait_and_briefly() {
    let manager = manager(&[amazon(&accepting(&["old"]))]).await;
    let process = Process::start(with_tokens(&manager)).await;

    process.clock.pass(STALE);
    let started = Instant::now();
    let statuses = futures::future::join_all((0..8).map(|_| process.status("old"))).await;
    assert_eq!(statuses, [200; 8]);
    assert!(
        started.elapsed() < Duration::from_millis(2_900),
        "Slack waits for 3 s"
    );
    assert_eq!(manager.asked().len(), 2, "one attempt serves all");

    // The attempt ends, and the next one begins.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for attempt in 3..5 {
        process.clock.pass(Duration::from_secs(30));
        let started = Instant::now();
        assert_eq!(process.status("old").await, 200);
        assert_eq!(process.status("old").await, 200, "during the attempt");
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "attempt {attempt}"
        );
        manager.wait_for(attempt).await;
        tokio::time::sleep(Duration::from_millis(3_200)).await;
    }
}

#[tokio::test]
async fn probes_do_not_wait_for_secrets() {
    let manager = manager(&[amazon(&accepting(&["old"]))]).await;
    let process = Process::start(with_tokens(&manager)).await;

    process.clock.pass(STALE);
    let started = Instant::now();

    for probe in ["/healthz", "/readyz"] {
        assert_eq!(process.get(probe, "none").await, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(manager.asked().len(), 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_does_not_make_others_be_read_more_often_and_is_read_less_often()
 {
    let refused = || (400, json!({"__type": "AccessDeniedException"}));
    let mut answers = vec![amazon(&accepting(&["old"])), google("a2V5")];
    answers.extend((0..20).map(|_| refused()));
    let manager = manager(&answers).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, accepting(&["old"])).unwrap();
    // The file is good, and both managers refuse.
    let env = manager
        .env()
        .with("AUTH_TOKENS_FILE", file.to_str().unwrap())
        .with("ONE", TOKENS)
        .with("OTHER", KEY);
    let process = Process::start(env).await;

    process.clock.pass(STALE);
    process.status("old").await;
    assert_eq!(manager.asked().len(), 4);
    let mut asked = Vec::new();
    for seconds in [10, 10, 10, 10, 40] {
        process.clock.pass(Duration::from_secs(seconds));
        process.status("old").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        asked.push(manager.asked().len() - 4);
    }

    // Pauses of 10 s, 20 s and 40 s.
    assert_eq!(asked, [2, 2, 4, 4, 6]);
}

#[tokio::test]
async fn a_secret_in_good_order_is_not_read_again_because_another_is_refused() {
    let refused = || (400, json!({"__type": "AccessDeniedException"}));
    let tokens = || amazon(&accepting(&["old"]));
    let manager = manager(&[tokens(), amazon("a")]).await;
    let env = with_tokens(&manager).with("PART", PREVIOUS);
    let process = Process::start(env).await;
    manager.answer_by(move |body| match body["VersionStage"].as_str() {
        Some("AWSPREVIOUS") => refused(),
        _ => tokens(),
    });

    process.clock.pass(STALE);
    process.status("old").await;
    for _ in 0..4 {
        process.clock.pass(Duration::from_secs(40));
        process.status("old").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }

    let asked = manager.asked();
    let previous = |(_, _, body): &&(_, _, Value)| body["VersionStage"] == "AWSPREVIOUS";
    let refused = asked.iter().filter(previous).count();
    assert_eq!(asked.len() - refused, 2, "at startup and once since");
    assert!(refused > 3, "{refused}");
}

#[tokio::test]
async fn secrets_are_read_again_at_the_same_time() {
    let manager = manager(&[amazon(&accepting(&["old"])), google("a2V5")]).await;
    let process = Process::start(with_tokens(&manager).with("OTHER", KEY)).await;

    process.clock.pass(STALE);
    process.status("old").await;

    assert_eq!(manager.asked().len(), 4, "neither waits for the other");
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
async fn a_file_that_is_being_written_is_used_only_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, accepting(&["old"])).unwrap();
    let env = Env::default().with("AUTH_TOKENS_FILE", file.to_str().unwrap());
    let process = Process::start(env).await;

    // Each part is valid on its own.
    fs::write(&file, accepting(&["half"])).unwrap();
    process.clock.pass(Duration::from_secs(20));
    let whole = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        fs::write(&file, accepting(&["half", "whole"])).unwrap();
    };
    let (status, ()) = futures::future::join(process.status("whole"), whole).await;

    assert_eq!(status, 200);
}

#[tokio::test]
async fn every_rotating_value_of_a_secret_changes_or_none() {
    let manager = manager(&[amazon("a"), amazon("b"), amazon("c")]).await;
    let env = manager.env().with("AUTH_MODE", "open").with("PART", TOKENS);
    let process = Process::start(env).await;
    let part = |env: &Env| env.get("PART").unwrap_or_default().to_owned();
    let first = process
        .resources
        .rotating(move |env| Ok(part(env)))
        .unwrap();
    let second = process.resources.rotating(move |env| {
        anyhow::ensure!(part(env) != "b", "b is not valid");
        Ok(part(env))
    });
    let second: Rotating<String> = second.unwrap();
    let both = || (first.current().to_string(), second.current().to_string());

    process.clock.pass(STALE);
    process.status("any").await;
    assert_eq!(both(), ("a".to_owned(), "a".to_owned()));
    process.clock.pass(STALE);
    process.status("any").await;
    assert_eq!(both(), ("c".to_owned(), "c".to_owned()));
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
