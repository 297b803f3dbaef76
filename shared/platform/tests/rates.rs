//! The rates of requests, and the metric of refused ones.

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use axum::Extension;
use axum::routing::{get, post};
use kit::clock::WallClock;
use kit::{Reply, TestApp};
use platform::auth::{Accounts, Role, SignedIn};
use platform::serve::{Class, rate_class};
use platform::{Caller, Env, Resources, Router};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::layer::SubscriberExt as _;
use uuid::Uuid;

/// Accounts with one token, `mst_one`, whose name is that of a token of `AUTH_TOKENS`.
struct Fake;

#[async_trait]
impl Accounts for Fake {
    fn is_token(&self, bearer: &str) -> bool {
        bearer.starts_with("mst_")
    }

    async fn by_token(&self, _: &str) -> platform::Result<Option<Caller>> {
        let (id, scope) = (Uuid::from_u128(7), Arc::default());
        Ok(Some(Caller::of_token(id, "one".into(), Role::Admin, scope)))
    }

    async fn by_cookie(&self, _: &str) -> platform::Result<Option<SignedIn>> {
        Ok(None)
    }

    async fn local(&self) -> platform::Result<Caller> {
        Err(platform::Error::NotFound("the local person".to_owned()))
    }
}

fn probe(resources: &Resources) -> anyhow::Result<Router> {
    resources.accept_accounts(Arc::new(Fake));
    let may_be_signed = |_: &http::HeaderMap| Ok(());
    let signer = |_: &http::HeaderMap, _: &[u8]| {
        let scope = Arc::default();
        Ok(Caller::service("one".into(), Role::Writer, scope))
    };
    let ingress = resources.ingress();
    ingress.accept_signed("/v1/signed", may_be_signed, signer)?;
    ingress.accept_anybody(http::Method::GET, "/auth/sign-in");
    let ok = async || "ok";
    Ok(axum::Router::new()
        .route("/v1/people", get(ok).post(ok))
        .route_layer(rate_class(Class::Administration))
        .route("/v1/things", get(ok).post(ok).delete(ok))
        .route("/v1/signed", post(ok))
        .route("/auth/sign-in", get(ok))
        .route("/events/test", post(ok))
        .route(
            "/v1/caller",
            get(async |caller: Extension<Caller>| caller.name.to_string()),
        )
        .into())
}

fn tokens() -> String {
    let token = |name: &str| {
        let sha256 = format!("{:x}", HexDigest(Sha256::digest(name).into()));
        json!({"name": name, "role": "admin", "scope": {}, "sha256": sha256})
    };
    Value::from_iter([token("one"), token("two")]).to_string()
}

struct HexDigest([u8; 32]);

impl std::fmt::LowerHex for HexDigest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// An app with these limits, and the clock that refills them.
async fn start(limits: &str) -> (TestApp, WallClock) {
    let clock = WallClock::default();
    let app = TestApp::with_env(Env::default())
        .set("AUTH_TOKENS", tokens())
        .set("RATE_LIMITS", limits)
        .clock(clock.clock())
        .start(probe);
    (app.await, clock)
}

fn fields(reply: &Reply) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|name| reply.header(name))
}

#[tokio::test]
async fn a_caller_over_the_limit_is_told_when_to_send_the_next_request() {
    let (app, clock) = start("administration=24/min").await;
    let policy = Some("\"administration\";q=2;w=5");
    for remaining in ["\"administration\";r=1;t=3", "\"administration\";r=0;t=3"] {
        let reply = app.get("/v1/people").bearer("one").await;
        assert_eq!(reply.status, 200);
        assert_eq!(fields(&reply), [policy, Some(remaining), None]);
    }
    clock.pass(std::time::Duration::from_millis(500));
    let reply = app.post("/v1/people", json!({})).bearer("one").await;
    assert_eq!(reply.status, 429);
    let wait = Some("\"administration\";r=0;t=2");
    assert_eq!(fields(&reply), [policy, wait, Some("2")]);
    let problem = reply.json();
    assert_eq!(problem["title"], "too many requests");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("`administration`")
    );
    clock.pass(std::time::Duration::from_secs(2));
    assert_eq!(app.get("/v1/people").bearer("one").await.status, 200);
}

#[tokio::test]
async fn each_caller_has_a_limit_of_their_own() {
    let (app, _) = start("administration=1/min").await;
    for (caller, expected) in [("one", 200), ("one", 429), ("two", 200), ("two", 429)] {
        let reply = app.get("/v1/people").bearer(caller).await;
        assert_eq!(reply.status, expected, "{caller}");
    }
    assert_eq!(app.get("/v1/people").await.status, 401);
    // Another caller of the same name.
    assert_eq!(app.get("/v1/people").bearer("mst_one").await.status, 200);
    assert_eq!(app.get("/v1/people").bearer("mst_one").await.status, 429);
}

