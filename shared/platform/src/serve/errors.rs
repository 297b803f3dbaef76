//! Converts the error responses of frameworks and libraries to RFC 9457 problems.

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, Limited};

use crate::error::{INTERNAL, PROBLEM, problem};

/// Marks a response with an error as a page for people, whose body stays. A handler adds it to the extensions of the
/// response.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage;

/// The size limit of a detail, in bytes. Longer texts are not messages for people.
const LONGEST_DETAIL: usize = 2048;

/// Replaces the body of every 4xx and 5xx that is neither a problem nor an [`ErrorPage`], and keeps the other headers. The text of a
/// library is for its own users and may contain secrets, so that no caller gets it.
pub(super) async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_page = response.extensions().get::<ErrorPage>().is_some();
    if !is_error || is_page || content_type(&response) == Some(PROBLEM) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    if status.is_server_error() {
        let text = text_of(body).await;
        tracing::error!(text, "a library returned {status}");
    }
    let (problem, body) = problem(status, default_detail(status)).into_parts();
    for stale in [header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        parts.headers.remove(stale);
    }
    parts.headers.extend(problem.headers);
    Response::from_parts(parts, body)
}

fn content_type(response: &Response) -> Option<&str> {
    response.headers().get(header::CONTENT_TYPE)?.to_str().ok()
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
        StatusCode::NOT_FOUND => "there is no such route; `GET /openapi.json` lists the routes",
        StatusCode::METHOD_NOT_ALLOWED => {
            "the route doesn't have this method; the header `allow` lists its methods"
        }
        status if status.is_server_error() => INTERNAL,
        status => status
            .canonical_reason()
            .unwrap_or("the request is not valid"),
    }
}
