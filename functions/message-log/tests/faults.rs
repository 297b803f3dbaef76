//! Messages survive while the function and the database are killed again and again, and requests fail in time while the
//! database hangs. The function is a separate process here.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::future::join_all;
use http::StatusCode;
use jiff::Timestamp;
use platform::Env;
use platform::postgres::{Client, migrate, open};
use serde_json::{Value, json};
use throwaway_postgres::Server;
use tokio::time::sleep;

use crate::slack::{SECRET, signature};

const DELIVERIES: usize = 5;
const SENDERS: usize = 16;
const DEADLINE: Duration = Duration::from_secs(12);

/// A server with durable commits and all migrations.
struct Durable {
    server: Server,
    env: Env,
}

impl Durable {
    async fn start() -> Self {
        let settings = ["fsync=on", "full_page_writes=on", "synchronous_commit=on"];
        let server = Server::start_with(&Env::from_process(), &settings).expect("a Postgres");
        let env = Env::default().with("DATABASE_URL", server.url());
        migrate(&env, migrations::FILES)
            .await
            .expect("the migrations apply");
        Self { server, env }
    }

    async fn client(&self) -> Client {
        let url = kit::postgres::in_every_scope(&self.server.url());
        let pool = open(&self.env.clone().with("DATABASE_URL", url)).expect("a URL");
        pool.get().await.expect("a connection")
    }
}

/// The function, on the same port after each restart.
struct Function {
    process: Child,
    port: u16,
    database: String,
}

