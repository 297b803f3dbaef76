//! Slow or unauthenticated senders don't block others.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::json;
use tower::ServiceExt as _;

use crate::common::{message, start, start_with};
use crate::slack::{SECRET, signature};

/// The start of a body whose rest is never sent.
fn half() -> Body {
    let half = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"items\": ["))]);
    Body::from_stream(half.chain(stream::pending()))
}

#[tokio::test]
async fn slow_request_bodies_block_no_batch_and_no_delivery() {
    let log = start().await;
    for path in ["/v1/messages/batch", "/events/message-log"] {
        let slow = (0..8).map(|_| {
            let request = Request::post(path)
                .header("host", "localhost")
                .header("content-type", "application/json")
                .body(half());
            tokio::spawn(log.app.service().oneshot(request.expect("a request")))
        });
        let slow: Vec<_> = slow.collect();
        tokio::task::yield_now().await;
        let batch = json!({ "items": [message("hello")] });
        let stored = log.app.post("/v1/messages/batch", batch).await;
        assert_eq!(stored.status, StatusCode::OK, "{stored:?}");
        let delivered = log.app.post("/events/message-log", message("hello")).await;
        assert_eq!(delivered.status, StatusCode::OK, "{delivered:?}");
        for slow in slow {
            assert!(!slow.is_finished());
            slow.abort();
        }
    }
}

#[tokio::test]
async fn the_body_of_a_request_without_a_recent_slack_signature_is_not_read() {
    let log = start_with(&[("SLACK_SIGNING_SECRET", SECRET)]).await;
    let now = Timestamp::now().as_second();
    let right = signature(SECRET, now, "");
    let old = now - 301;
    let late = now + 301;
    let cases: [(Option<String>, Option<&str>); 9] = [
        (None, None),
        (Some(now.to_string()), None),
        (None, Some(&right)),
        (Some(old.to_string()), Some(&right)),
        (Some(late.to_string()), Some(&right)),
        (Some(format!("+{now}")), Some(&right)),
        (Some(now.to_string()), Some("v0=")),
        (Some(now.to_string()), Some("v0=00ff")),
        (Some(now.to_string()), Some(&right[3..])),
    ];
    for (at, signed) in cases {
        let is_read = Arc::new(AtomicBool::new(false));
        let read = is_read.clone();
        let body = stream::poll_fn(move |_| {
            read.store(true, Ordering::Relaxed);
            std::task::Poll::Ready(None::<Result<Bytes, Infallible>>)
        });
        let mut request = Request::post("/v1/slack/events").header("host", "localhost");
        if let Some(at) = &at {
            request = request.header("x-slack-request-timestamp", at);
        }
        if let Some(signed) = signed {
            request = request.header("x-slack-signature", signed);
        }
        let request = request.body(Body::from_stream(body)).expect("a request");
        let answer = log.app.service().oneshot(request).await.expect("an answer");
        assert_eq!(
            answer.status(),
            StatusCode::UNAUTHORIZED,
            "{at:?} {signed:?}"
        );
        assert!(!is_read.load(Ordering::Relaxed), "{at:?} {signed:?}");
    }
}
