//! The Pub/Sub emulator of Google, which pushes to the message log over HTTP.
//!
//! It omits `orderingKey` and `deliveryAttempt`, and a subscription with both ordering and a dead-letter topic
//! stalls, so the tests use separate subscriptions.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::conversation::{Conversation, Row};
use crate::server::{Server, is_missing};

pub const PEER: &str = "pubsub-emulator";
/// The minimum of Pub/Sub.
const ATTEMPTS: i64 = 5;
const TIMEOUT: Duration = Duration::from_secs(60);

pub static EMULATOR: LazyLock<Server> = LazyLock::new(|| {
    Server::start(PEER, "emulator", |port| {
        vec!["--host=127.0.0.1".to_owned(), format!("--port={port}")]
    })
});

/// A project of the emulator for one test.
struct Project {
    name: &'static str,
    client: Client,
}

impl Project {
    async fn new(name: &'static str) -> Self {
        let client = platform::http_client::build(&platform::Env::default()).unwrap();
        let project = Self { name, client };
        for topic in ["messages", "dead"] {
            project.put(&format!("topics/{topic}"), json!({})).await;
        }
        project
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/v1/projects/{}/{path}", EMULATOR.url(), self.name);
        let request = self
            .client
            .request(method, url)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn put(&self, path: &str, body: Value) {
        self.call(Method::PUT, path, body).await;
    }

    fn topic(&self, name: &str) -> String {
        format!("projects/{}/topics/{name}", self.name)
    }

    /// Creates a subscription that pushes new messages to `url`.
    async fn push(&self, url: &str, mut more: Value) {
        more["topic"] = self.topic("messages").into();
        more["pushConfig"] = json!({"pushEndpoint": format!("{url}/events/message-log")});
        self.put("subscriptions/push", more).await;
    }

    async fn publish(&self, messages: &[Value]) {
        let body = json!({ "messages": messages });
        let path = "topics/messages:publish";
        self.call(Method::POST, path, body).await;
    }

    async fn pull(&self, subscription: &str) -> Vec<Value> {
        let path = format!("subscriptions/{subscription}:pull");
        let body = json!({"maxMessages": 10});
        let pulled = self.call(Method::POST, &path, body).await;
        let messages = pulled["receivedMessages"].as_array().cloned();
        messages.unwrap_or_default()
    }
}

/// Calls `poll` until it returns a value.
pub async fn wait_for<T>(what: &str, poll: impl AsyncFn() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = poll().await {
            return value;
        }
        assert!(started.elapsed() < TIMEOUT, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Serves the app behind a proxy that replaces the response to the first delivery of each message with 502, after
/// the app has processed it. Returns the URL.
async fn serve_with_lost_responses(log: &Conversation) -> String {
    let known = Arc::new(Mutex::new(HashSet::new()));
    let lose = move |request: Request, next: Next| {
        let known = known.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.unwrap();
            let event: Value = serde_json::from_slice(&body).unwrap();
            let id = event["message"]["messageId"].as_str().unwrap().to_owned();
            let answer: Response = next.run(Request::from_parts(parts, Body::from(body))).await;
            let is_first = known.lock().unwrap().insert(id);
            if is_first {
                return StatusCode::BAD_GATEWAY.into_response();
            }
            answer
        }
    };
    let service: Router = log.app.service().layer(from_fn(lose));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
    url
}

fn published(message: &Value, attributes: &Value) -> Value {
    json!({"data": BASE64.encode(message.to_string()), "attributes": attributes})
}

fn said(text: &str, thread: &str) -> Value {
    json!({"robeing_id": "sales", "thread_ts": thread, "message": text})
}

#[tokio::test]
async fn redelivered_messages_are_stored_once_and_a_bad_one_goes_to_the_dead_letter_topic() {
    if is_missing(PEER) {
        return;
    }
    let log = Conversation::start().await;
    let project = Project::new("redelivery").await;
    let dead = json!({"topic": project.topic("dead")});
    project.put("subscriptions/dead", dead).await;
    let policy = json!({
        "deadLetterPolicy": {"deadLetterTopic": project.topic("dead"), "maxDeliveryAttempts": ATTEMPTS},
        "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "0.1s"},
    });
    let url = serve_with_lost_responses(&log).await;
    project.push(&url, policy).await;

    let by_attribute = published(
        &said("named by its publisher", "t1"),
        &json!({"id": "order-1"}),
    );
    let mut by_body = said("named in its body, 전화는 010-1234-5678", "t1");
    by_body["id"] = "order-2".into();
    let by_body = published(&by_body, &json!({}));
    let poison = json!({"robeing_id": "sales", "message": "hong@example.com", "confidence": 7});
    project
        .publish(&[
            by_attribute.clone(),
            by_attribute,
            by_body.clone(),
            by_body,
            published(
                &said("named by Pub/Sub alone 🙂", "t2"),
                &json!({"origin": "crm"}),
            ),
            published(&poison, &json!({})),
        ])
        .await;

    let left = wait_for("a dead letter", async || {
        let left = project.pull("dead").await;
        (!left.is_empty()).then_some(left)
    });
    let left = left.await;
    let mut expected = [
        Row::new("named by its publisher", "t1"),
        Row::new("named in its body, 전화는 [PHONE_1]", "t1"),
        Row::new("named by Pub/Sub alone 🙂", "t2"),
    ];
    expected.sort();
    assert_eq!(log.sorted_rows().await, expected);

    assert_eq!(left.len(), 1, "{left:?}");
    let data = BASE64.encode(poison.to_string());
    assert_eq!(left[0]["message"]["data"], data);
    let letters = log.dead_letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["attempts"], ATTEMPTS);
    assert_eq!(letters[0]["source"], "pubsub");
    assert_eq!(letters[0]["body"]["message"], "[EMAIL_1]");
    assert_eq!(letters[0]["reason"], "confidence must be from 0 to 1");
}

#[tokio::test]
async fn messages_with_an_ordering_key_do_not_overtake_a_failed_one() {
    if is_missing(PEER) {
        return;
    }
    let log = Conversation::start().await;
    let project = Project::new("order").await;
    let url = serve_with_lost_responses(&log).await;
    let ordered = json!({
        "enableMessageOrdering": true,
        "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "0.1s"},
    });
    project.push(&url, ordered).await;
    let client = log.database.client().await;
    let rename = |from, to| format!("alter table conversation.{from} rename to {to}");
    client.batch_execute(&rename("log", "away")).await.unwrap();

    // In one request, so that they have the same publish time.
    let keys = ["a", "b"];
    let messages: Vec<Value> = (0..8)
        .flat_map(|n| keys.map(|key| (n, key)))
        .map(|(n, key)| {
            let mut message = published(&said(&format!("{key}{n}"), key), &json!({}));
            message["orderingKey"] = key.into();
            message
        })
        .collect();
    project.publish(&messages).await;
    // Long enough for the first message of each key to fail and to be retried.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    client.batch_execute(&rename("away", "log")).await.unwrap();

    let rows = wait_for("all rows", async || {
        let rows = log.rows().await;
        (rows.len() == messages.len()).then_some(rows)
    });
    let rows = rows.await;
    for key in keys {
        let rows = rows.iter().filter(|row| row.thread == key);
        let stored: Vec<&str> = rows.map(|row| row.message.as_str()).collect();
        let sent: Vec<String> = (0..8).map(|n| format!("{key}{n}")).collect();
        assert_eq!(stored, sent);
    }
    assert_eq!(log.dead_letters().await, [json!(null); 0]);
}
