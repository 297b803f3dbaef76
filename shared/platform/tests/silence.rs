//! Clients that send nothing, too little or too slowly, and their effect on others. Time is paused, so waits
//! take no time.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures::stream;
use http::{Method, Request, StatusCode};
use kit::{Served, TestApp};
use platform::serve::concurrency_limit;
use platform::{Caller, Json, Resources, Router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt as _;

/// More than the buffers of two sockets can hold.
const LARGE: usize = 32 << 20;
/// By then, a silent client is disconnected.
const PATIENCE: Duration = Duration::from_secs(150);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// The start of a HEADERS frame.
const HALF_A_HEAD: &[u8] = b"\0\x10\0\x01\0\0\0\0\x01\x82";

fn app(_: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .route("/v1/large", get(async || "x".repeat(LARGE)))
        .route(
            "/v1/whole",
            post(async |body: Bytes| body.len().to_string()),
        )
        .route("/v1/never", post(async |_: Bytes| pending::<()>().await))
        .layer(concurrency_limit(2)))
}

async fn connect(server: &Served) -> TcpStream {
    let address = server.url.strip_prefix("http://").expect("an address");
    TcpStream::connect(address).await.expect("a connection")
}

#[tokio::test(start_paused = true)]
async fn a_client_that_falls_silent_is_disconnected_wherever_it_stops() {
    let app = TestApp::without_database(app).await;
    let server = app.serve().await;
    let once = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec();
    for (name, sent) in [
        ("nothing", Vec::new()),
        ("half a line", b"GET /hea".to_vec()),
        ("half a head", b"GET /healthz HTTP/1.1\r\nhost:".to_vec()),
        ("one request", once),
        (
            "half a body",
            b"POST /v1/whole HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
        ),
        ("half a preface", PREFACE[..10].to_vec()),
        ("a preface", PREFACE.to_vec()),
        ("settings", [PREFACE, SETTINGS].concat()),
        (
            "half a head of HTTP/2",
            [PREFACE, SETTINGS, HALF_A_HEAD].concat(),
        ),
    ] {
        let mut client = connect(&server).await;
        client.write_all(&sent).await.expect("sent");
        let mut answer = Vec::new();
        let ended = timeout(PATIENCE, client.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "{name} is listened to for ever");
    }
}

async fn send(
    client: &mut h2::client::SendRequest<Bytes>,
    path: &str,
) -> http::Response<h2::RecvStream> {
    let request = Request::get(format!("http://localhost{path}"));
    let request = request.body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    answer
}

#[tokio::test(start_paused = true)]
async fn responding_to_pings_does_not_keep_an_idle_connection_open() {
    let app = TestApp::without_database(app).await;
    let server = app.serve().await;
    for requests in 0..2 {
        let handshake = h2::client::handshake(connect(&server).await);
        let (mut client, connection) = handshake.await.expect("HTTP/2");
        // It responds to pings by itself.
        let connection = tokio::spawn(connection);
        for _ in 0..requests {
            send(&mut client, "/healthz").await;
        }
        let ended = timeout(PATIENCE, connection).await;
        assert!(ended.is_ok(), "after {requests} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_response_over_http_2_is_disconnected() {
    let app = TestApp::without_database(app).await;
    let server = app.serve().await;
    for window in [0, 65_535] {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window);
        let handshake = builder.handshake::<_, Bytes>(connect(&server).await);
        let (mut client, connection) = handshake.await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        // It reads nothing, so the window stays as it is. Other requests don't change that.
        let answer = send(&mut client, "/v1/large").await;
        let busy = async {
            let mut health = Request::get("http://localhost/healthz")
                .body(())
                .expect("a request");
            while let Ok((answer, _)) = client.send_request(health, true) {
                let _ = answer.await;
                sleep(Duration::from_secs(30)).await;
                health = Request::get("http://localhost/healthz")
                    .body(())
                    .expect("a request");
            }
        };
        assert!(timeout(PATIENCE, busy).await.is_ok(), "window {window}");
        assert!(
            timeout(PATIENCE, connection).await.is_ok(),
            "window {window}"
        );
        drop(answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_its_response_over_http_1_is_disconnected() {
    let app = TestApp::without_database(app).await;
    let server = app.serve().await;
    let mut client = connect(&server).await;
    let request = b"GET /v1/large HTTP/1.1\r\nhost: localhost\r\n\r\n";
    client.write_all(request).await.expect("sent");
    sleep(PATIENCE).await;
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(answer.len() < LARGE, "{} bytes", answer.len());
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_the_whole_response() {
    let app = TestApp::without_database(app).await;
    let server = app.serve().await;
    let handshake = h2::client::handshake(connect(&server).await);
    let (mut client, connection) = handshake.await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut body = send(&mut client, "/v1/large").await.into_body();
    let mut received = 0;
    while let Some(part) = body.data().await {
        let part = part.expect("a part").len();
        received += part;
        // Together, longer than a connection may stall.
        if received % (1 << 20) < part {
            sleep(Duration::from_secs(10)).await;
        }
        body.flow_control().release_capacity(part).expect("room");
    }
    assert_eq!(received, LARGE);
    connection.abort();
}

/// A body of this many bytes that never ends.
fn unfinished(bytes: usize) -> Body {
    let start = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b' '; bytes]))]);
    Body::from_stream(futures::StreamExt::chain(start, stream::pending()))
}

