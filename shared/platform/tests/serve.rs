//! The service in front of every function.

use std::time::Duration;

use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode};
use kit::{Reply, TestApp};
use platform::{Caller, Error, Json, Path, Query, Resources, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn probe(_: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .route(
            "/v1/echo",
            post(|Json(body): Json<Value>| async { Json(body) }),
        )
        .route(
            "/v1/items/{id}",
            get(|Path(id): Path<u32>| async move { id.to_string() }),
        )
        .route("/v1/search", get(search))
        .route(
            "/v1/me",
            get(|caller: Caller| async move { caller.name.to_string() }),
        )
        .route("/v1/panic", get(panics))
        .route("/v1/broken", get(broken))
        .route(
            "/v1/bare",
            get(async || (StatusCode::BAD_GATEWAY, "secret of a library")),
        )
        .route("/v1/never", get(std::future::pending::<()>))
        .route(
            "/v1/soon",
            get(std::future::pending::<()>)
                .layer(platform::serve::time_limit(Duration::from_secs(5))),
        )
        .route(
            "/v1/large",
            post(|Json(body): Json<String>| async move { body.len().to_string() })
                .layer(platform::serve::body_limit(4096)),
        ))
}

#[derive(Deserialize)]
struct Search {
    limit: u32,
}

async fn search(Query(search): Query<Search>) -> String {
    search.limit.to_string()
}

async fn panics() -> &'static str {
    panic!("secret: hunter2")
}

async fn broken() -> Result<(), Error> {
    Err(anyhow::anyhow!("password=hunter2")
        .context("can't connect")
        .into())
}

/// Asserts that the reply is a problem with this status and a request id, and returns its detail.
#[track_caller]
fn problem(reply: &Reply, status: StatusCode) -> String {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json")
    );
    let body = reply.json();
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["type"], "about:blank");
    assert!(
        body["title"]
            .as_str()
            .is_some_and(|title| !title.is_empty())
    );
    assert_eq!(body["request_id"].as_str(), reply.header("x-request-id"));
    let detail = body["detail"].as_str();
    detail.expect("a detail").to_owned()
}

