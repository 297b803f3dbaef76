//! Events of AWS Lambda, which reach the same service as HTTP requests.

use std::future::pending;

use axum::body::Body;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use kit::TestApp;
use platform::{Caller, Error, Json, Resources, Router};
use serde_json::{Value, json};

/// A function whose trigger returns its event, and fails if the event asks for it.
fn probe(_: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .route("/events/probe", post(trigger))
        .route("/v1/request", get(told).post(told))
        .route("/v1/bytes", get(async || [0xff_u8, 0xfe]))
        .route("/v1/text", get(async || "häuser"))
        .route("/v1/packed", get(packed))
        .route("/v1/cookies", get(cookies))
        .route("/v1/large/{bytes}", get(large))
        .route("/v1/never", get(pending::<()>)))
}

async fn trigger(caller: Caller, Json(event): Json<Value>) -> Result<Response, Error> {
    if event["answer"] == "never" {
        pending::<()>().await;
    }
    if event["fail"] == "panic" {
        panic!("secret: hunter2");
    }
    if event["fail"] == "conflict" {
        return Err(Error::Conflict("another sync is running".to_owned()));
    }
    if event["fail"] == "inside" {
        return Err(anyhow::anyhow!("password=hunter2").into());
    }
    Ok(match event["answer"].as_str() {
        Some("nothing") => StatusCode::NO_CONTENT.into_response(),
        Some("text") => "done".into_response(),
        // With its spaces and its order: the result has the same bytes.
        Some("bytes") => r#"{ "z": 1,  "a": [1.50, 2e3] }"#.into_response(),
        _ => Json(json!({"event": event, "role": format!("{:?}", caller.role)})).into_response(),
    })
}

/// A text of this many bytes that takes twice as many in JSON.
async fn large(Path(bytes): Path<usize>) -> String {
    "\n".repeat(bytes)
}

async fn told(
    method: Method,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: String,
) -> Json<Value> {
    let text = |name: &str| {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| value.to_str().unwrap_or_default());
        values.collect::<Vec<_>>()
    };
    Json(json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": query,
        "x-one": text("x-one"),
        "cookie": text("cookie"),
        "body": body,
    }))
}

async fn packed() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_ENCODING, "gzip"),
    ];
    (headers, Body::from("{}")).into_response()
}

async fn cookies() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for cookie in ["a=1", "b=2"] {
        headers.append(header::SET_COOKIE, cookie.parse().expect("a cookie"));
    }
    headers
}

async fn start() -> TestApp {
    TestApp::with_env(platform::Env::default())
        .named("probe")
        .start(probe)
        .await
}

/// The response to an HTTP event, as the gateway reads it.
async fn answer(app: &TestApp, event: Value) -> Value {
    let result = app.invoke(&event).await;
    let result = result.expect("an HTTP event is always answered");
    serde_json::from_str(result.get()).expect("JSON")
}

/// An HTTP API event with payload 2.0.
fn http_api(method: &str, path: &str) -> Value {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {"stage": "$default", "http": {"method": method, "path": path}},
        "isBase64Encoded": false,
    })
}

