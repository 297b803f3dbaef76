//! A stub of Slack's Web API, with the methods that a bot calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A server that stops with the runtime of the test.
pub struct SlackApi {
    /// What a client appends the names of methods to.
    pub url: String,
    posted: Posted,
}

/// The parameters of each `chat.postMessage`.
type Posted = Arc<Mutex<Vec<BTreeMap<String, String>>>>;

impl SlackApi {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free loopback port");
        let url = format!(
            "http://{}/api/",
            listener.local_addr().expect("a bound socket")
        );
        let posted = Posted::default();
        let service = Router::new()
            .route("/api/auth.test", post(authenticated))
            .route("/api/chat.postMessage", post(post_message))
            .with_state(posted.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { url, posted }
    }

    /// The messages that were posted, each with its parameters and its `ts`.
    pub fn posted(&self) -> Vec<BTreeMap<String, String>> {
        self.posted.lock().expect("no panic under the lock").clone()
    }
}

async fn authenticated() -> Response {
    let answer = json!({
        "ok": true, "url": "https://example.slack.com/", "team": "example", "user": "bot",
        "team_id": "T1", "user_id": "UBOT", "bot_id": "BBOT"
    });
    axum::Json(answer).into_response()
}

async fn post_message(State(posted): State<Posted>, headers: HeaderMap, body: Bytes) -> Response {
    let mut parameters = parameters(&headers, &body);
    let mut posted = posted.lock().expect("no panic under the lock");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_secs();
    let ts = format!("{now}.{:06}", 500_000 + posted.len());
    parameters.insert("ts".to_owned(), ts.clone());
    let answer = json!({"ok": true, "channel": parameters.get("channel"), "ts": ts});
    posted.push(parameters);
    axum::Json(answer).into_response()
}

/// Slack accepts forms and JSON.
fn parameters(headers: &HeaderMap, body: &[u8]) -> BTreeMap<String, String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    if kind.is_some_and(|it| it.starts_with("application/json")) {
        let body: BTreeMap<String, Value> = serde_json::from_slice(body).expect("JSON");
        let text = |value: Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        return body
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect();
    }
    url::form_urlencoded::parse(body).into_owned().collect()
}
