//! The error of every handler, which tells callers what they can do. Its response is RFC 9457's
//! `application/problem+json`.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is not valid; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// There are no credentials, or they are not valid.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller lacks the role or the scope.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    /// The current state, or a concurrent request, excludes the request.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    PreconditionFailed(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// The request is valid but contradicts stored data, such as an idempotency key with other content.
    #[error("{0}")]
    Unprocessable(String),
    /// The caller has sent too many requests, and may send the next one after this time.
    #[error("{detail}")]
    TooMany {
        detail: String,
        retry_after: Duration,
    },
    /// A dependency is down, slow or over its limit. The same request may succeed later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        cause: Option<anyhow::Error>,
    },
    /// A fault of this program. The cause is logged once, in the response, and never shown to the caller.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl Error {
    pub fn unavailable(detail: impl Into<String>, cause: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable {
            detail: detail.into(),
            cause: Some(cause.into()),
        }
    }

    /// The request has no credentials.
    pub(crate) fn no_caller() -> Self {
        Self::Unauthenticated("send `Authorization: Bearer <token>`".to_owned())
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed(_) => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let detail = match &self {
            Self::Internal(cause) => {
                tracing::error!(cause = format!("{cause:#}"), "request failed");
                INTERNAL.to_owned()
            }
            Self::Unavailable { detail, cause } => {
                let cause = cause.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(cause, "unavailable: {detail}");
                detail.clone()
            }
            other => other.to_string(),
        };
        let mut response = problem(status, &detail);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Self::TooMany { retry_after, .. } = self {
            let seconds = HeaderValue::from(whole_seconds(retry_after).max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The duration in seconds, rounded up.
pub(crate) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The detail of every internal error.
pub(crate) const INTERNAL: &str = "internal error; the log has the cause under the request id";

/// The media type of every error's body.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The body of every error, by RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemDetails)]
pub(crate) struct Problem<'a> {
    /// `about:blank`: the title describes the status.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The name of the status.
    title: &'a str,
    status: u16,
    /// What is wrong, and what to change.
    detail: &'a str,
    /// The id of the request in the log.
    request_id: Option<String>,
}

/// An RFC 9457 response to the current request.
pub fn problem(status: StatusCode, detail: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, PROBLEM)];
    (status, headers, problem_body(status, detail)).into_response()
}

pub(crate) fn problem_body(status: StatusCode, detail: &str) -> String {
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let body = Problem {
        kind: "about:blank",
        title: &title,
        status: status.as_u16(),
        detail,
        request_id: crate::telemetry::request_id(),
    };
    serde_json::to_string(&body).expect("texts and a number are JSON")
}
