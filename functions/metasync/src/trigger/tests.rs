//! Dispatch by source, with a registry of its own.

use std::time::Duration;

use axum::Json as Body;
use axum::routing::post;
use kit::TestApp;
use platform::Resources;
use serde_json::json;

use super::*;
use crate::functions::Trigger;

const fn function(
    name: &'static str,
    app: fn(&Resources) -> anyhow::Result<Router>,
    queue: Option<Queue>,
) -> Function {
    Function {
        name,
        app,
        requires: &[],
        wanted_by: &[],
        needed_by: None,
        trigger: Some(Trigger {
            longest_run: Duration::from_secs(60),
            queue,
            schedules: &[],
        }),
    }
}

const REGISTRY: &[Function] = &[
    function(
        "message-log",
        |_| Ok(echo("message-log")),
        Some(Queue::Batches),
    ),
    function("run", |_| Ok(echo("run")), Some(Queue::Batches)),
    function("agent-run", |_| Ok(echo("agent-run")), Some(Queue::Records)),
    function("nightly", |_| Ok(echo("nightly")), None),
];

/// A trigger that returns its function and the event, as text if it can't be parsed, and refuses an event with `fail`.
fn echo(name: &'static str) -> Router {
    let trigger = post(async move |body: String| {
        let event: Value = serde_json::from_str(&body).unwrap_or_else(|_| body.into());
        let is_refused = event.get("fail").is_some();
        let status = if is_refused { 422 } else { 200 };
        let status = axum::http::StatusCode::from_u16(status).expect("a status");
        (status, Body(json!({"function": name, "event": event})))
    });
    Router::new().route(&format!("/events/{name}"), trigger)
}

async fn app() -> TestApp {
    TestApp::without_database(|resources| {
        let mut routes = Router::new();
        for function in REGISTRY {
            routes = routes.merge((function.app)(resources)?);
        }
        let trigger = router(REGISTRY, routes.clone(), resources.env());
        resources.ingress().accept_whole_batches();
        Ok(routes.merge(trigger))
    })
    .await
}

fn sqs(queue: &str) -> Value {
    json!({"eventSource": "aws:sqs", "messageId": "1", "body": "{}",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}")})
}

fn subscription(name: &str) -> Value {
    json!({"message": {"data": "e30="}, "subscription": format!("projects/p/subscriptions/{name}")})
}

#[tokio::test]
async fn an_event_that_its_function_may_refuse_does_not_keep_the_others_of_its_list_from_it() {
    let app = app().await;
    let mut with_nul = sqs("metasync-message-log");
    with_nul["body"] = "a\0b".into();
    let batch = json!({"Records": [with_nul, sqs("metasync-message-log")]});
    let reply = app.post("/events/metasync", batch.clone()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.json(),
        json!({"function": "message-log", "event": batch})
    );

    let deep = format!("[{}{}, {{}}]", "[".repeat(200), "]".repeat(200));
    let post = |body: &str| {
        let request = app.request(axum::http::Method::POST, "/events/metasync");
        request
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let reply = post(&deep).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(
        reply.json(),
        json!({"function": "message-log", "event": deep})
    );

    let refused = post(
        &deep
            .replacen('[', "{\"a\": [", 1)
            .replacen(", {}]", "]}", 1),
    )
    .await;
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(
        refused.text().contains("nested deeper than 128 levels"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_event_goes_to_the_function_whose_queue_it_comes_from() {
    let app = app().await;
    for (event, expected) in [
        (
            json!({"Records": [sqs("shop-run"), sqs("shop-run")]}),
            "run",
        ),
        (json!({"Records": [sqs("shop-run.fifo")]}), "run"),
        (json!({"Records": [sqs("shop-message-log")]}), "message-log"),
        (subscription("shop-run"), "run"),
        (subscription("shop-agent-run"), "agent-run"),
        (
            json!({"specversion": "1.0", "id": "1", "source": "//pubsub.googleapis.com/projects/p/topics/shop-run"}),
            "run",
        ),
    ] {
        let reply = app.post("/events/metasync", &event).await.json();
        assert_eq!(reply["function"], expected, "{event}");
        assert_eq!(reply["event"], event);
    }
    for (header, source) in [
        (
            "x-goog-pubsub-subscription-name",
            "projects/p/subscriptions/shop-run",
        ),
        (
            "ce-source",
            "//pubsub.googleapis.com/projects/p/topics/shop-run",
        ),
    ] {
        let request = app.post("/events/metasync", json!({"text": "hello"}));
        let reply = request.header(header, source).await.json();
        assert_eq!(reply["function"], "run", "{header}");
    }
}

#[tokio::test]
async fn an_event_from_any_other_source_goes_to_message_log() {
    let app = app().await;
    for event in [
        json!({"Records": [sqs("conversations")]}),
        json!({"Records": [sqs("shop-nightly")]}),
        json!({"Records": [sqs("shoprun")]}),
        json!({"Records": [sqs("shop-run"), sqs("shop-agent-run")]}),
        json!({"Records": []}),
        json!([{"source": "https://example.com/crm"}]),
        json!({"text": "hello"}),
    ] {
        let reply = app.post("/events/metasync", &event).await.json();
        assert_eq!(reply["function"], "message-log", "{event}");
    }
}

#[tokio::test]
async fn a_function_that_takes_single_records_gets_one_request_per_record() {
    let app = app().await;
    let record = |id: &str, body: Value| {
        let mut record = sqs("shop-agent-run");
        record["messageId"] = id.into();
        record["body"] = body.to_string().into();
        record
    };
    let batch = json!({"Records": [
        record("1", json!({"turn": 1})),
        record("2", json!({"fail": true})),
        record("3", json!({"turn": 3})),
    ]});
    let expected = json!({"batchItemFailures": [{"itemIdentifier": "2"}]});

    let reply = app.post("/events/metasync", &batch).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, expected));
}

#[tokio::test]
async fn a_function_that_is_named_gets_the_event_without_its_name() {
    let app = app().await;
    let event = json!({"function": "nightly", "day": "2026-11-21"});
    let reply = app.post("/events/metasync", &event).await.json();
    let expected = json!({"function": "nightly", "event": {"day": "2026-11-21"}});
    assert_eq!(reply, expected);

    let refused = app
        .post("/events/metasync", json!({"function": "stranger"}))
        .await;
    assert_eq!(refused.status, 400);
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("`run`, `agent-run`, `nightly`"), "{detail}");
}