fn post_of(path: &str, body: Body) -> Request<Body> {
    Request::post(path)
        .header("host", "localhost")
        .body(body)
        .expect("a request")
}

#[tokio::test(start_paused = true)]
async fn bodies_that_never_arrive_block_nothing_and_time_out() {
    let app = TestApp::without_database(app).await;
    let slow = (0..8).map(|_| {
        let request = post_of("/v1/whole", unfinished(1_000));
        tokio::spawn(app.service().oneshot(request))
    });
    let slow: Vec<_> = slow.collect();
    let started = Instant::now();
    let whole = app.request(Method::POST, "/v1/whole").body("whole").await;
    assert_eq!((whole.status, whole.text()), (StatusCode::OK, "5"));
    assert!(started.elapsed() < Duration::from_secs(1));
    for slow in slow {
        let answer = slow.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    }
    assert!(started.elapsed() <= Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn requests_over_the_concurrency_limit_get_503_in_time() {
    let app = TestApp::without_database(app).await;
    let never = |_| {
        tokio::spawn(
            app.service()
                .oneshot(post_of("/v1/never", Body::from("{}"))),
        )
    };
    let never: Vec<_> = (0..2).map(never).collect();
    tokio::task::yield_now().await;
    let started = Instant::now();
    let late = app.request(Method::POST, "/v1/whole").body("whole").await;
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE, "{late:?}");
    assert!(started.elapsed() <= Duration::from_secs(10));
    never.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_signed_route_is_read_only_if_the_headers_are_valid() {
    let read = Arc::new(AtomicUsize::new(0));
    let app = |resources: &Resources| {
        let may_be_signed = |headers: &http::HeaderMap| {
            let signature = headers.get("x-signature").map(drop);
            signature.ok_or_else(|| platform::Error::Unauthenticated("sign it".to_owned()))
        };
        let signer = |_: &http::HeaderMap, _: &[u8]| -> Result<Caller, platform::Error> {
            Err(platform::Error::Unauthenticated(
                "it is not ours".to_owned(),
            ))
        };
        let ingress = resources.ingress();
        ingress.accept_signed("/v1/signed", may_be_signed, signer)?;
        let never = async |_: Json<()>| ();
        Ok(Router::new().route("/v1/signed", post(never)))
    };
    let app = TestApp::without_database(app).await;
    let send = |signature: Option<&str>| {
        let read = read.clone();
        let parts = stream::iter((0..100).map(move |_| {
            read.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(b"part"))
        }));
        let mut request = post_of("/v1/signed", Body::from_stream(parts));
        if let Some(signature) = signature {
            let signature = signature.parse().expect("a value");
            request.headers_mut().insert("x-signature", signature);
        }
        app.service().oneshot(request)
    };
    let answer = send(None).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(read.load(Ordering::Relaxed), 0);
    let answer = send(Some("1")).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(read.load(Ordering::Relaxed), 100);
}

#[tokio::test(start_paused = true)]
async fn the_bodies_of_unknown_senders_share_a_memory_limit() {
    let app = |resources: &Resources| {
        let ingress = resources.ingress();
        ingress.accept_signed(
            "/v1/signed",
            |_| Ok(()),
            |_, _| {
                Err(platform::Error::Unauthenticated(
                    "it is not ours".to_owned(),
                ))
            },
        )?;
        Ok(Router::new().route("/v1/signed", post(async |_: Json<()>| ())))
    };
    let app = TestApp::without_database(app).await;
    let mut refused = 0;
    let waiting = (0..1_000).map(|_| {
        let request = post_of("/v1/signed", unfinished(1_000_000));
        tokio::spawn(app.service().oneshot(request))
    });
    for answer in waiting.collect::<Vec<_>>() {
        let answer = answer.await.expect("no panic").expect("an answer");
        refused += usize::from(answer.status() == StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(refused >= 990, "{refused} of 1,000 were refused");
}
