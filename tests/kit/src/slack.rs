//! Requests from Slack, signed as its documentation describes.

use aws_lc_rs::hmac;
use http::Method;
use serde_json::Value;

use crate::{Reply, TestApp};

/// The value of `x-slack-signature`, for `x-slack-request-timestamp: <at>`, in seconds.
pub fn signature(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|it| format!("{it:02x}")).collect();
    format!("v0={hex}")
}

/// Posts an envelope of the Events API, signed at `at`, in seconds.
pub async fn send_at(app: &TestApp, at: i64, secret: &str, envelope: &Value) -> Reply {
    let body = envelope.to_string();
    app.request(Method::POST, "/v1/slack/events")
        .header("content-type", "application/json")
        .header("x-slack-request-timestamp", at)
        .header("x-slack-signature", signature(secret, at, &body))
        .body(body)
        .await
}

/// Posts an envelope of the Events API, signed now.
pub async fn send(app: &TestApp, secret: &str, envelope: &Value) -> Reply {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("the clock is past 1970").as_secs();
    send_at(app, now.cast_signed(), secret, envelope).await
}
