//! What holds for every route, whoever adds it: the functions' own documents say which there are.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use http::Method;
use jiff::Timestamp;
use kit::{TestApp, TestRequest, slack};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::postgres::migrate;
use platform::{Env, Resources, Router};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throwaway_postgres::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

type App = fn(&Resources) -> anyhow::Result<Router>;

/// Those that keep something in Postgres.
const WITH_DATABASE: [(&str, App); 4] = [
    ("message-log", message_log::app),
    ("privacy", privacy::app),
    ("settings", settings::app),
    ("stats-batch", stats_batch::app),
];
const OTHERS: [(&str, App); 2] = [
    ("cache-read", cache_read::app),
    ("schema-sync", schema_sync::app),
];

const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const KEY: [u8; 32] = [7; 32];
const ID: &str = "0190b2a0-0000-7000-8000-000000000001";

fn env(database: &str) -> Env {
    Env::default()
        .with("BUCKET_URL", "memory:///")
        .with("WAREHOUSE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("DATABASE_URL", database)
        .with("MASKING_KEY", hex(&KEY))
        .with("PRIVACY_KEY", hex(&KEY))
        .with("SLACK_SIGNING_SECRET", SLACK_SECRET)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// The routes of an app by its document: method and path.
async fn routes(app: &TestApp) -> Vec<(Method, String)> {
    let document = app.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let routes = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").keys();
        methods.map(|method| {
            let method = method.to_uppercase().parse().expect("a method");
            (method, path.clone())
        })
    });
    routes.collect()
}

/// The route with an address for each of its parameters.
fn address(path: &str, word: &str) -> String {
    let word = utf8_percent_encode(word, NON_ALPHANUMERIC).to_string();
    let id = if path.contains("/robeings/") {
        &word
    } else {
        ID
    };
    path.replace("{id}", id)
        .replace("{category}", "skill")
        .replace("{key}", "theme")
        .replace("{name}", &word)
}

/// The query and the body of a request that comes as far as the database, with `word` wherever a
/// caller may write what they like.
fn example(
    method: &Method,
    path: &str,
    word: &str,
) -> (Vec<(&'static str, String)>, Option<Value>) {
    let text = || word.to_owned();
    let message = json!({"robeing_id": word, "id": word, "message": word, "response": word,
        "channel_id": word, "channel_type": word, "thread_ts": word, "slack_user_id": word,
        "intent": word, "user_id": ID, "metadata": {word: word}});
    let subject = json!({ "slack_user_id": word });
    match (method.as_str(), path) {
        ("POST", "/v1/messages" | "/events/message-log") => (vec![], Some(message)),
        ("POST", "/v1/messages/batch") => (vec![], Some(json!({ "items": [message] }))),
        ("POST", "/v1/slack/events") => {
            let event = json!({"type": "message", "channel": word, "channel_type": "channel",
                "user": word, "ts": "1764032405.000001", "text": word});
            let envelope = json!({"type": "event_callback", "team_id": word, "api_app_id": word,
                "event_id": word, "event": event});
            (vec![], Some(envelope))
        }
        ("POST", "/v1/dead-letters/{id}/replay") => (vec![], Some(json!({ "message": message }))),
        ("POST", "/v1/robeings/{id}/tasks") => {
            let task = json!({"task_type": word, "difficulty": 3, "outcome": "success"});
            (vec![], Some(task))
        }
        ("POST", "/v1/erasures" | "/v1/exports") => (vec![], Some(subject)),
        ("POST", "/events/privacy" | "/events/stats-batch") => (vec![], Some(json!({}))),
        ("PUT", _) => (vec![], Some(json!({ word: word }))),
        ("PATCH", _) => (vec![], Some(json!({ "theme": { word: word } }))),
        ("DELETE", _) => (vec![], None),
        ("GET", "/v1/robeings/{id}/search") => (vec![("q", text())], None),
        ("GET", "/v1/robeings/{id}/context") => (vec![("q", text()), ("thread", text())], None),
        ("GET", "/v1/robeings/{id}/messages") => {
            let query = [("channel", text()), ("thread", text()), ("intent", text())];
            (query.into(), None)
        }
        ("GET", "/v1/users/{id}/messages") => {
            let query = [("robeing", text()), ("intent", text())];
            (query.into(), None)
        }
        ("GET", "/v1/exports/download") => {
            let expires = Timestamp::now().as_second() + 60;
            let link = format!("metasync link {ID} 1 {expires}");
            let signature = sign(&sign(&KEY, "sign"), &link);
            let query = [
                ("export", ID.to_owned()),
                ("file", "1".to_owned()),
                ("expires", expires.to_string()),
                ("signature", hex(&signature)),
            ];
            (query.into(), None)
        }
        ("GET", _) => (vec![], None),
        _ => panic!("say here how {method} {path} is called"),
    }
}

fn request(app: &TestApp, method: &Method, path: &str, word: &str) -> TestRequest {
    let (query, body) = example(method, path, word);
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let address = format!("{}?{}", address(path, word), query.join("&"));
    let request = app.request(method.clone(), &address);
    let Some(body) = body else {
        return request;
    };
    let request = request.json(&body).header("idempotency-key", ID);
    if path != message_log::slack::ROUTE {
        return request;
    }
    let now = Timestamp::now().as_second();
    let signature = slack::signature(SLACK_SECRET, now, &body.to_string());
    request
        .header("x-slack-request-timestamp", now)
        .header("x-slack-signature", signature)
}

#[tokio::test]
async fn a_head_asks_for_the_proof_that_a_get_asks_for() {
    let sha256 = hex(&Sha256::digest("token"));
    let tokens = json!([{"name": "bot", "role": "admin", "sha256": sha256}]).to_string();
    for auth in [("AUTH_TOKENS", tokens.as_str()), ("AUTH_MODE", "open")] {
        for (function, app) in WITH_DATABASE.into_iter().chain(OTHERS) {
            let env = env("postgres://nobody@127.0.0.1:1/nothing");
            let document = TestApp::with_env(env.clone()).start(app).await;
            let app = TestApp::with_env(env.with(auth.0, auth.1)).start(app).await;
            let mut gets = vec!["/openapi.json".to_owned(), "/healthz".to_owned()];
            for (method, path) in routes(&document).await {
                if method == Method::GET {
                    gets.push(address(&path, "r1"));
                }
            }
            for path in gets {
                let get = app.get(&path).await.status;
                let head = app.request(Method::HEAD, &path).await.status;
                assert_eq!(head, get, "{function}: {path} with {}", auth.0);
                let is_open = auth.0 == "AUTH_MODE" && !path.contains("/download");
                assert!(is_open || path == "/healthz" || get == 401, "{path}: {get}");
            }
        }
    }
}

/// A server that accepts connections and lets nobody in, or lets everybody in, and says nothing else.
async fn frozen_database(lets_in: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            if lets_in {
                let _ = socket.read(&mut [0; 1024]).await;
                let ready = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
                let _ = socket.write_all(ready).await;
            }
            open.push(socket);
        }
    });
    format!("postgres://nobody@127.0.0.1:{port}/nothing?sslmode=disable")
}

