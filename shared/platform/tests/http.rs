//! A function as an HTTP server, over real sockets.

use std::sync::Arc;

use axum::response::IntoResponse;
use axum::routing::get;
use http::header;
use kit::TestApp;
use platform::serve::http::bind;
use platform::{Env, Resources, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

const TEXT: &str = "the same words again, ";

fn texts(_: &Resources) -> anyhow::Result<Router> {
    let tagged = || async { ([(header::ETAG, "\"1\"")], TEXT.repeat(100)).into_response() };
    let packed = || async { ([(header::CONTENT_ENCODING, "br")], TEXT.repeat(100)) };
    Ok(Router::new()
        .route("/v1/plain", get(async || TEXT.repeat(100)))
        .route("/v1/tagged", get(tagged))
        .route("/v1/packed", get(packed)))
}

#[tokio::test]
async fn only_responses_without_an_etag_are_compressed() {
    let app = TestApp::without_database(texts).await;
    let server = app.serve().await;
    let client = app.resources().http().expect("a client");
    for (path, accepted, encoding) in [
        ("/v1/plain", "zstd, gzip", Some("zstd")),
        ("/v1/plain", "deflate, br", None),
        ("/v1/tagged", "zstd, gzip", None),
        ("/v1/packed", "zstd, gzip", Some("br")),
    ] {
        let request = client.get(format!("{}{path}", server.url));
        let request = request.header(header::ACCEPT_ENCODING, accepted);
        let answer = request.send().await.expect("an answer");
        let given = answer.headers().get(header::CONTENT_ENCODING);
        assert_eq!(
            given.map(|it| it.to_str().expect("text")),
            encoding,
            "{path} {accepted}"
        );
        let body = answer.bytes().await.expect("a body");
        assert_eq!(
            body.len() < 2000,
            encoding == Some("zstd"),
            "{path} {accepted}"
        );
    }
}

#[tokio::test]
async fn a_stopped_server_finishes_requests_in_flight_and_accepts_no_more() {
    let entered = Arc::new(Notify::new());
    let release = Arc::new(Notify::new());
    let (handler_entered, handler_release) = (entered.clone(), release.clone());
    let app = TestApp::without_database(move |_: &Resources| {
        let slow = get(move || async move {
            handler_entered.notify_one();
            handler_release.notified().await;
            "finished"
        });
        Ok(Router::new().route("/v1/slow", slow))
    })
    .await;
    let server = app.serve().await;
    let client = app.resources().http().expect("a client");
    let url = server.url.clone();

    let in_flight = tokio::spawn(client.get(format!("{url}/v1/slow")).send());
    entered.notified().await;
    let stopped = tokio::spawn(server.stop());
    release.notify_one();
    let answer = in_flight.await.expect("no panic").expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), "finished");
    stopped.await.expect("the server ends");
    assert!(client.get(format!("{url}/healthz")).send().await.is_err());
}

#[tokio::test]
async fn a_function_in_the_open_mode_listens_on_loopback_only() {
    let env = Env::default().with("AUTH_MODE", "open").with("PORT", "0");
    let listener = bind(&Resources::new(env)).await.expect("a free port");
    assert!(listener.local_addr().expect("bound").ip().is_loopback());
}

#[tokio::test]
async fn a_port_that_is_in_use_is_reported() {
    let env = |port: &str| Env::default().with("AUTH_MODE", "open").with("PORT", port);
    let error = bind(&Resources::new(env("http")))
        .await
        .expect_err("no port");
    assert!(error.to_string().starts_with("PORT is \"http\""), "{error}");

    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let error = bind(&Resources::new(env(&port))).await.expect_err("taken");
    assert!(error.to_string().contains(&port), "{error}");
}

/// The status line of the response to raw text.
async fn status_line(server: &kit::Served, request: &str) -> String {
    let address = server.url.strip_prefix("http://").expect("an address");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut response = String::new();
    socket
        .read_to_string(&mut response)
        .await
        .expect("a response");
    response.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_must_name_one_host() {
    let app = TestApp::without_database(texts).await;
    let server = app.serve().await;
    for (head, status) in [
        ("GET /v1/plain HTTP/1.1\r\nhost: localhost\r\n", "200"),
        ("GET /v1/plain HTTP/1.0\r\nhost: localhost\r\n", "200"),
        ("GET http://localhost/v1/plain HTTP/1.0\r\n", "200"),
        ("GET /v1/plain HTTP/1.0\r\n", "400"),
        ("GET /v1/plain HTTP/1.0\r\nhost: evil.example\r\n", "403"),
        ("GET /v1/plain HTTP/1.1\r\n", "400"),
        (
            "GET /v1/plain HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n",
            "400",
        ),
        (
            "GET /healthz HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n",
            "400",
        ),
        (
            "GET /v1/plain HTTP/1.1\r\nhost: localhost\\.evil.example\r\n",
            "403",
        ),
        (
            "GET http://evil.example/v1/plain HTTP/1.1\r\nhost: localhost\r\n",
            "403",
        ),
        (
            "GET http://localhost/v1/plain HTTP/1.1\r\nhost: localhost\r\n",
            "200",
        ),
    ] {
        let line = status_line(&server, &format!("{head}connection: close\r\n\r\n")).await;
        assert!(line.contains(status), "{head:?}: {line}");
    }
}
