//! Rules for every route, new ones included: the functions' OpenAPI documents list the routes.

mod accounts;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use http::Method;
use jiff::Timestamp;
use kit::{TestApp, TestRequest, slack};
use metasync::catalogue;
use metasync::functions::{FUNCTIONS, Function};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use platform::Env;
use platform::postgres::migrate;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use throwaway_postgres::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// The functions that store data in Postgres.
fn with_database() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS
        .iter()
        .filter(|function| function.needs_database())
}

const SLACK_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const KEY: [u8; 32] = [7; 32];
const ID: &str = "0190b2a0-0000-7000-8000-000000000001";

fn env(database: &str) -> Env {
    Env::default()
        .with("BUCKET_URL", "memory:///")
        .with("WAREHOUSE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("DATABASE_URL", database)
        .with("MASKING_KEY", hex(&KEY))
        .with("METASYNC_KEYS", hex(&KEY))
        .with("PRIVACY_KEY", hex(&KEY))
        .with("SLACK_SIGNING_SECRET", SLACK_SECRET)
        .with("SLACK_DEFAULT_ROBEING", "r1")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// The routes in an app's document: method and path.
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

/// Whether the route needs no caller, because it signs people in. Without an issuer, it returns 503, whatever the
/// database does; the tests of `console` have one.
fn signs_in(function: &Function, method: &Method, path: &str) -> bool {
    let route = format!("{method} {path}");
    catalogue::functions()[function.name]
        .open_routes
        .contains(&route)
}

/// The path with a value for each of its parameters.
fn address(path: &str, value: &str) -> String {
    let value = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let id = if path.contains("/robeings/") {
        &value
    } else {
        ID
    };
    path.replace("{id}", id)
        .replace("{category}", "skill")
        .replace("{key}", "theme")
        .replace("{name}", &value)
}

/// The query and the body of a request that reaches the database, with `text` wherever a caller may
/// send any text.
fn example(
    method: &Method,
    path: &str,
    text: &str,
) -> (Vec<(&'static str, String)>, Option<Value>) {
    let owned = || text.to_owned();
    let message = json!({"robeing_id": text, "id": text, "message": text, "response": text,
        "channel_id": text, "channel_type": text, "thread_ts": text, "slack_user_id": text,
        "intent": text, "user_id": ID, "metadata": {text: text}});
    let subject = json!({ "slack_user_id": text });
    match (method.as_str(), path) {
        ("POST", "/v1/messages" | "/events/message-log") => (vec![], Some(message)),
        ("POST", "/v1/messages/batch") => (vec![], Some(json!({ "items": [message] }))),
        ("POST", "/v1/slack/events") => {
            let event = json!({"type": "message", "channel": text, "channel_type": "channel",
                "user": text, "ts": "1764032405.000001", "text": text});
            let envelope = json!({"type": "event_callback", "team_id": text, "api_app_id": text,
                "event_id": text, "event": event});
            (vec![], Some(envelope))
        }
        ("POST", "/v1/messages/{id}/feedback") => (
            vec![],
            Some(json!({"name": "helpful", "value": text, "comment": text})),
        ),
        ("POST", "/v1/dead-letters/{id}/dismiss") => (vec![], Some(json!({ "reason": text }))),
        ("POST", "/v1/dead-letters/{id}/replay") => (vec![], Some(json!({ "message": message }))),
        ("POST", "/v1/robeings/{id}/tasks") => {
            let task = json!({"task_type": text, "difficulty": 3, "outcome": "success"});
            (vec![], Some(task))
        }
        ("POST", "/v1/erasures" | "/v1/exports") => (vec![], Some(subject)),
        ("POST", "/v1/schema/context" | "/v1/schema/prompt" | "/v1/schema/sql") => {
            (vec![], Some(json!({ "question": text })))
        }
        ("POST", "/v1/people") => {
            let person =
                json!({"email": format!("{text}@example.com"), "scope": {"robeings": [text]}});
            (vec![], Some(person))
        }
        ("PATCH", "/v1/people/{id}") => (vec![], Some(json!({"scope": {"robeings": [text]}}))),
        ("POST", "/v1/tokens") => {
            let token = json!({"name": text, "role": "reader", "scope": {"robeings": [text]}});
            (vec![], Some(token))
        }
        ("PATCH", "/api/me") => (vec![], Some(json!({"language": "ko"}))),
        ("POST", "/api/me/token" | "/auth/sign-out") => (vec![], None),
        ("POST", trigger) if trigger.starts_with("/events/") => (vec![], Some(json!({}))),
        ("PUT", _) => (vec![], Some(json!({ text: text }))),
        ("PATCH", _) => (vec![], Some(json!({ "theme": { text: text } }))),
        ("DELETE", _) => (vec![], None),
        ("GET", "/v1/robeings/{id}/search") => (vec![("q", owned())], None),
        ("GET", "/v1/robeings/{id}/context") => {
            (vec![("q", owned()), ("thread_ts", owned())], None)
        }
        ("GET", "/v1/robeings/{id}/messages") => {
            let query = [
                ("channel_id", owned()),
                ("thread_ts", owned()),
                ("intent", owned()),
            ];
            (query.into(), None)
        }
        ("GET", "/v1/users/{id}/messages") => {
            let query = [("robeing_id", owned()), ("intent", owned())];
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
        ("GET", "/v1/audit" | "/v1/audit/export") => {
            let query = [
                ("action", owned()),
                ("subject", owned()),
                ("actor", owned()),
            ];
            (query.into(), None)
        }
        ("GET", _) => (vec![], None),
        _ => panic!("add an example of {method} {path} here"),
    }
}

fn request(app: &TestApp, method: &Method, path: &str, text: &str) -> TestRequest {
    let (query, body) = example(method, path, text);
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let address = format!("{}?{}", address(path, text), query.join("&"));
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
async fn a_head_needs_the_authentication_that_a_get_needs() {
    let sha256 = hex(&Sha256::digest("token"));
    let tokens = json!([{"name": "bot", "role": "admin", "sha256": sha256}]).to_string();
    for auth in [("AUTH_TOKENS", tokens.as_str()), ("AUTH_MODE", "open")] {
        for function in FUNCTIONS {
            let env = env("postgres://nobody@127.0.0.1:1/nothing");
            let document = TestApp::with_env(env.clone()).start(function.app).await;
            let env = env.with(auth.0, auth.1);
            let app = TestApp::with_env(env).start(function.app).await;
            let mut gets = ["/openapi.json", "/healthz", "/readyz"]
                .map(str::to_owned)
                .to_vec();
            let mut without_caller = Vec::new();
            for (method, path) in routes(&document).await {
                if method == Method::GET {
                    gets.push(address(&path, "r1"));
                    if signs_in(function, &method, &path) {
                        without_caller.push(path);
                    }
                }
            }
            for path in gets {
                let get = app.get(&path).await.status;
                let head = app.request(Method::HEAD, &path).await.status;
                assert_eq!(head, get, "{}: {path} with {}", function.name, auth.0);
                let is_open = auth.0 == "AUTH_MODE" && !path.contains("/download");
                let needs_no_caller = ["/healthz", "/readyz"].contains(&path.as_str())
                    || without_caller.contains(&path);
                assert!(is_open || needs_no_caller || get == 401, "{path}: {get}");
            }
        }
    }
}

/// A server that accepts connections and never answers: before the login, or after it.
async fn frozen_database(after_login: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            if after_login {
                let _ = socket.read(&mut [0; 1024]).await;
                let ready = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
                let _ = socket.write_all(ready).await;
            }
            open.push(socket);
        }
    });
    format!("postgres://nobody@127.0.0.1:{port}/nothing?sslmode=disable")
}

/// The time within which a route must respond. Scheduled runs take longer than requests and the events of
/// queues.
fn longest(function: &Function, path: &str) -> Duration {
    let trigger = function.trigger.filter(|trigger| trigger.queue.is_none());
    match trigger {
        Some(trigger) if path.starts_with("/events/") => {
            trigger.longest_run + Duration::from_secs(60)
        }
        _ => Duration::from_secs(10),
    }
}

#[tokio::test(start_paused = true)]
async fn every_route_returns_503_in_time_if_the_database_does_not_answer() {
    for after_login in [false, true] {
        let database = frozen_database(after_login).await;
        for function in with_database() {
            let app = TestApp::with_env(env(&database)).start(function.app).await;
            let routes = routes(&app).await.into_iter();
            for (method, path) in routes.filter(|(method, path)| !signs_in(function, method, path))
            {
                let started = Instant::now();
                let reply = request(&app, &method, &path, "r1").await;
                let called = format!("{}: {method} {path}, {after_login}", function.name);
                assert_eq!(reply.status, 503, "{called}: {reply:?}");
                let took = started.elapsed();
                assert!(took <= longest(function, &path), "{called} after {took:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_text_of_a_statement_contains_nothing_that_a_caller_sends() {
    // Breaks statements that quote wrongly, or that rely on the meaning of a backslash.
    const MARK: &str = "zqxj";
    let text = format!("{MARK}\\'\";--$$");
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
    let mut statuses = BTreeMap::new();
    for function in with_database() {
        let app = TestApp::with_env(env.clone()).start(function.app).await;
        let routes = routes(&app).await.into_iter();
        for (method, path) in routes.filter(|(method, path)| !signs_in(function, method, path)) {
            // The second request reads, changes or removes what the first one stored.
            for _ in 0..2 {
                let status = request(&app, &method, &path, &text).await.status;
                statuses.insert(format!("{}: {method} {path}", function.name), status);
            }
        }
    }
    let failed: Vec<_> = statuses
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
    assert!(
        statements.len() > statuses.len(),
        "the log has every statement"
    );
    for statement in statements {
        assert!(!statement.contains(MARK), "{statement}");
    }
}