impl Function {
    fn start(durable: &Durable) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        drop(listener);
        let database = durable.server.url();
        Self {
            process: run(port, &database),
            port,
            database,
        }
    }

    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn restart(&mut self) {
        self.kill();
        self.process = run(self.port, &self.database);
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn wait_until_ready(&self, client: &reqwest::Client) {
        while client.get(self.url("/healthz")).send().await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// The resident memory in bytes.
    fn memory(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
        kib.expect("VmRSS in kB") * 1024
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(port: u16, database: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_message-log"))
        .env_clear()
        .env("AUTH_MODE", "open")
        .env("PORT", port.to_string())
        .env("DATABASE_URL", database)
        .env("MASKING_KEY", "07".repeat(32))
        .env("SLACK_SIGNING_SECRET", SECRET)
        .env("SLACK_ROBEINGS", r#"{"r1": "r1"}"#)
        .env("REQUEST_TIMEOUT_SECONDS", DEADLINE.as_secs().to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("the function starts")
}

fn http() -> reqwest::Client {
    platform::http_client::build(&Env::default()).expect("a client")
}

/// The messages of one request, from `first` on.
#[derive(Clone, Copy, Debug)]
struct Parcel {
    shape: Shape,
    first: usize,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Http,
    HttpBatch,
    Sqs,
    PubSub,
    Slack,
}

/// All messages, in parcels of every format; mostly large parcels if there are many messages.
fn parcels(messages: usize) -> Vec<Parcel> {
    let large = (messages / 200).clamp(10, 500);
    let turns = [
        (Shape::HttpBatch, large),
        (Shape::Sqs, large),
        (Shape::Http, 1),
        (Shape::PubSub, 1),
        (Shape::Slack, 1),
    ];
    let mut parcels = Vec::new();
    let mut first = 0;
    for (shape, most) in turns.into_iter().cycle() {
        if first == messages {
            break;
        }
        let count = most.min(messages - first);
        parcels.push(Parcel {
            shape,
            first,
            count,
        });
        first += count;
    }
    parcels
}

fn text(message: usize) -> String {
    format!("message {message} and what it says, 언제 오나요")
}

fn message(message: usize) -> Value {
    json!({"robeing_id": "r1", "thread_ts": format!("t{}", message / 40), "message": text(message)})
}

impl Parcel {
    /// Whether the response says that all of it is stored.
    async fn deliver(self, http: &reqwest::Client, function: &str) -> bool {
        let (path, body) = self.request();
        let mut request = http
            .post(format!("{function}{path}"))
            .header("content-type", "application/json");
        if matches!(self.shape, Shape::Slack) {
            let now = Timestamp::now().as_second();
            request = request
                .header("x-slack-request-timestamp", now)
                .header("x-slack-signature", signature(SECRET, now, &body));
        } else if matches!(self.shape, Shape::Http) {
            request = request.header("idempotency-key", format!("key-{}", self.first));
        }
        let Ok(reply) = request.body(body).send().await else {
            return false;
        };
        let status = reply.status();
        assert!(
            status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE,
            "{self:?}: {status}"
        );
        let Ok(answer) = reply.bytes().await else {
            return false;
        };
        if !status.is_success() {
            return false;
        }
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        match self.shape {
            Shape::HttpBatch => {
                let items = answer["items"].as_array().expect("an outcome an item");
                items.iter().all(|item| match item["status"].as_u64() {
                    Some(200 | 201) => true,
                    Some(503) => false,
                    _ => panic!("{item}"),
                })
            }
            Shape::Sqs => {
                let failed = answer["batchItemFailures"].as_array();
                failed.expect("SQS is told what failed").is_empty()
            }
            Shape::Http | Shape::PubSub | Shape::Slack => true,
        }
    }

    fn request(self) -> (&'static str, String) {
        let first = self.first;
        let all = first..first + self.count;
        let (path, body) = match self.shape {
            Shape::Http => ("/v1/messages", message(first)),
            Shape::HttpBatch => {
                let item = |at: usize| {
                    let mut item = message(at);
                    item["id"] = format!("id-{at}").into();
                    item
                };
                let items: Vec<Value> = all.map(item).collect();
                ("/v1/messages/batch", json!({"items": items}))
            }
            Shape::Sqs => {
                let record = |at: usize| {
                    json!({
                        "messageId": format!("sqs-{at}"),
                        "body": message(at).to_string(),
                        "attributes": {"SentTimestamp": "1764032400123"},
                        "messageAttributes": {},
                        "eventSource": "aws:sqs",
                        "eventSourceARN": "arn:aws:sqs:ap-northeast-2:123456789012:messages",
                    })
                };
                let records: Vec<Value> = all.map(record).collect();
                ("/events/message-log", json!({"Records": records}))
            }
            Shape::PubSub => {
                let message = json!({
                    "data": BASE64_STANDARD.encode(message(first).to_string()),
                    "messageId": first.to_string(),
                    "publishTime": "2026-11-20T01:00:02.123Z",
                });
                let subscription = "projects/my-project/subscriptions/messages";
                let body = json!({"message": message, "subscription": subscription});
                ("/events/message-log", body)
            }
            Shape::Slack => {
                let ts = format!("1764032405.{first:06}");
                let event = json!({
                    "type": "message", "channel": format!("C{}", first / 1_000_000),
                    "channel_type": "channel", "user": "U1", "ts": ts, "text": text(first),
                });
                let body = json!({
                    "type": "event_callback", "team_id": "T1", "api_app_id": "r1",
                    "event_id": format!("Ev{first}"), "event": event,
                });
                ("/v1/slack/events", body)
            }
        };
        (path, body.to_string())
    }
}

/// Delivers every parcel five times until each delivery is acknowledged. Some copies are far apart, others concurrent.
async fn deliver_all(parcels: Arc<Vec<Parcel>>, url: String, done: Arc<AtomicUsize>) {
    let http = http();
    let total = parcels.len() * DELIVERIES;
    let next = Arc::new(AtomicUsize::new(0));
    let senders = (0..SENDERS).map(|_| {
        let (parcels, next, done) = (parcels.clone(), next.clone(), done.clone());
        let (http, url) = (http.clone(), url.clone());
        tokio::spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= total {
                    return;
                }
                // Two pairs of concurrent copies in different rounds, and one copy at the end.
                let pairs = at.min(4 * parcels.len());
                let parcel = parcels[(pairs / 2 + (at - pairs)) % parcels.len()];
                while !parcel.deliver(&http, &url).await {
                    sleep(Duration::from_millis(20)).await;
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for sender in join_all(senders).await {
        sender.expect("every delivery ends");
    }
}

/// Delivers `MESSAGES` (1,000) messages of all formats five times each, while the function is killed and the database
/// crashes `KILLS` (8) times, spread over the work.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_lost_or_stored_twice_however_often_everything_is_killed() {
    let env = Env::from_process();
    let messages: usize = env.parse("MESSAGES", 1_000).expect("a number");
    let kills: usize = env.parse("KILLS", 8).expect("a number");
    let mut durable = Durable::start().await;
    let mut function = Function::start(&durable);
    let parcels = Arc::new(parcels(messages));
    let done = Arc::new(AtomicUsize::new(0));
    let total = parcels.len() * DELIVERIES;
    let url = function.url("");
    let started = Instant::now();
    let delivering = tokio::spawn(deliver_all(parcels, url, done.clone()));
    for kill in 1..=kills {
        while done.load(Ordering::Relaxed) < total * kill / (kills + 1) {
            sleep(Duration::from_millis(1)).await;
        }
        if kill % 4 == 0 {
            durable.server.crash().expect("Postgres comes back");
        } else {
            function.restart();
        }
    }
    delivering.await.expect("all is delivered");
    println!(
        "{messages} messages, {DELIVERIES} times each, {kills} kills: {:.0} s",
        started.elapsed().as_secs_f64()
    );

    let client = durable.client().await;
    let rows = client
        .query_typed("select message from conversation.log", &[])
        .await
        .expect("rows");
    let mut stored: HashMap<String, usize> = HashMap::new();
    for row in &rows {
        *stored.entry(row.get("message")).or_default() += 1;
    }
    let lost: Vec<usize> = (0..messages)
        .filter(|message| !stored.contains_key(&text(*message)))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(rows.len(), messages, "something is there twice");
}

/// 200 requests of 100 KB each and 12 of 1 MB, while the database doesn't respond.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_hangs_requests_get_503_in_time_and_memory_is_bounded() {
    let durable = Durable::start().await;
    let function = Function::start(&durable);
    let http = http();
    function.wait_until_ready(&http).await;
    let one = json!({"robeing_id": "r1", "message": "말 ".repeat(25_000)});
    let ten = json!({"items": vec![one.clone(); 10]}).to_string();
    let one = one.to_string();
    let send = async |path: &str, body: &str| {
        let request = http
            .post(function.url(path))
            .header("content-type", "application/json")
            .body(body.to_owned());
        request.send().await.expect("an answer").status()
    };
    assert_eq!(send("/v1/messages", &one).await, StatusCode::CREATED);

    durable.server.freeze().expect("it can be stopped");
    let turned_away = async |path: &str, body: &str| {
        let asked = Instant::now();
        let status = send(path, body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        // A busy machine takes longer.
        assert!(asked.elapsed() < 4 * DEADLINE, "{:?}", asked.elapsed());
    };
    let ended = AtomicBool::new(false);
    let highest = async {
        let mut highest = 0;
        while !ended.load(Ordering::Relaxed) {
            highest = highest.max(function.memory());
            sleep(Duration::from_millis(20)).await;
        }
        highest
    };
    let flood = async {
        let ones = (0..200).map(|_| turned_away("/v1/messages", &one));
        let tens = (0..12).map(|_| turned_away("/v1/messages/batch", &ten));
        futures::join!(join_all(ones), join_all(tens));
        ended.store(true, Ordering::Relaxed);
    };
    let (highest, ()) = futures::join!(highest, flood);
    println!("at most {} MiB", highest >> 20);
    assert!(highest < 192 << 20, "{highest} bytes");

    durable.server.thaw().expect("it goes on");
    let recovered = Instant::now();
    while send("/v1/messages", &one).await != StatusCode::CREATED {
        assert!(recovered.elapsed() < 4 * DEADLINE);
        sleep(Duration::from_millis(100)).await;
    }
}