#[tokio::test]
async fn a_request_is_a_read_or_a_write_and_in_the_class_of_its_route() {
    let (app, _) = start("read=12/min,write=1/min,administration=60/min").await;
    let policies = |reply: &Reply| -> Vec<String> {
        let policies = reply.headers.get_all("ratelimit-policy").iter();
        policies.map(|it| it.to_str().unwrap().to_owned()).collect()
    };
    let read = app.get("/v1/things").bearer("one").await;
    assert_eq!(policies(&read), ["\"read\";q=2;w=10"]);
    let people = app.get("/v1/people").bearer("one").await;
    let both = ["\"administration\";q=5;w=5", "\"read\";q=2;w=10"];
    assert_eq!(policies(&people), both);
    let head = app.request(http::Method::HEAD, "/v1/things").bearer("one");
    assert_eq!(head.await.status, 429);
    let write = app.post("/v1/things", json!({})).bearer("one").await;
    assert_eq!(policies(&write), ["\"write\";q=1;w=60"]);
    assert_eq!(app.delete("/v1/things").bearer("one").await.status, 429);
}

#[tokio::test]
async fn by_default_only_models_and_administration_are_limited() {
    let app = TestApp::with_env(Env::default()).set("AUTH_TOKENS", tokens());
    let app = app.start(probe).await;
    for request in [app.get("/v1/things"), app.post("/v1/things", json!({}))] {
        assert_eq!(fields(&request.bearer("one").await), [None; 3]);
    }
    let reply = app.get("/v1/people").bearer("one").await;
    let limit = Some("\"administration\";r=99;t=1");
    assert_eq!(
        fields(&reply),
        [Some("\"administration\";q=100;w=5"), limit, None]
    );
}

#[tokio::test]
async fn triggers_probes_and_requests_without_a_token_are_not_limited() {
    let (app, _) = start("read=1/min,write=1/min").await;
    for _ in 0..3 {
        for request in [
            app.post("/events/test", json!({})).bearer("one"),
            app.post("/v1/signed", json!({})),
            app.get("/auth/sign-in"),
            app.get("/healthz"),
            app.get("/readyz"),
        ] {
            let reply = request.await;
            assert_eq!((reply.status.as_u16(), fields(&reply)), (200, [None; 3]));
        }
        let event = app.invoke(&json!({"by": "a schedule"})).await;
        assert!(event.is_ok());
    }
}

#[tokio::test]
async fn the_open_mode_is_not_limited() {
    let app = TestApp::with_env(Env::default()).set("RATE_LIMITS", "read=1/min");
    let app = app.start(probe).await;
    for _ in 0..3 {
        assert_eq!(app.get("/v1/things").await.status, 200);
    }
}

#[tokio::test]
async fn a_limit_that_is_not_valid_is_reported_at_startup() {
    for (name, value) in [
        ("RATE_LIMITS", "read=fast"),
        ("FORWARDED_HOPS", "-1"),
        ("CORS_ORIGINS", "*"),
    ] {
        let app = TestApp::with_env(Env::default()).set(name, value);
        let error = app.try_start(probe).await.err().expect("no start");
        assert!(error.to_string().starts_with(name), "{error}");
    }
}

/// Keeps the metrics that are written on this thread.
#[derive(Clone, Default)]
struct Metrics(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Metrics {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(
            &mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                if field.name() == "metrics" {
                    self.0.lock().unwrap().push(format!("{value:?}"));
                }
            },
        );
    }
}

#[tokio::test]
async fn each_refusal_is_counted_in_a_metric() {
    // While there is only one subscriber, another thread that reaches a line of the program first turns it off.
    static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
    LazyLock::force(&OTHER);
    let metrics = Metrics::default();
    let subscriber = tracing_subscriber::registry().with(metrics.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let (app, _) = start("read=off").await;
    let count = || {
        let metrics = metrics.0.lock().unwrap();
        metrics
            .iter()
            .filter(|it| it.contains("refused_requests"))
            .count()
    };
    let accepted = app.get("/v1/things").bearer("one").await;
    assert_eq!((accepted.status.as_u16(), count()), (200, 0));
    assert_eq!(app.get("/v1/missing").bearer("one").await.status, 404);
    assert_eq!(count(), 0);
    for expected in 1..=3 {
        assert_eq!(app.get("/v1/things").bearer("other").await.status, 401);
        assert_eq!(count(), expected);
    }
}
