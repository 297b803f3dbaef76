//! A function in its own process: on Lambda, as an HTTP server, and at a stop signal.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kit::lambda::{Outcome, Process, RuntimeApi};
use kit::process::{Log, serve};
use serde_json::{Value, json};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");
/// One caller, because a function needs some authentication to start. Triggers come from the platform.
const TOKENS: &str = r#"[{"name": "nobody", "role": "reader",
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]"#;

fn on_lambda(api: &RuntimeApi) -> Process {
    let mut command = api.command(Path::new(PROBE));
    command.env("AUTH_TOKENS", TOKENS).stdout(Stdio::piped());
    Process(command.spawn().expect("the probe starts"))
}

fn client() -> reqwest::Client {
    platform::http_client::build(&platform::Env::default()).expect("a client")
}

/// Starts a server on a free port. Returns it with its log and its URL.
fn over_http() -> (Process, Log, String) {
    over_http_with(&[])
}

fn over_http_with(settings: &[(&str, &str)]) -> (Process, Log, String) {
    let mut command = Command::new(PROBE);
    command.env_clear().envs(settings.iter().copied());
    serve(command)
}

#[tokio::test]
async fn one_binary_returns_the_same_bytes_on_lambda_and_over_http() {
    let event = json!({"time": "2026-11-21T09:00:00Z", "tables": ["a", "ü"]});
    let api = RuntimeApi::start();
    let _function = on_lambda(&api);
    let Outcome::Done(on_lambda) = api.invoke(&event).await else {
        panic!("the trigger failed");
    };

    let (_server, _log, url) = over_http();
    let answer = client()
        .post(format!("{url}/events/probe"))
        .header("content-type", "application/json")
        .body(event.to_string())
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.bytes().await.expect("a body"), on_lambda);
}

