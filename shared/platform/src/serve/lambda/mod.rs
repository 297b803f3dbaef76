//! A function on AWS Lambda. Every event becomes one or several HTTP requests to the same service.
//!
//! - An event of an HTTP API, REST API, function URL or ALB becomes the request that it describes. The
//!   caller is authenticated by its headers, as everywhere.
//! - An SQS batch becomes one `POST /events/<function>` per record, or one for all if the app accepts whole
//!   batches. The result lists the records that failed.
//! - Any other event (the input of a schedule, an EventBridge event, JSON by hand) becomes the body of
//!   `POST /events/<function>`, and the response becomes the result of the invocation.
//!
//! IAM has checked who may invoke the function, so the caller of a trigger is the platform. A trigger that
//! returns another status than 2xx fails its invocation, or its record.
//!
//! SIGTERM is not handled: Lambda sends it only to functions with an extension, which costs a round trip at
//! startup, and nothing here needs to be flushed.

mod http_event;
pub mod sqs;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use tower::ServiceExt as _;

use super::address::ClientAddress;
use super::service::Invocation;
use crate::{Caller, Resources};

/// The failure of an invocation: the `title` and `detail` of the problem.
pub type Failure = lambda_runtime::Diagnostic;

/// The time to respond before Lambda stops the process.
const MARGIN: Duration = Duration::from_millis(500);

/// Serves invocations until the process is stopped.
pub async fn run(
    name: &'static str,
    service: axum::Router,
    resources: &Resources,
) -> anyhow::Result<()> {
    let env = resources.env();
    // lambda_runtime panics without these.
    for variable in [
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
    ] {
        env.required(
            variable,
            "the value that Lambda sets, or unset AWS_LAMBDA_RUNTIME_API",
        )?;
    }
    let function = Arc::new(Function::new(name, service, resources));
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = function.clone();
        async move {
            let id = &event.context.request_id;
            // Lambda sends no deadline in the past. Emulators do: `cargo lambda watch` sends one in 1970.
            let deadline = Some(event.context.deadline()).filter(|at| *at > SystemTime::now());
            let deadline = deadline.map(|at| at - MARGIN);
            function.invoke(event.payload.get(), id, deadline).await
        }
    });
    let runtime = Runtime::new(handler);
    runtime
        .run_concurrent()
        .await
        .map_err(anyhow::Error::from_boxed)
}

/// A service that Lambda invokes.
pub struct Function {
    name: &'static str,
    service: axum::Router,
    whole_batches: bool,
}

impl Function {
    /// `resources` must be those that the service was created with.
    pub fn new(name: &'static str, service: axum::Router, resources: &Resources) -> Self {
        Self {
            name,
            service,
            whole_batches: resources.ingress().accepts_whole_batches(),
        }
    }

    /// Runs one invocation with a JSON event and returns its JSON result.
    pub async fn invoke(
        &self,
        event: &str,
        request_id: &str,
        deadline: Option<SystemTime>,
    ) -> Result<Box<RawValue>, Failure> {
        let left = deadline.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        let invocation = Invocation {
            request_id: request_id.to_owned(),
            deadline: left.map(|left| Instant::now() + left),
            caller: None,
            client: ClientAddress::default(),
        };
        match Kind::of(event)? {
            Kind::Http => http_event::respond(event, &self.service, invocation).await,
            Kind::Sqs if !self.whole_batches => sqs::respond(event, self, invocation).await,
            Kind::Sqs | Kind::Trigger => {
                let response = self.trigger(event.to_owned(), invocation).await;
                result_of(response).await
            }
        }
    }

    /// Sends `POST /events/<function>` on behalf of the platform.
    async fn trigger(&self, body: String, invocation: Invocation) -> Response {
        let invocation = Invocation {
            caller: Some(Caller::trigger(self.name)),
            ..invocation
        };
        let request = Request::post(format!("/events/{}", self.name))
            .header(CONTENT_TYPE, "application/json")
            .extension(invocation)
            .body(Body::from(body))
            .expect("the name of a function is valid in a path");
        call(&self.service, request).await
    }
}

async fn call(service: &axum::Router, request: Request) -> Response {
    match service.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

enum Kind {
    Http,
    Sqs,
    Trigger,
}

#[derive(Deserialize)]
struct Shape<'a> {
    /// Only gateways send this field. An event that has it is never a trigger, whatever else it contains,
    /// because the caller of a trigger is trusted.
    #[serde(borrow, rename = "requestContext")]
    request_context: Option<&'a RawValue>,
    /// Sent by VPC Lattice, which sends no context.
    #[serde(borrow)]
    raw_path: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventSource")]
    event_source: String,
}

impl Kind {
    fn of(event: &str) -> Result<Self, Failure> {
        if !event.trim_start().starts_with('{') {
            return Ok(Self::Trigger);
        }
        let shape: Shape = serde_json::from_str(event).map_err(|error| bad_event(&error))?;
        if shape.request_context.is_some() || shape.raw_path.is_some() {
            return Ok(Self::Http);
        }
        let records = shape.records.map(RawValue::get);
        let records: Vec<Record> = records
            .and_then(|records| serde_json::from_str(records).ok())
            .unwrap_or_default();
        let from_sqs = |record: &Record| record.event_source == "aws:sqs";
        Ok(if !records.is_empty() && records.iter().all(from_sqs) {
            Self::Sqs
        } else {
            Self::Trigger
        })
    }
}

fn bad_event(error: &serde_json::Error) -> Failure {
    Failure {
        error_type: "bad request".to_owned(),
        error_message: format!("the event can't be read: {error}"),
    }
}

/// The result of a 2xx response: its body if that is JSON, `null` if it is empty, otherwise the text as a
/// JSON string.
async fn result_of(response: Response) -> Result<Box<RawValue>, Failure> {
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| Failure {
            error_type: "internal server error".to_owned(),
            error_message: format!("the response is incomplete: {error}"),
        })?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if !status.is_success() {
        return Err(failure(status, &text));
    }
    if text.is_empty() {
        return Ok(RawValue::NULL.to_owned());
    }
    RawValue::from_string(text.clone())
        .or_else(|_| serde_json::value::to_raw_value(&text))
        .map_err(|error| bad_event(&error))
}

/// The failure by a response with another status. The service returns problems for all of them.
fn failure(status: http::StatusCode, body: &str) -> Failure {
    #[derive(Deserialize)]
    struct Problem {
        title: String,
        detail: String,
    }
    match serde_json::from_str(body) {
        Ok(Problem { title, detail }) => Failure {
            error_type: title,
            error_message: detail,
        },
        Err(_) => Failure {
            error_type: status.canonical_reason().unwrap_or("error").to_lowercase(),
            error_message: format!("the trigger returned {status}"),
        },
    }
}
