//! Error responses.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub(super) fn disconnect(answer: &Value) -> Response {
    let mut text = answer.to_string();
    text.truncate(text.len() / 2);
    let broken = std::io::Error::other("the stub closes the connection");
    Body::from_stream(futures::stream::iter([Ok(text), Err(broken)])).into_response()
}

/// An error in the format of BigQuery.
pub(super) struct Refused {
    status: u16,
    reason: &'static str,
    message: String,
}

pub(super) fn refused(status: u16, reason: &'static str, message: &str) -> Refused {
    Refused {
        status,
        reason,
        message: message.to_owned(),
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"error": {
            "code": self.status,
            "message": self.message,
            "errors": [{"domain": "global", "reason": self.reason, "message": self.message}],
        }});
        let status = StatusCode::from_u16(self.status).expect("a status");
        (status, axum::Json(body)).into_response()
    }
}
