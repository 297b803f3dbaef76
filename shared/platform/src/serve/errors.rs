//! What frameworks and libraries answer by themselves becomes a problem like any other.

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use crate::error::{PROBLEM, problem};

/// Longer texts than this, in bytes, are no message for a person.
const LONGEST_DETAIL: usize = 2048;

/// Gives every 4xx and 5xx that is no problem yet the body of one, and keeps its other headers.
pub(super) async fn as_problem(answer: Response) -> Response {
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || content_type(&answer) == Some(PROBLEM) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let text = text_of(body).await;
    if status.is_server_error() {
        tracing::error!(text, "answered {status} with a text of its own");
    }
    let detail = text
        .filter(|_| status.is_client_error())
        .unwrap_or_else(|| default_detail(status).to_owned());
    let (problem, body) = problem(status, &detail).into_parts();
    for stale in [header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        parts.headers.remove(stale);
    }
    parts.headers.extend(problem.headers);
    Response::from_parts(parts, body)
}

fn content_type(answer: &Response) -> Option<&str> {
    answer.headers().get(header::CONTENT_TYPE)?.to_str().ok()
}

async fn text_of(body: Body) -> Option<String> {
    let bytes = Limited::new(body, LONGEST_DETAIL)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let text = std::str::from_utf8(&bytes).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn default_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => {
            "there is no such route; `GET /openapi.json` lists those there are"
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            "this route has no such method; the `allow` header lists those it has"
        }
        status if status.is_server_error() => {
            "an internal error; the log has it under the request id"
        }
        status => status.canonical_reason().unwrap_or("the request is wrong"),
    }
}
