//! One error for every handler: what the caller can do about it, as `application/problem+json`.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// No caller, or credentials that prove none.
    #[error("{0}")]
    Unauthenticated(String),
    /// A known caller who may not do this.
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    /// Somebody else is doing, or has done, something that excludes this.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    PreconditionFailed(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// Understood, but it contradicts what is there: an idempotency key with other content.
    #[error("{0}")]
    Unprocessable(String),
    /// Something we depend on is down, slow or over its limit; the same request may succeed later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        cause: Option<anyhow::Error>,
    },
    /// Our fault. The cause is logged once, here, and never shown to the caller.
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

    /// Nobody has said who is calling.
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
                "an internal error; the log has it under the request id".to_owned()
            }
            Self::Unavailable { detail, cause } => {
                let cause = cause.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(cause, "unavailable: {detail}");
                detail.clone()
            }
            told => told.to_string(),
        };
        let mut answer = problem(status, &detail);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        answer
    }
}

/// The media type of every error's body.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The body of every error, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemDetails)]
pub(crate) struct Problem<'a> {
    /// `about:blank`: the title says it.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The status in words.
    title: &'a str,
    status: u16,
    /// What is wrong, and what to change.
    detail: &'a str,
    /// Under which the log has this request.
    request_id: Option<String>,
}

/// An RFC 9457 answer about the request that is being answered.
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
