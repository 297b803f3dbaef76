//! An account of AWS: moto, with what it lacks. Functions run in this process, with the configuration and the secrets
//! that moto has for them, and take the dead letters that are moved back; IAM simulates policies; and the policy of a
//! bucket has conditions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use http::request::Parts;
use kit::TestApp;
use platform::{Env, secrets};
use serde_json::{Value, json};
use tests::apps;
use tokio::net::TcpListener;

use super::amazon::Amazon;
use super::message;

/// The caller, whose name moto returns for keys that it doesn't know.
pub const CALLER: &str = "moto";

pub struct Account {
    pub url: String,
    state: Arc<Inner>,
}

struct Inner {
    moto: Amazon,
    http: reqwest::Client,
    /// The actions that the caller may not do, unless a policy that is attached to it allows them.
    forbidden: Mutex<BTreeSet<String>>,
    /// The policy of the bucket. moto would ignore its condition, and deny everything.
    bucket_policy: Mutex<Option<Bytes>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while locked")
}

impl Account {
    pub async fn before(moto: &str) -> Self {
        let state = Arc::new(Inner {
            moto: Amazon::new(moto.to_owned()),
            http: platform::http_client::build(&Env::default()).expect("a client"),
            forbidden: Mutex::default(),
            bucket_policy: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let service = Router::new().fallback(reply).with_state(state.clone());
        tokio::spawn(async { axum::serve(listener, service).await });
        Self { url, state }
    }

    pub fn forbid(&self, actions: &[&str]) {
        let actions = actions.iter().map(|it| (*it).to_owned());
        locked(&self.state.forbidden).extend(actions);
    }
}

async fn reply(State(state): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await;
    let body = body.expect("a complete request");
    let function = parts
        .uri
        .path()
        .strip_prefix("/2015-03-31/functions/metasync-")
        .and_then(|rest| rest.strip_suffix("/invocations"));
    if let Some(function) = function {
        return state.invoke(function, &body).await;
    }
    if parts.uri.query().is_some_and(|it| it.starts_with("policy")) {
        let mut policy = locked(&state.bucket_policy);
        match (parts.method.as_str(), policy.as_ref()) {
            ("GET", Some(known)) => return known.clone().into_response(),
            ("GET", None) => {
                let none = "<Error><Code>NoSuchBucketPolicy</Code></Error>";
                return (StatusCode::NOT_FOUND, none).into_response();
            }
            ("PUT", _) => *policy = Some(body),
            _ => *policy = None,
        }
        return StatusCode::NO_CONTENT.into_response();
    }
    // The services with a query API have one path.
    let form: &[u8] = if parts.uri.path() == "/" { &body } else { b"" };
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(form).into_owned().collect();
    if form.get("Action").map(String::as_str) == Some("SimulatePrincipalPolicy") {
        return state.simulate(&form).await;
    }
    let target = parts.headers.get("x-amz-target");
    if target.is_some_and(|it| it == "AmazonSQS.StartMessageMoveTask") {
        return state.move_back(&body).await;
    }
    let (status, response) = state.forward(parts, body).await;
    let (headers, body) = response;
    let mut response = Response::builder().status(status);
    for (name, value) in &headers {
        if name != "transfer-encoding" {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(body)).expect("a response")
}

impl Inner {
    async fn forward(&self, parts: Parts, body: Bytes) -> (StatusCode, (http::HeaderMap, Bytes)) {
        let address = parts.uri.path_and_query().expect("an address").as_str();
        let url = format!("{}{address}", self.moto.url);
        let mut headers = parts.headers;
        headers.remove("host");
        let request = self.http.request(parts.method, url).headers(headers);
        let reply = request.body(body).send().await.expect("a response");
        let (status, headers) = (reply.status(), reply.headers().clone());
        let body = reply.bytes().await.expect("a complete response");
        (status, (headers, body))
    }

    /// IAM's simulation of the policies of the caller.
    async fn simulate(&self, form: &BTreeMap<String, String>) -> Response {
        let mut forbidden = locked(&self.forbidden).clone();
        if !forbidden.is_empty() {
            for statement in self.moto.attached_statements(CALLER).await {
                let allowed = statement["Action"].as_array().expect("actions");
                forbidden.retain(|action| !allowed.iter().any(|it| it == action));
            }
        }
        let actions = form
            .iter()
            .filter(|(name, _)| name.starts_with("ActionNames.member."));
        let results = actions.map(|(_, action)| {
            let is_forbidden = forbidden.contains(action);
            let decision = if is_forbidden { "implicitDeny" } else { "allowed" };
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
            )
        });
        let results: String = results.collect();
        format!("<EvaluationResults>{results}</EvaluationResults>").into_response()
    }

    /// Moves the dead letters back into their queue, from which the function takes them at once.
    async fn move_back(&self, task: &[u8]) -> Response {
        let task: Value = serde_json::from_slice(task).expect("JSON");
        let arn = task["SourceArn"].as_str().expect("an ARN");
        let function = message::FUNCTION;
        let dead = format!("metasync-{function}-dead-letters");
        assert_eq!(arn, format!("arn:aws:sqs:eu-central-1:123456789012:{dead}"));
        let queue = format!("{}/123456789012/{dead}", self.moto.url);
        let messages = message::receive(&self.moto, &queue).await;
        let event = message::event(&messages).to_string();
        let result = self.invoke(function, event.as_bytes()).await.into_body();
        let result = to_bytes(result, usize::MAX).await.expect("a result");
        let report: Value = serde_json::from_slice(&result).expect("a report");
        assert_eq!(report, json!({"batchItemFailures": []}));
        for message in &messages {
            let taken = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
            self.moto
                .call("sqs", "AmazonSQS.DeleteMessage", taken)
                .await;
        }
        json!({"TaskHandle": "task"}).to_string().into_response()
    }

    /// Starts a function as Lambda does, and runs one invocation.
    async fn invoke(&self, function: &str, event: &[u8]) -> Response {
        let path = format!("/2019-09-30/functions/metasync-{function}/concurrency");
        let reserved = self.moto.get("lambda", &path).await;
        if reserved["ReservedConcurrentExecutions"] == 0 {
            return (StatusCode::TOO_MANY_REQUESTS, "{}").into_response();
        }
        let path = format!("/2015-03-31/functions/metasync-{function}");
        let found = self.moto.get("lambda", &path).await;
        let variables = found["Configuration"]["Environment"]["Variables"].clone();
        let variables: BTreeMap<String, String> =
            serde_json::from_value(variables).expect("variables");
        let env: Env = variables.into_iter().collect();
        // A new instance has no copies in its file system.
        let files = tempfile::tempdir().expect("a temporary folder");
        let env = env
            .with("TMPDIR", files.path().display().to_string())
            .with("AWS_ACCESS_KEY_ID", "key")
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("AWS_REGION", "eu-central-1")
            .with("AWS_ENDPOINT_URL", &self.moto.url);
        let app = apps().find(|(name, _)| *name == function);
        let (name, app) = app.expect("a function of the project");
        let started = match secrets::resolve(env).await {
            Ok(env) => TestApp::with_env(env).named(name).try_start(app).await,
            Err(error) => Err(error),
        };
        let app = match started {
            Ok(app) => app,
            Err(error) => {
                let line = json!({"level": "ERROR", "message": format!("{name} stops: {error:#}")});
                let log = BASE64.encode(format!("{line}\n"));
                let headers = [
                    ("x-amz-function-error", "Unhandled".to_owned()),
                    ("x-amz-log-result", log),
                ];
                let body =
                    json!({"errorType": "Runtime.ExitError", "errorMessage": "exit status 1"});
                return (headers, body.to_string()).into_response();
            }
        };
        let event: Value = serde_json::from_slice(event).expect("an event");
        match app.invoke(&event).await {
            Ok(result) => result.get().to_owned().into_response(),
            Err(failure) => {
                let body =
                    json!({"errorType": failure.error_type, "errorMessage": failure.error_message});
                ([("x-amz-function-error", "Unhandled")], body.to_string()).into_response()
            }
        }
    }
}