#[tokio::test]
async fn every_refusal_is_a_problem_document_that_says_what_to_change() {
    let app = TestApp::with_env(platform::Env::default())
        .set("MAX_BODY_BYTES", "100")
        .start(probe)
        .await;

    let detail = problem(&app.get("/nowhere").await, StatusCode::NOT_FOUND);
    assert!(detail.contains("/openapi.json"));

    let reply = app.delete("/v1/echo").await;
    problem(&reply, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(reply.header("allow"), Some("POST"));

    let reply = app.post("/v1/echo", "x".repeat(101)).await;
    problem(&reply, StatusCode::PAYLOAD_TOO_LARGE);

    let reply = app.request(Method::POST, "/v1/echo").body("{}").await;
    let detail = problem(&reply, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(detail.contains("application/json"));

    let reply = app.post("/v1/echo", "").body("{\"a\": }").await;
    let detail = problem(&reply, StatusCode::BAD_REQUEST);
    assert!(detail.contains("line 1 column 7"), "{detail}");

    let detail = problem(&app.get("/v1/items/x").await, StatusCode::BAD_REQUEST);
    let number = "must be a whole number from 0 to 4294967295";
    assert_eq!(detail, format!("id: {number}, and is \"x\""));
    let detail = problem(&app.get("/v1/search").await, StatusCode::BAD_REQUEST);
    assert_eq!(detail, "the parameter `limit` is missing");
    let detail = problem(
        &app.get("/v1/search?limit=ten").await,
        StatusCode::BAD_REQUEST,
    );
    assert_eq!(detail, format!("limit: {number}, and is \"ten\""));
    let reply = app.get("/v1/search?limit=1&name=a%00b").await;
    let detail = problem(&reply, StatusCode::BAD_REQUEST);
    assert!(detail.contains("NUL"), "{detail}");
}

#[tokio::test]
async fn a_route_can_accept_larger_bodies() {
    let app = TestApp::with_env(platform::Env::default())
        .set("MAX_BODY_BYTES", "100")
        .start(probe)
        .await;

    let reply = app.post("/v1/large", "x".repeat(4000)).await;
    assert_eq!(reply.text(), "4000");
    let reply = app.post("/v1/large", "x".repeat(5000)).await;
    let detail = problem(&reply, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(detail.ends_with("send at most 4 KiB"), "{detail}");
}

#[tokio::test]
async fn a_panic_returns_500_and_the_next_request_succeeds() {
    let app = TestApp::without_database(probe).await;

    let detail = problem(
        &app.get("/v1/panic").await,
        StatusCode::INTERNAL_SERVER_ERROR,
    );
    assert!(!detail.contains("hunter2"), "{detail}");
    assert_eq!(app.get("/v1/items/7").await.text(), "7");
}

#[tokio::test]
async fn the_cause_of_an_internal_error_is_never_shown() {
    let app = TestApp::without_database(probe).await;

    let detail = problem(
        &app.get("/v1/broken").await,
        StatusCode::INTERNAL_SERVER_ERROR,
    );
    assert!(!detail.contains("hunter2"), "{detail}");
    let detail = problem(&app.get("/v1/bare").await, StatusCode::BAD_GATEWAY);
    assert!(!detail.contains("secret"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_takes_too_long_is_cancelled() {
    let app = TestApp::without_database(probe).await;
    let started = tokio::time::Instant::now();
    problem(&app.get("/v1/never").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed().as_secs(), 60);

    let started = tokio::time::Instant::now();
    problem(&app.get("/v1/soon").await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_response_has_the_callers_request_id_or_a_new_one() {
    let app = TestApp::without_database(probe).await;

    let reply = app.get("/v1/items/7").header("x-request-id", "req-1").await;
    assert_eq!(reply.header("x-request-id"), Some("req-1"));
    let one = app.get("/v1/items/7").await;
    let two = app.get("/v1/items/7").await;
    assert!(one.header("x-request-id").is_some());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}

#[tokio::test]
async fn every_route_except_the_probes_needs_a_caller() {
    let sha256 = hex::encode(Sha256::digest("token-1"));
    let tokens = json!([{"name": "bot", "role": "reader", "sha256": sha256}]);
    let app = TestApp::with_env(platform::Env::default())
        .set("AUTH_TOKENS", tokens.to_string())
        .start(probe)
        .await;

    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
    for path in [
        "/v1/me",
        "/openapi.json",
        "/nowhere",
        "/healthz/",
        "/readyz/",
        "/v1/panic",
    ] {
        let reply = app.get(path).await;
        problem(&reply, StatusCode::UNAUTHORIZED);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        let reply = app.get(path).bearer("token-2").await;
        problem(&reply, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(app.get("/v1/me").bearer("token-1").await.text(), "bot");
}

#[tokio::test]
async fn an_invalid_setting_is_reported_at_startup() {
    for (name, value) in [
        ("MAX_BODY_BYTES", "1MB"),
        ("REQUEST_TIMEOUT_SECONDS", "0"),
        ("REQUEST_TIMEOUT_SECONDS", "-1"),
    ] {
        let app = TestApp::with_env(platform::Env::default()).set(name, value);
        let error = app.try_start(probe).await.err().expect("no start");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

fn has_length(headers: &HeaderMap) -> Result<(), Error> {
    let length = headers.get("x-length").map(drop);
    length.ok_or_else(|| Error::Unauthenticated("send the body's length".to_owned()))
}

/// A signed route whose signature is the length of the body.
fn signed(resources: &Resources) -> anyhow::Result<Router> {
    resources
        .ingress()
        .accept_signed("/v1/signed", has_length, |headers, body| {
            let length = headers.get("x-length").and_then(|it| it.to_str().ok());
            if length == Some(&body.len().to_string()) {
                let scope = std::sync::Arc::default();
                return Ok(Caller::service(
                    "sender".into(),
                    platform::Role::Writer,
                    scope,
                ));
            }
            Err(Error::Unauthenticated("the length does not fit".to_owned()))
        })?;
    let name = async |caller: Caller, body: String| format!("{} {body}", caller.name);
    Ok(Router::new()
        .route("/v1/signed", post(name).get(name).put(name))
        .route("/v1/signed/more", post(name))
        .route("/v1/other", post(name))
        .route("/events/test", post(name)))
}

#[tokio::test]
async fn a_signed_route_is_authenticated_by_the_signature_alone_and_gets_the_raw_body() {
    let token = "0123456789abcdef";
    let sha256: String = Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tokens =
        json!([{"name": "admin", "role": "admin", "scope": {"robeings": ["*"]}, "sha256": sha256}]);
    for (variable, value) in [
        ("AUTH_TOKENS", tokens.to_string()),
        ("AUTH_MODE", "open".to_owned()),
    ] {
        let app = TestApp::with_env(platform::Env::default())
            .set(variable, value)
            .start(signed)
            .await;
        let send = |length: &str| {
            let request = app.request(Method::POST, "/v1/signed").body("hello");
            request.header("x-length", length)
        };
        let good = send("5").await;
        assert_eq!((good.status, good.text()), (StatusCode::OK, "sender hello"));
        assert_eq!(send("6").await.status, 401);
        assert_eq!(send("6").bearer(token).await.status, 401);
        assert_eq!(
            app.request(Method::POST, "/v1/signed")
                .bearer(token)
                .await
                .status,
            401
        );
    }
}

/// A linked route whose signature is a word in the query.
fn linked(resources: &Resources) -> anyhow::Result<Router> {
    resources.ingress().accept_linked("/v1/linked", |address| {
        if address.query() == Some("word=open") {
            let scope = std::sync::Arc::default();
            return Ok(Caller::service(
                "link".into(),
                platform::Role::Reader,
                scope,
            ));
        }
        Err(Error::Unauthenticated("the link has ended".to_owned()))
    })?;
    let name = async |caller: Caller| caller.name.to_string();
    Ok(Router::new()
        .route("/v1/linked", get(name).post(name))
        .route("/v1/linked/more", get(name))
        .route("/v1/other", get(name)))
}

#[tokio::test]
async fn a_link_is_authenticated_by_its_address_alone_and_grants_nothing_else() {
    let token = "0123456789abcdef";
    let sha256: String = Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tokens = json!([{"name": "admin", "role": "admin", "sha256": sha256}]);
    let app = TestApp::with_env(platform::Env::default())
        .set("AUTH_TOKENS", tokens.to_string())
        .start(linked)
        .await;
    let good = app.get("/v1/linked?word=open").await;
    assert_eq!((good.status, good.text()), (StatusCode::OK, "link"));
    for path in ["/v1/linked", "/v1/linked?word=shut"] {
        assert_eq!(app.get(path).await.status, 401, "{path}");
        assert_eq!(app.get(path).bearer(token).await.status, 401, "{path}");
    }
    for path in ["/v1/linked/more?word=open", "/v1/other?word=open"] {
        assert_eq!(app.get(path).await.status, 401, "{path}");
        assert_eq!(app.get(path).bearer(token).await.status, 200, "{path}");
    }
    let post = app.request(Method::POST, "/v1/linked?word=open").await;
    assert_eq!(post.status, 401);
}

#[tokio::test]
async fn a_signature_grants_no_other_route_and_no_other_method() {
    let tokens = json!([{"name": "admin", "role": "admin", "sha256": "00".repeat(32)}]);
    let app = TestApp::with_env(platform::Env::default())
        .set("AUTH_TOKENS", tokens.to_string())
        .start(signed)
        .await;
    for (method, path) in [
        (Method::GET, "/v1/signed"),
        (Method::PUT, "/v1/signed"),
        (Method::HEAD, "/v1/signed"),
        (Method::POST, "/v1/signed/"),
        (Method::POST, "/v1/signed/more"),
        (Method::POST, "/v1//signed"),
        (Method::POST, "/v1/%73igned"),
        (Method::POST, "/v1/SIGNED"),
        (Method::POST, "/v1/other"),
        (Method::POST, "/v1/other/../signed"),
        (Method::POST, "/events/test"),
        (Method::GET, "/openapi.json"),
    ] {
        let reply = app
            .request(method.clone(), path)
            .header("x-length", 0)
            .await;
        assert_eq!(reply.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn a_signed_body_has_a_size_limit() {
    let app = TestApp::with_env(platform::Env::default())
        .set("MAX_BODY_BYTES", "10")
        .start(signed)
        .await;
    let request = app.request(Method::POST, "/v1/signed").body("12345678901");
    assert_eq!(request.header("x-length", 11).await.status, 413);
}

#[tokio::test]
async fn only_a_fixed_address_below_v1_can_be_a_signed_route() {
    for route in [
        "/events/test",
        "/healthz",
        "/v1/{id}",
        "/v1/{*rest}",
        "/",
        "/openapi.json",
    ] {
        let app = |resources: &Resources| {
            resources.ingress().accept_signed(
                route,
                |_| Ok(()),
                |_, _| Err(Error::Forbidden(String::new())),
            )?;
            Ok(Router::new())
        };
        let started = TestApp::with_env(platform::Env::default())
            .try_start(app)
            .await;
        assert!(started.is_err(), "{route}");
    }
}
