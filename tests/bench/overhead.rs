//! The overhead of a warm request in addition to its handler: the probe over HTTP compared with the same handler
//! in plain axum, and on Lambda compared with lambda_http's hello world.
//!
//! `cargo bench -p tests --bench overhead`. All are release builds. They receive sequential requests in turn,
//! round by round: over HTTP on one connection each, on Lambda from a stub of the Runtime API, with the event of
//! an HTTP API. Other load on the machine affects all of them alike: the overhead is the difference to the first
//! one within a round, and the table has the median of the rounds.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use kit::lambda::{Outcome, Process, RuntimeApi};
use kit::process::{release, serve_without_log};
use serde_json::{Value, json};
use tokio::runtime::{self, Runtime};

const ROUNDS: usize = 20;
const REQUESTS: usize = 2_000;
/// The number of requests at the start of each round that don't count.
const WARM_UP: usize = 200;

/// An admin, as triggers require.
const TOKENS: &str = r#"[{"name": "benchmark", "role": "admin",
    "sha256": "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc"}]"#;
/// `printf %s benchmark | sha256sum`
const AUTHORIZATION: &str = "Bearer benchmark";
const ANSWER: &str = r#"{"event":{}}"#;

/// The variables of a process.
type Settings<'a> = &'a [(&'a str, &'a str)];

struct Target<'a> {
    name: &'static str,
    send: Box<dyn FnMut() -> anyhow::Result<()> + 'a>,
    rounds: Vec<Round>,
    _process: Process,
}

/// In µs.
struct Round {
    p50: f64,
    p99: f64,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let [bare, hello, probe] = ["bare", "hello", "probe"].map(|name| release("tests", name));
    let (open, token) = (("AUTH_MODE", "open"), ("AUTH_TOKENS", TOKENS));
    let quiet = ("RUST_LOG", "warn");

    report(
        "over HTTP",
        &mut [
            over_http("plain axum", &bare, &[])?,
            over_http("open, no log line", &probe, &[open, quiet])?,
            over_http("open", &probe, &[open])?,
            over_http("token, no log line", &probe, &[token, quiet])?,
            over_http("token", &probe, &[token])?,
        ],
    )?;

    let runtime = runtime::Builder::new_current_thread().build()?;
    report(
        "on Lambda",
        &mut [
            on_lambda("lambda_http, which reads no body", &hello, &[], &runtime),
            on_lambda("token, no log line", &probe, &[token, quiet], &runtime),
            on_lambda("token", &probe, &[token], &runtime),
        ],
    )
}

/// Sends requests to all targets in turn, and prints the durations.
fn report(place: &str, targets: &mut [Target]) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        for target in &mut *targets {
            let mut durations = Vec::with_capacity(REQUESTS);
            for _ in 0..REQUESTS {
                let sent = Instant::now();
                (target.send)().with_context(|| format!("{place}: {}", target.name))?;
                durations.push(sent.elapsed().as_secs_f64() * 1e6);
            }
            let durations = &mut durations[WARM_UP..];
            durations.sort_by(f64::total_cmp);
            target.rounds.push(Round {
                p50: durations[durations.len() / 2],
                p99: durations[durations.len() * 99 / 100],
            });
        }
    }
    let counted = REQUESTS - WARM_UP;
    println!("{ROUNDS} rounds of {counted} requests each, in turn; µs, medians of the rounds");
    println!("| {place} | p50 | p99 | p50 over the first | p99 over the first |");
    println!("| --- | --- | --- | --- | --- |");
    let floor = &targets[0].rounds;
    for Target { name, rounds, .. } in &*targets {
        let pairs = || rounds.iter().zip(floor);
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {:.1} |",
            median(rounds.iter().map(|it| it.p50)),
            median(rounds.iter().map(|it| it.p99)),
            median(pairs().map(|(it, floor)| it.p50 - floor.p50)),
            median(pairs().map(|(it, floor)| it.p99 - floor.p99)),
        );
    }
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn over_http(
    name: &'static str,
    binary: &Path,
    settings: Settings,
) -> anyhow::Result<Target<'static>> {
    let mut command = Command::new(binary);
    command.env_clear().envs(settings.iter().copied());
    let (process, address) = serve_without_log(command);
    let is_known = settings.iter().any(|(name, _)| *name == "AUTH_TOKENS");
    let mut connection = Connection::open(address, is_known)?;
    Ok(Target {
        name,
        send: Box::new(move || connection.send()),
        rounds: Vec::new(),
        _process: process,
    })
}

struct Connection {
    stream: TcpStream,
    request: String,
    /// The buffer for responses.
    buffer: [u8; 4096],
}

impl Connection {
    fn open(address: SocketAddr, with_token: bool) -> anyhow::Result<Self> {
        let token = if with_token {
            format!("authorization: {AUTHORIZATION}\r\n")
        } else {
            String::new()
        };
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: format!(
                "POST /events/probe HTTP/1.1\r\nhost: {address}\r\n{token}\
                 content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
            ),
            buffer: [0; 4096],
        })
    }

    /// Sends a request with a minimal client, since its cost is measured as well.
    fn send(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(self.request.as_bytes())?;
        let mut read = 0;
        loop {
            let more = self.stream.read(&mut self.buffer[read..])?;
            ensure!(more > 0, "the response is incomplete");
            read += more;
            let answer = std::str::from_utf8(&self.buffer[..read])?;
            let Some((head, body)) = answer.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.context("no content-length")? {
                let is_good = head.starts_with("HTTP/1.1 200 ") && body == ANSWER;
                ensure!(is_good, "unexpected response {answer}");
                return Ok(());
            }
        }
    }
}

fn on_lambda<'a>(
    name: &'static str,
    binary: &Path,
    settings: Settings,
    runtime: &'a Runtime,
) -> Target<'a> {
    let api = RuntimeApi::start();
    let mut command = api.command(binary);
    command.envs(settings.iter().copied()).stdout(Stdio::null());
    let process = Process(command.spawn().expect("the function starts"));
    let event = event();
    let send = move || {
        let Outcome::Done(result) = runtime.block_on(api.invoke(&event)) else {
            anyhow::bail!("the invocation failed");
        };
        let is_good = result.starts_with(br#"{"statusCode":200,"#);
        ensure!(is_good, "unexpected result {result:?}");
        Ok(())
    };
    Target {
        name,
        send: Box::new(send),
        rounds: Vec::new(),
        _process: process,
    }
}

/// The event of an HTTP API for the same request.
fn event() -> Value {
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/events/probe",
        "rawQueryString": "",
        "headers": {
            "authorization": AUTHORIZATION,
            "content-length": "2",
            "content-type": "application/json",
            "host": "example.execute-api.eu-central-1.amazonaws.com",
            "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": "example.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "example",
            "http": {
                "method": "POST",
                "path": "/events/probe",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "benchmark",
            },
            "requestId": "request-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:09:00:00 +0000",
            "timeEpoch": 1_795_251_600_000_i64,
        },
        "body": "{}",
        "isBase64Encoded": false,
    })
}