/// Work that nobody waits for has longer; it ends as well.
fn longest(path: &str) -> Duration {
    match path {
        "/events/privacy" | "/events/stats-batch" => Duration::from_secs(16 * 60),
        _ => Duration::from_secs(10),
    }
}

#[tokio::test(start_paused = true)]
async fn a_database_that_stands_still_is_a_503_in_time_on_every_route() {
    for lets_in in [false, true] {
        let database = frozen_database(lets_in).await;
        for (function, app) in WITH_DATABASE {
            let app = TestApp::with_env(env(&database)).start(app).await;
            for (method, path) in routes(&app).await {
                let started = Instant::now();
                let reply = request(&app, &method, &path, "r1").await;
                let called = format!("{function}: {method} {path}, {lets_in}");
                assert_eq!(reply.status, 503, "{called}: {reply:?}");
                let took = started.elapsed();
                assert!(took <= longest(&path), "{called} after {took:?}");
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_a_caller_sends_is_part_of_a_statements_text() {
    // Whoever quotes badly, or trusts the server to take a backslash for nothing, is found out.
    const MARK: &str = "zqxj";
    let word = format!("{MARK}\\'\";--$$");
    let settings = [
        "log_statement=all",
        "log_parameter_max_length=0",
        "log_line_prefix=@@",
        "standard_conforming_strings=off",
    ];
    let server = Server::start_with(&Env::from_process(), &settings).expect("a Postgres");
    let env = env(&server.url());
    migrate(&env, migrations::FILES)
        .await
        .expect("the migrations apply");
    let mut asked = BTreeMap::new();
    for (function, app) in WITH_DATABASE {
        let app = TestApp::with_env(env.clone()).start(app).await;
        for (method, path) in routes(&app).await {
            // What is stored now is asked for, changed and taken out later.
            for _ in 0..2 {
                let status = request(&app, &method, &path, &word).await.status;
                asked.insert(format!("{function}: {method} {path}"), status);
            }
        }
    }
    let failed: Vec<_> = asked
        .iter()
        .filter(|(_, it)| it.is_server_error())
        .collect();
    assert!(failed.is_empty(), "{failed:?}");

    let log = std::fs::read(server.folder().join("log")).expect("a log");
    let log = String::from_utf8_lossy(&log);
    let is_statement = |line: &&str| {
        let kinds = ["LOG:  statement:", "LOG:  execute", "STATEMENT:"];
        kinds.iter().any(|kind| line.starts_with(kind))
    };
    let statements: Vec<&str> = log.split("@@").filter(is_statement).collect();
    assert!(statements.len() > asked.len(), "the log has all of them");
    for statement in statements {
        assert!(!statement.contains(MARK), "{statement}");
    }
}