#[tokio::test]
async fn a_trigger_gives_the_same_bytes_on_lambda_and_over_http() {
    let app = start().await;
    for event in [
        json!({}),
        json!({"time": "2026-11-21T09:00:00Z", "nested": {"ü": [1, 2.5, null]}}),
        json!({"answer": "bytes"}),
        json!({"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}),
    ] {
        let on_lambda = app.invoke(&event).await.expect("done");
        let over_http = app.post("/events/probe", &event).await;
        assert_eq!(over_http.status, StatusCode::OK);
        assert_eq!(on_lambda.get().as_bytes(), over_http.body);
    }
}

#[tokio::test]
async fn a_trigger_without_a_json_response_still_has_a_json_result() {
    let app = start().await;
    let nothing = app.invoke(&json!({"answer": "nothing"})).await;
    assert_eq!(nothing.expect("done").get(), "null");
    let text = app.invoke(&json!({"answer": "text"})).await;
    assert_eq!(text.expect("done").get(), r#""done""#);
}

#[tokio::test]
async fn a_refused_trigger_fails_the_invocation_with_the_reason() {
    let app = start().await;
    let failure = app.invoke(&json!({"fail": "conflict"})).await.unwrap_err();
    assert_eq!(failure.error_type, "conflict");
    assert_eq!(failure.error_message, "another sync is running");
}

#[tokio::test]
async fn the_cause_of_an_internal_error_is_not_in_the_failure() {
    let app = start().await;
    for how in ["inside", "panic"] {
        let failure = app.invoke(&json!({"fail": how})).await.unwrap_err();
        assert_eq!(failure.error_type, "internal server error");
        assert!(!failure.error_message.contains("hunter2"));
    }
    assert!(app.invoke(&json!({})).await.is_ok());
}

#[tokio::test]
async fn an_event_that_is_not_an_object_reaches_the_trigger_too() {
    let app = start().await;
    let result = app.invoke(&json!([1, 2])).await.expect("done");
    assert!(result.get().contains("[1,2]"));
}

#[tokio::test]
async fn an_http_event_never_gets_the_rights_of_a_trigger() {
    let tokens = json!([{"name": "someone", "role": "admin", "sha256": "0".repeat(64)}]);
    let app = TestApp::with_env(platform::Env::default())
        .named("probe")
        .set("AUTH_TOKENS", tokens.to_string())
        .start(probe)
        .await;

    app.invoke(&json!({}))
        .await
        .expect("the platform needs no token");
    let answer = answer(&app, http_api("POST", "/events/probe")).await;
    assert_eq!(answer["statusCode"], 401);
}

#[tokio::test]
async fn an_event_with_a_request_context_is_never_a_trigger() {
    let app = start().await;
    for event in [
        json!({"requestContext": {}}),
        json!({"requestContext": {"eventType": "CONNECT", "connectionId": "1"}}),
        json!({"requestContext": "none", "Records": [{"eventSource": "aws:sqs"}]}),
        // VPC Lattice, which is not supported.
        json!({"raw_path": "/v1/request", "method": "GET", "headers": {}, "body": "{}"}),
    ] {
        let failure = app.invoke(&event).await.unwrap_err();
        assert_eq!(failure.error_type, "bad request", "{event}");
    }
}

#[tokio::test]
async fn an_event_of_an_http_api_becomes_its_request() {
    let app = start().await;
    let mut event = http_api("POST", "/prod/v1/request");
    event["requestContext"]["stage"] = "prod".into();
    event["rawQueryString"] = "a=1&a=%C3%BC&b=x%20y".into();
    event["headers"]["x-one"] = "1,2".into();
    event["cookies"] = json!(["a=1", "b=2"]);
    event["body"] = "aMOkdXNlcg==".into();
    event["isBase64Encoded"] = true.into();

    let answer = answer(&app, event).await;
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert!(answer["headers"]["x-request-id"].is_string());
    assert_eq!(answer["isBase64Encoded"], false);
    let told: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        told,
        json!({
            "method": "POST",
            "path": "/v1/request",
            "query": [["a", "1"], ["a", "ü"], ["b", "x y"]],
            "x-one": ["1,2"],
            "cookie": ["a=1; b=2"],
            "body": "häuser",
        })
    );
}

#[tokio::test]
async fn an_event_of_a_rest_api_becomes_its_request() {
    let app = start().await;
    let answer = answer(
        &app,
        json!({
            "httpMethod": "GET",
            "path": "/v1/request",
            "headers": {"X-One": "2"},
            "multiValueHeaders": {"X-One": ["1", "2"]},
            "queryStringParameters": {"a": "ü&b"},
            "multiValueQueryStringParameters": {"a": ["1", "ü&b"]},
            "requestContext": {"stage": "prod", "path": "/prod/v1/request"},
            "body": null,
            "isBase64Encoded": false,
        }),
    )
    .await;
    let told: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(told["query"], json!([["a", "1"], ["a", "ü&b"]]));
    assert_eq!(told["x-one"], json!(["1", "2"]));
    assert_eq!(
        answer["multiValueHeaders"]["content-type"],
        json!(["application/json"])
    );
    assert_eq!(answer.get("headers"), None);
}

#[tokio::test]
async fn an_event_of_a_load_balancer_becomes_its_request() {
    let app = start().await;
    let context = json!({"elb": {"targetGroupArn": "arn"}});
    let single = json!({
        "httpMethod": "GET",
        "path": "/v1/request",
        "headers": {"x-one": "1"},
        "queryStringParameters": {"a": "%C3%BC%26b"},
        "requestContext": context,
        "body": "",
        "isBase64Encoded": false,
    });
    let single = answer(&app, single).await;
    assert_eq!(single["statusDescription"], "200 OK");
    assert_eq!(single["headers"]["content-type"], "application/json");
    let told: Value = serde_json::from_str(single["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(told["query"], json!([["a", "ü&b"]]));

    let multiple = json!({
        "httpMethod": "GET",
        "path": "/v1/request",
        "multiValueHeaders": {"x-one": ["1", "2"]},
        "multiValueQueryStringParameters": {"a": ["1", "2"]},
        "requestContext": context,
    });
    let multiple = answer(&app, multiple).await;
    assert_eq!(
        multiple["multiValueHeaders"]["content-type"],
        json!(["application/json"])
    );
    assert_eq!(multiple.get("headers"), None);
}

#[tokio::test]
async fn binary_and_compressed_bodies_are_sent_as_base64_and_text_as_text() {
    let app = start().await;
    let bytes = answer(&app, http_api("GET", "/v1/bytes")).await;
    assert_eq!(
        (&bytes["body"], &bytes["isBase64Encoded"]),
        (&"//4=".into(), &true.into())
    );
    let packed = answer(&app, http_api("GET", "/v1/packed")).await;
    assert_eq!(
        (&packed["body"], &packed["isBase64Encoded"]),
        (&"e30=".into(), &true.into())
    );
    let text = answer(&app, http_api("GET", "/v1/text")).await;
    assert_eq!(
        (&text["body"], &text["isBase64Encoded"]),
        (&"häuser".into(), &false.into())
    );
}

#[tokio::test]
async fn cookies_are_set_one_by_one() {
    let app = start().await;
    let answer = answer(&app, http_api("GET", "/v1/cookies")).await;
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(answer["headers"].get("set-cookie"), None);
}

#[tokio::test]
async fn an_http_error_is_a_response_and_not_a_failed_invocation() {
    let app = start().await;
    let mut broken = http_api("POST", "/v1/request");
    broken["body"] = "%%%".into();
    broken["isBase64Encoded"] = true.into();
    for (event, status) in [
        (http_api("GET", "/nowhere"), 404),
        (http_api("GET", "/v1/nüll %"), 404),
        (http_api("GET", "/v1/large/3200000"), 500),
        (broken, 400),
    ] {
        let answer = answer(&app, event).await;
        assert_eq!(answer["statusCode"], status, "{answer}");
        assert_eq!(
            answer["headers"]["content-type"],
            "application/problem+json"
        );
        let body = answer["body"].as_str().expect("text");
        let body: Value = serde_json::from_str(body).expect("JSON");
        assert!(body["request_id"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_response_is_limited_to_the_size_that_its_gateway_accepts() {
    let app = start().await;
    let load_balancer = |bytes: usize| {
        json!({
            "httpMethod": "GET",
            "path": format!("/v1/large/{bytes}"),
            "requestContext": {"elb": {"targetGroupArn": "arn"}},
        })
    };
    for (event, status) in [
        (http_api("GET", "/v1/large/3100000"), 200),
        (http_api("GET", "/v1/large/3200000"), 500),
        (load_balancer(500_000), 200),
        (load_balancer(600_000), 500),
    ] {
        let answer = answer(&app, event).await;
        assert_eq!(answer["statusCode"], status);
    }
}

#[tokio::test]
async fn a_stage_is_removed_from_the_path_except_behind_a_custom_domain() {
    let app = start().await;
    for (domain, path) in [
        (
            "abc.execute-api.eu-central-1.amazonaws.com",
            "/v1/v1/request",
        ),
        ("api.example.com", "/v1/request"),
    ] {
        let mut event = http_api("GET", path);
        event["requestContext"]["stage"] = "v1".into();
        event["requestContext"]["domainName"] = domain.into();
        let answer = answer(&app, event).await;
        assert_eq!(answer["statusCode"], 200, "{domain}");
    }
}

fn record(id: &str, body: &Value) -> Value {
    json!({
        "messageId": id,
        "body": body.to_string(),
        "attributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue",
    })
}

fn in_group(mut record: Value, group: &str) -> Value {
    record["attributes"]["MessageGroupId"] = group.into();
    record["eventSourceARN"] = "arn:aws:sqs:eu-central-1:123456789012:queue.fifo".into();
    record
}

async fn failed_of(app: &TestApp, records: Vec<Value>) -> Value {
    let report = app.invoke(&json!({"Records": records})).await;
    let report: Value = serde_json::from_str(report.expect("a report").get()).expect("JSON");
    report["batchItemFailures"].clone()
}

#[tokio::test]
async fn exactly_the_failed_records_of_a_batch_return_to_the_queue() {
    let app = start().await;
    let mut not_json = record("4", &json!({}));
    not_json["body"] = "not json".into();
    let failed = failed_of(
        &app,
        vec![
            record("1", &json!({})),
            record("2", &json!({"fail": "conflict"})),
            record("3", &json!({"fail": "panic"})),
            not_json,
            record("5", &json!({})),
        ],
    )
    .await;
    assert_eq!(
        failed,
        json!([{"itemIdentifier": "2"}, {"itemIdentifier": "3"}, {"itemIdentifier": "4"}])
    );
    let none = failed_of(&app, vec![record("1", &json!({}))]).await;
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn after_a_failure_the_rest_of_its_ordered_group_is_not_tried() {
    let app = start().await;
    let failed = failed_of(
        &app,
        vec![
            in_group(record("1", &json!({"fail": "conflict"})), "a"),
            in_group(record("2", &json!({})), "b"),
            in_group(record("3", &json!({})), "a"),
        ],
    )
    .await;
    assert_eq!(
        failed,
        json!([{"itemIdentifier": "1"}, {"itemIdentifier": "3"}])
    );
}

#[tokio::test(start_paused = true)]
async fn records_after_the_deadline_return_to_the_queue() {
    let app = start().await;
    let failed = failed_of(
        &app,
        vec![
            record("1", &json!({})),
            record("2", &json!({"answer": "never"})),
            record("3", &json!({})),
        ],
    )
    .await;
    assert_eq!(
        failed,
        json!([{"itemIdentifier": "2"}, {"itemIdentifier": "3"}])
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_a_trigger_fails_and_a_request_gets_a_response() {
    let app = start().await;
    // A request has a minute, the function half of it.
    let started = tokio::time::Instant::now();
    let failure = app.invoke(&json!({"answer": "never"})).await.unwrap_err();
    assert_eq!(failure.error_type, "service unavailable");
    assert!(started.elapsed().as_secs() <= 30);
    let answer = answer(&app, http_api("GET", "/v1/never")).await;
    assert_eq!(answer["statusCode"], 503);
}

#[tokio::test]
async fn a_batch_that_cannot_be_parsed_fails_as_a_whole() {
    let app = start().await;
    let event = json!({"Records": [{"eventSource": "aws:sqs", "body": "{}"}]});
    let failure = app.invoke(&event).await.unwrap_err();
    assert_eq!(failure.error_type, "bad request");
    assert!(failure.error_message.contains("messageId"));
}

#[tokio::test]
async fn an_app_that_accepts_whole_batches_gets_the_event_unchanged() {
    let app = TestApp::with_env(platform::Env::default())
        .named("probe")
        .start(|resources| {
            resources.ingress().accept_whole_batches();
            probe(resources)
        })
        .await;
    let event = json!({"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]});
    let result = app.invoke(&event).await.expect("done");
    let result: Value = serde_json::from_str(result.get()).expect("JSON");
    assert_eq!(result["event"], event);
    assert_eq!(result["role"], "Admin");
}
