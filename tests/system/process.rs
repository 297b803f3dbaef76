//! A function as a process of its own: on Lambda, as an HTTP server, and when it is told to stop.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use kit::lambda::{Outcome, Process, RuntimeApi};
use serde_json::{Value, json};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");
/// Somebody may call, so that the function starts. Triggers come from the platform itself.
const TOKENS: &str = r#"[{"name": "nobody", "role": "reader",
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]"#;

/// The process's log, a line of JSON an event.
struct Log(Lines<BufReader<ChildStdout>>);

impl Log {
    fn of(process: &mut Process) -> Self {
        let stdout = process.0.stdout.take().expect("a piped stdout");
        Self(BufReader::new(stdout).lines())
    }

    /// The next line whose message `fits`.
    fn wait_for(&mut self, fits: impl Fn(&str) -> bool) -> Value {
        loop {
            let line = self.0.next().expect("a log that goes on").expect("text");
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"].as_str().is_some_and(&fits) {
                return line;
            }
        }
    }
}

fn on_lambda(api: &RuntimeApi) -> Process {
    let mut command = api.command(Path::new(PROBE));
    command.env("AUTH_TOKENS", TOKENS).stdout(Stdio::piped());
    Process(command.spawn().expect("the probe starts"))
}

fn client() -> reqwest::Client {
    shared::http_client::build(&shared::Env::default()).expect("a client")
}

/// A server on a free port, its log, and its URL.
fn over_http() -> (Process, Log, String) {
    let mut command = Command::new(PROBE);
    command
        .env_clear()
        .env("AUTH_MODE", "open")
        .env("PORT", "0");
    let process = command.stdout(Stdio::piped()).spawn();
    let mut process = Process(process.expect("the probe starts"));
    let mut log = Log::of(&mut process);
    let line = log.wait_for(|message| message.contains("listens on"));
    let message = line["message"].as_str().unwrap_or_default();
    let (_, url) = message.split_once("listens on ").expect("an address");
    let url = url.to_owned();
    (process, log, url)
}

#[tokio::test]
async fn one_binary_gives_the_same_bytes_on_lambda_and_over_http() {
    let event = json!({"time": "2026-11-21T09:00:00Z", "tables": ["a", "ü"]});
    let api = RuntimeApi::start();
    let _function = on_lambda(&api);
    let Outcome::Done(on_lambda) = api.invoke(&event).await else {
        panic!("the trigger fails");
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
async fn a_failed_trigger_fails_its_invocation_and_the_process_goes_on() {
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

#[tokio::test]
async fn told_to_stop_a_server_answers_what_is_in_flight_and_ends() {
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

/// Tells a process to stop, and waits for it: how long that took.
fn stop(process: &mut Process) -> Duration {
    let kill = format!("kill -TERM {}", process.0.id());
    let told = Instant::now();
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.expect("a shell").success());
    process.0.wait().expect("an end");
    told.elapsed()
}

/// What became of one request.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Answered,
    /// Nobody listened any more: whoever sends it knows, and sends it elsewhere.
    NotTaken,
    Lost(String),
}

#[tokio::test]
async fn told_to_stop_under_500_requests_a_second_a_server_loses_none_and_ends_in_9_seconds() {
    const CLIENTS: u64 = 50;
    let (mut server, mut log, url) = over_http();
    // A log that nobody reads stops its writer.
    std::thread::spawn(move || while log.0.next().is_some() {});
    let url = format!("{url}/events/probe");
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let url = url.clone();
            tokio::spawn(async move {
                // A connection of its own each, as behind a load balancer that keeps none.
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
                        Err(error) if error.is_connect() => End::NotTaken,
                        Err(error) => End::Lost(format!("{error:?}")),
                    };
                    let is_over = end == End::NotTaken;
                    ends.push(end);
                    if is_over {
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
    // A busy machine is late, and yet a server under load.
    let answered = ends.iter().filter(|it| **it == End::Answered).count();
    assert!(answered > 300, "{answered}");
}

fn client_without_a_pool() -> reqwest::Client {
    let client = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy();
    let client = client.tls_backend_preconfigured(shared::http_client::tls());
    client.build().expect("a client")
}

#[tokio::test]
async fn on_lambda_a_function_ends_at_once_when_it_is_told_to() {
    let api = RuntimeApi::start();
    let mut function = on_lambda(&api);
    api.first_poll().await;

    let took = stop(&mut function);

    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[test]
fn without_a_way_to_know_callers_a_function_does_not_start() {
    let process = Command::new(PROBE).env_clear().env("PORT", "0").output();
    let output = process.expect("the probe runs");
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    assert_eq!(line["severity"], "ERROR");
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.contains("AUTH_"), "{message}");
}

#[test]
fn a_variable_that_lambda_always_sets_is_named_where_it_is_missing() {
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
