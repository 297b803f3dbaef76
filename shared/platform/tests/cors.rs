//! Web pages of other origins.

use axum::routing::get;
use http::Method;
use kit::{Reply, TestApp};
use platform::{Env, Resources, Router};

const PAGE: &str = "https://app.example";

fn probe(resources: &Resources) -> anyhow::Result<Router> {
    resources.ingress().accept_cookies("/api/things");
    let ok = async || ([("etag", "\"1\"")], "ok");
    Ok(axum::Router::new()
        .route("/v1/things", get(ok).put(ok))
        .route("/api/things", get(ok))
        .into())
}

async fn start(origins: Option<&str>) -> TestApp {
    let hash = "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0";
    let tokens = format!(r#"[{{"name": "bot", "role": "admin", "sha256": "{hash}"}}]"#);
    let mut app = TestApp::with_env(Env::default()).set("AUTH_TOKENS", tokens);
    if let Some(origins) = origins {
        app = app.set("CORS_ORIGINS", origins);
    }
    app.start(probe).await
}

async fn preflight(app: &TestApp, origin: &str) -> Reply {
    app.request(Method::OPTIONS, "/v1/things")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,if-match")
        .await
}

fn allowed(reply: &Reply) -> Option<&str> {
    reply.header("access-control-allow-origin")
}

#[tokio::test]
async fn other_origins_are_refused_unless_they_are_listed() {
    let closed = start(None).await;
    let reply = preflight(&closed, PAGE).await;
    assert_eq!((reply.status.as_u16(), allowed(&reply)), (401, None));

    let app = start(Some("https://app.example, https://other.example:8443")).await;
    for origin in [PAGE, "https://other.example:8443"] {
        let reply = preflight(&app, origin).await;
        assert_eq!(
            (reply.status.as_u16(), allowed(&reply)),
            (200, Some(origin))
        );
    }
    for origin in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:8443",
        "https://app.example.evil",
        "null",
    ] {
        assert_eq!(allowed(&preflight(&app, origin).await), None, "{origin}");
        let read = app.get("/v1/things").header("origin", origin);
        assert_eq!(allowed(&read.bearer("aaa").await), None, "{origin}");
    }
}

#[tokio::test]
async fn a_listed_page_may_send_tokens_and_conditions_and_read_what_they_need() {
    let app = start(Some(PAGE)).await;
    let reply = preflight(&app, PAGE).await;
    let lists = |name: &str, expected: &[&str]| {
        let list = reply.header(name).unwrap_or_default().to_lowercase();
        for one in expected {
            assert!(
                list.split(',').any(|it| it.trim() == *one),
                "{name}: {list}"
            );
        }
        assert_eq!(list.split(',').count(), expected.len(), "{name}: {list}");
    };
    let sent = [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "idempotency-key",
    ];
    lists("access-control-allow-headers", &sent);
    let methods = ["get", "head", "post", "put", "patch", "delete"];
    lists("access-control-allow-methods", &methods);
    assert_eq!(reply.header("access-control-max-age"), Some("600"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);

    let read = app.get("/v1/things").header("origin", PAGE).bearer("aaa");
    let read = read.await;
    assert_eq!((read.status.as_u16(), allowed(&read)), (200, Some(PAGE)));
    let exposed = read.header("access-control-expose-headers").unwrap();
    let expected = [
        "etag",
        "idempotency-replayed",
        "location",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
    ];
    assert!(
        expected
            .iter()
            .all(|it| exposed.split(',').any(|name| name.trim() == *it))
    );
    // Otherwise a cache could serve the response of one origin to another.
    let vary = read.header("vary").unwrap_or_default().to_lowercase();
    assert!(vary.contains("origin"), "{vary}");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_can_read_why_it_is_refused() {
    let app = start(Some(PAGE)).await;
    let reply = app.get("/v1/things").header("origin", PAGE).await;
    assert_eq!((reply.status.as_u16(), allowed(&reply)), (401, Some(PAGE)));
}

#[tokio::test]
async fn an_origin_that_is_none_is_refused_at_startup() {
    for wrong in [
        "*",
        "https://*.example",
        "app.example",
        "https://app.example/",
        "https://app.example/path",
        "HTTPS://APP.example",
        "https://app.example:443",
        "https://app.example,",
        "null",
        "file:///tmp",
    ] {
        let app = TestApp::with_env(Env::default()).set("CORS_ORIGINS", wrong);
        let error = app.try_start(probe).await.err().expect("no start");
        assert!(
            error.to_string().starts_with("CORS_ORIGINS lists"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_open_mode_is_open_to_listed_pages_only() {
    let app = TestApp::with_env(Env::default()).set("CORS_ORIGINS", "http://localhost:3000");
    let app = app.start(probe).await;
    for (origin, expected) in [
        ("http://localhost:3000", 200),
        ("http://localhost:3001", 403),
    ] {
        let reply = app.get("/v1/things").header("host", "localhost:8080");
        assert_eq!(
            reply.header("origin", origin).await.status,
            expected,
            "{origin}"
        );
    }
}
