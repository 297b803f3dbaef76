//! The two cloud stores with a server that fails, hangs, or sends invalid responses. Time is paused, so waits
//! take no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::{Router, http::StatusCode};
use bytes::Bytes;
use futures::stream;
use kit::object_server::{Deviations, ObjectServer};
use platform::store::{ETag, Object, Put, Store, StoreError};
use platform::{Env, Resources};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// Both stores, with a server that responds to the nth request (from 0) by `answer`.
struct Stub {
    stores: [(&'static str, Arc<dyn Store>); 2],
    requests: Arc<AtomicUsize>,
}

impl Stub {
    async fn start<F>(answer: impl Fn(usize) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stores = stores(&listener.local_addr().unwrap().to_string());
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let app = Router::new().fallback(move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let answer = answer.clone();
            async move { answer(number).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { stores, requests }
    }

    async fn always(status: u16, body: &'static str) -> Self {
        Self::start(move |_| async move { answer(status, body) }).await
    }

    /// The number of requests since the last call.
    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

fn answer(status: u16, body: &'static str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [("etag", "\"7\""), ("x-goog-generation", "7")];
    (status, headers, body).into_response()
}

fn stores(address: &str) -> [(&'static str, Arc<dyn Store>); 2] {
    let env = Env::default()
        .with("AWS_ENDPOINT_URL", format!("http://{address}"))
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "a-secret-key")
        .with("STORAGE_EMULATOR_HOST", address);
    ["s3", "gs"].map(|scheme| {
        let env = env
            .clone()
            .with("BUCKET_URL", format!("{scheme}://bucket/prefix"));
        (scheme, Resources::new(env).store().unwrap())
    })
}

/// The result of each kind of call.
async fn every_call(store: &dyn Store) -> Vec<Result<(), StoreError>> {
    let tag = Put::IfMatch(ETag("7".into()));
    vec![
        store.get("key").await.map(drop),
        store.get_range("key", 0..4).await.map(drop),
        store.put("key", "body".into(), Put::Always).await.map(drop),
        store
            .put("key", "body".into(), Put::IfAbsent)
            .await
            .map(drop),
        store.put("key", "body".into(), tag).await.map(drop),
        store.list("key").await.map(drop),
        store.delete("key").await,
    ]
}

async fn every_call_is(stub: &Stub, expected: impl Fn(&StoreError) -> bool) {
    for (name, store) in &stub.stores {
        for (call, answer) in every_call(&**store).await.into_iter().enumerate() {
            let error = answer.expect_err("the server never gives what was asked for");
            assert!(expected(&error), "{name}, call {call}: {error:?}");
        }
    }
}

fn unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable { .. })
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_is_unavailable_after_a_few_attempts() {
    for status in [500, 502, 503, 504, 429] {
        let stub = Stub::always(status, "trouble").await;
        every_call_is(&stub, unavailable).await;
        // Two stores, seven calls each, at most four attempts per call.
        let requests = stub.requests();
        assert!(
            (14..=56).contains(&requests),
            "{status}: {requests} requests"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_is_retried_after_a_failure() {
    let stub = Stub::start(|number| async move {
        if number == 0 {
            answer(503, "busy")
        } else {
            answer(200, "body")
        }
    })
    .await;
    for (name, store) in &stub.stores {
        let Object { body, etag } = store.get("key").await.unwrap();
        assert_eq!(body, "body", "{name}");
        assert!(
            ["7", "\"7\""].contains(&etag.0.as_str()),
            "{name}: {etag:?}"
        );
        assert_eq!(stub.requests(), 2, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_responds_is_unavailable_within_ten_seconds() {
    let stub = Stub::start(|_| std::future::pending()).await;
    for (name, store) in &stub.stores {
        for call in 0..7 {
            let start = Instant::now();
            let answer = match call {
                0 => store.get("key").await.map(drop),
                1 => store.get_range("key", 0..4).await.map(drop),
                2 => store.put("key", "b".into(), Put::Always).await.map(drop),
                3 => store.put("key", "b".into(), Put::IfAbsent).await.map(drop),
                4 => store.list("").await.map(drop),
                5 => store.list("key").await.map(drop),
                _ => store.delete("key").await,
            };
            let error = answer.expect_err("no answer came");
            assert!(unavailable(&error), "{name}, call {call}: {error:?}");
            assert!(
                start.elapsed() <= Duration::from_millis(10_010),
                "{name}, call {call}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_is_unavailable_and_never_a_partial_object() {
    let stub = Stub::start(|_| async {
        let part: Result<Bytes, std::io::Error> = Ok("half".into());
        let broken = Err(std::io::Error::other("cut"));
        Response::builder()
            .header("content-length", "100")
            .header("etag", "\"7\"")
            .header("x-goog-generation", "7")
            .body(Body::from_stream(stream::iter([part, broken])))
            .unwrap()
    })
    .await;
    for (name, store) in &stub.stores {
        let whole = store.get("key").await.unwrap_err();
        let range = store.get_range("key", 0..100).await.unwrap_err();
        let listed = store.list("").await.unwrap_err();
        for error in [whole, range, listed] {
            assert!(unavailable(&error), "{name}: {error:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_unavailable_within_ten_seconds() {
    let stub = Stub::start(|_| async {
        let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from("half"))]);
        let body = futures::StreamExt::chain(start, stream::pending());
        let mut response = answer(200, "");
        *response.body_mut() = Body::from_stream(body);
        response
    })
    .await;
    for (name, store) in &stub.stores {
        let start = Instant::now();
        let error = store.get("key").await.unwrap_err();
        assert!(unavailable(&error), "{name}: {error:?}");
        assert!(start.elapsed() <= Duration::from_millis(10_010), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_list_is_an_error_and_never_an_empty_list() {
    for body in [
        "",
        "<html>welcome to this network</html>",
        "{\"items\": [{\"na",
        "<ListBucketResult><Con",
    ] {
        let stub = Stub::always(200, body).await;
        for (name, store) in &stub.stores {
            let listed = store.list("").await;
            assert!(listed.is_err(), "{name} listed {body:?} as {listed:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_denied_at_once() {
    for status in [401, 403] {
        let stub = Stub::always(status, "no").await;
        every_call_is(&stub, |error| matches!(error, StoreError::Denied { .. })).await;
        assert_eq!(stub.requests(), 14, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_bucket_is_not_reported_as_a_missing_object() {
    let xml = "<Error><Code>NoSuchBucket</Code>\
               <Message>The specified bucket does not exist</Message></Error>";
    let stub = Stub::always(404, xml).await;
    every_call_is(&stub, |error| matches!(error, StoreError::Other { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_exist_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    for (name, store) in stores(&address) {
        let error = store.get("key").await.unwrap_err();
        assert!(unavailable(&error), "{name}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_concurrent_writers_one_fails_its_precondition() {
    let xml = "<Error><Code>ConditionalRequestConflict</Code></Error>";
    let server = ObjectServer::start(Deviations::default()).await;
    server.answer("PUT prefix/key", 409, xml);
    let error = server
        .store("s3")
        .put("key", "body".into(), Put::IfAbsent)
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Precondition(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn no_error_contains_a_secret() {
    let stub = Stub::always(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>").await;
    for (name, store) in &stub.stores {
        let error = format!(
            "{:?}",
            anyhow::Error::new(store.get("key").await.unwrap_err())
        );
        assert!(!error.contains("a-secret-key"), "{name}: {error}");
    }
}

#[test]
fn a_store_that_denies_access_is_unavailable_and_says_what_to_grant() {
    let denied = StoreError::Denied {
        key: "schema/metadata_cache.json".to_owned(),
        source: anyhow::anyhow!("403"),
    };
    let platform::Error::Unavailable { detail, cause } = denied.into() else {
        panic!("the operator can repair it");
    };
    assert!(
        detail.contains("BUCKET_URL") && detail.contains("metasync doctor"),
        "{detail}"
    );
    assert!(format!("{:#}", cause.unwrap()).contains("metadata_cache"));
}

#[tokio::test]
async fn a_missing_service_account_key_is_denied_and_names_its_variable() {
    let env = Env::default()
        .with("BUCKET_URL", "gs://bucket")
        .with("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json");
    let store = Resources::new(env).store().unwrap();
    let error = store.get("key").await.unwrap_err();
    let StoreError::Denied { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(
        format!("{source:#}").contains("GOOGLE_APPLICATION_CREDENTIALS"),
        "{source:#}"
    );
}

#[test]
fn an_s3_bucket_without_a_region_is_refused_at_startup() {
    let env = Env::default().with("BUCKET_URL", "s3://bucket");
    let error = Resources::new(env).store().err().unwrap();
    assert!(error.to_string().contains("AWS_REGION"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_connection_names_the_host_and_the_port_and_no_credentials() {
    // Nothing listens on it once the listener is dropped.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    for (name, store) in stores(&address) {
        for answer in every_call(&*store).await {
            let error = format!("{:#}", anyhow::Error::new(answer.expect_err("no server")));
            assert!(error.contains(&address), "{name}: {error}");
            assert!(!error.contains("a-secret-key"), "{name}: {error}");
        }
    }
}