#[tokio::test]
async fn a_failed_trigger_fails_its_invocation_and_the_process_continues() {
    let api = RuntimeApi::start();
    let mut function = on_lambda(&api);
    let mut log = Log::of(&mut function);

    let refused = api
        .invoke(&json!({"fail": "another sync is running"}))
        .await;
    let failure = Outcome::Failed {
        error_type: "conflict".to_owned(),
        message: "another sync is running".to_owned(),
    };
    assert_eq!(refused, failure);

    let panicked = api.invoke(&json!({"fail": "panic"})).await;
    assert!(matches!(panicked, Outcome::Failed { .. }), "{panicked:?}");
    let line = log.wait_for(|message| message.contains("panicked"));
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["requestId"], "invocation-2");

    let done = api.invoke(&json!({})).await;
    assert_eq!(done, Outcome::Done(r#"{"event":{}}"#.into()));
}

/// A delay that no test waits for.
const AN_HOUR_MS: u64 = 3_600_000;
const TIMED_OUT: &str = "the response took too long and was cancelled";

#[tokio::test]
async fn an_invocation_fails_with_the_reason_before_lambda_stops_it_and_the_next_succeeds() {
    let api = RuntimeApi::start();
    let mut function = on_lambda(&api);
    let mut log = Log::of(&mut function);
    api.first_poll().await;

    let started = Instant::now();
    let timeout = Duration::from_secs(2);
    let late = api
        .invoke_within(timeout, &json!({"wait_ms": AN_HOUR_MS}))
        .await;
    let failure = Outcome::Failed {
        error_type: "service unavailable".to_owned(),
        message: TIMED_OUT.to_owned(),
    };
    assert_eq!(late, failure);
    let took = started.elapsed();
    assert!(took > Duration::from_secs(1) && took < timeout, "{took:?}");
    let line = log.wait_for(|message| message == "POST /events/probe: 503");
    assert_eq!(line["requestId"], "invocation-1");

    let done = api.invoke_within(timeout, &json!({"wait_ms": 1})).await;
    assert_eq!(done, Outcome::Done(r#"{"event":{"wait_ms":1}}"#.into()));
}

#[tokio::test]
async fn a_deadline_before_the_start_of_an_invocation_is_ignored() {
    let api = RuntimeApi::start();
    let _function = on_lambda(&api);
    let done = api
        .invoke_within(Duration::ZERO, &json!({"wait_ms": 10}))
        .await;
    assert_eq!(done, Outcome::Done(r#"{"event":{"wait_ms":10}}"#.into()));
}

#[tokio::test]
async fn a_slow_or_panicking_request_returns_a_problem_and_the_next_one_succeeds() {
    let (_server, _log, url) = over_http_with(&[("REQUEST_TIMEOUT_SECONDS", "1")]);
    let post = async |event: &Value| {
        let request = client().post(format!("{url}/events/probe")).json(event);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let kind = answer.headers()["content-type"].to_str().map(str::to_owned);
        let body: Value = answer.json().await.expect("JSON");
        (status, kind.expect("text"), body)
    };
    let problem = "application/problem+json";

    let started = Instant::now();
    let (status, kind, body) = post(&json!({"wait_ms": AN_HOUR_MS})).await;
    assert_eq!((status, kind.as_str()), (503, problem));
    assert_eq!(body["detail"], TIMED_OUT);
    assert!(started.elapsed() >= Duration::from_secs(1));

    let (status, kind, _) = post(&json!({"fail": "panic"})).await;
    assert_eq!((status, kind.as_str()), (500, problem));

    let (status, _, body) = post(&json!({})).await;
    assert_eq!((status, body), (200, json!({"event": {}})));
}

#[tokio::test]
async fn a_stopped_server_finishes_the_requests_in_flight() {
    let (mut server, mut log, url) = over_http();
    let request = client().get(format!("{url}/v1/until-stopped"));
    let request = tokio::spawn(request.send());
    let mut log = tokio::task::spawn_blocking(move || {
        log.wait_for(|message| message == "in flight");
        log
    })
    .await
    .expect("the request arrives");

    let kill = format!("kill -TERM {}", server.0.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("a shell").success());

    let answer = request.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), "finished");
    log.wait_for(|message| message == "GET /v1/until-stopped: 200");
    assert!(server.0.wait().expect("an end").success());
}

/// Sends SIGTERM to a process and waits for its end. Returns the duration.
fn stop(process: &mut Process) -> Duration {
    let kill = format!("kill -TERM {}", process.0.id());
    let sent = Instant::now();
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("a shell").success());
    process.0.wait().expect("an end");
    sent.elapsed()
}

/// The outcome of one request.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Answered,
    /// The connection was refused, so the client can send the request to another server.
    Refused,
    Lost(String),
}

#[tokio::test]
async fn a_server_stopped_under_500_requests_per_second_loses_none_and_ends_in_9_seconds() {
    const CLIENTS: u64 = 50;
    let (mut server, log, url) = over_http();
    log.drain();
    let url = format!("{url}/events/probe");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let url = url.clone();
            tokio::spawn(async move {
                // One connection per request, as behind a load balancer without keep-alive.
                let http = client_without_a_pool();
                tokio::time::sleep(Duration::from_millis(client * 2)).await;
                let mut ticks = tokio::time::interval(Duration::from_millis(100));
                let mut ends = Vec::new();
                loop {
                    ticks.tick().await;
                    let request = http.post(&url).json(&json!({"wait_ms": 50}));
                    let end = match request.send().await {
                        Ok(answer) if answer.status() == 200 => End::Answered,
                        Ok(answer) => End::Lost(answer.status().to_string()),
                        Err(error) if error.is_connect() => End::Refused,
                        Err(error) => End::Lost(format!("{error:?}")),
                    };
                    let is_last = end == End::Refused;
                    ends.push(end);
                    if is_last {
                        return ends;
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(2)).await;

    let took = tokio::task::spawn_blocking(move || stop(&mut server)).await;
    let took = took.expect("no panic");

    let mut ends = Vec::new();
    for client in clients {
        ends.extend(client.await.expect("no panic"));
    }
    assert!(took < Duration::from_secs(9), "{took:?}");
    let lost: Vec<_> = ends
        .iter()
        .filter(|it| matches!(it, End::Lost(_)))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {}: {lost:?}",
        lost.len(),
        ends.len()
    );
    // A slow machine sends fewer requests, but enough to load the server.
    let answered = ends.iter().filter(|it| **it == End::Answered).count();
    assert!(answered > 300, "{answered}");
}

fn client_without_a_pool() -> reqwest::Client {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy();
    let client = client.tls_backend_preconfigured(platform::http_client::tls());
    client.build().expect("a client")
}

#[tokio::test]
async fn on_lambda_a_stopped_function_ends_at_once() {
    let api = RuntimeApi::start();
    let mut function = on_lambda(&api);
    api.first_poll().await;

    let took = stop(&mut function);

    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn without_any_authentication_a_function_does_not_start() {
    let process = Command::new(PROBE).env_clear().env("PORT", "0").output();
    let output = process.expect("the probe runs");
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(line["severity"], "ERROR");
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("AUTH_"), "{message}");
}

#[test]
fn a_missing_variable_of_lambda_is_named_in_the_error() {
    let output = Command::new(PROBE)
        .env_clear()
        .envs([
            ("AUTH_TOKENS", TOKENS),
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9"),
        ])
        .output()
        .expect("the probe runs");
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("AWS_LAMBDA_FUNCTION_NAME is not set"), "{log}");
}
