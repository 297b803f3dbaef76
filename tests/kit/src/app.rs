//! An app under test, behind the same service as in production.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use http::Method;
use platform::serve::{self, lambda};
use platform::{Clock, Env, Resources, Router};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::documented::Documented;
use crate::postgres::{self, Database};
use crate::request::TestRequest;

/// The default name of an app; its trigger is `POST /events/test`.
const NAME: &str = "test";

/// An app, in process. A reply with a status that the app's OpenAPI document lacks fails the test.
///
/// ```ignore
/// let app = TestApp::start(settings::app).await;
/// let reply = app.get("/v1/robeings/r1/settings").await;
/// assert_eq!(reply.status, 200);
/// ```
pub struct TestApp {
    name: &'static str,
    service: axum::Router,
    documented: Documented,
    resources: Resources,
    /// Dropped together with the app.
    _database: Option<Database>,
}

/// Configures a [`TestApp`].
pub struct Builder {
    name: &'static str,
    env: Env,
    clock: Clock,
    database: Option<Database>,
}

impl TestApp {
    /// An app that accepts every caller, with a store in memory and its own migrated database.
    pub async fn start(app: impl FnOnce(&Resources) -> anyhow::Result<Router>) -> Self {
        let builder = Self::with_env(Env::default()).on_a_database().await;
        builder.start(app).await
    }

    /// Like [`TestApp::start`], without a database.
    pub async fn without_database(app: impl FnOnce(&Resources) -> anyhow::Result<Router>) -> Self {
        Self::with_env(Env::default()).start(app).await
    }

    /// Uses the variables of `env`. The defaults are `BUCKET_URL=memory:///` and, if `env` has no `AUTH_*`,
    /// `AUTH_MODE=open`.
    pub fn with_env(env: Env) -> Builder {
        Builder {
            name: NAME,
            env,
            clock: Clock::default(),
            database: None,
        }
    }

    /// The resources of the app, such as its store and database.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The service, for a test that calls it directly.
    pub fn service(&self) -> axum::Router {
        self.service.clone()
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST with `body` as JSON.
    pub fn post(&self, path: &str, body: impl Serialize) -> TestRequest {
        self.request(Method::POST, path).json(&body)
    }

    /// A PUT with `body` as JSON.
    pub fn put(&self, path: &str, body: impl Serialize) -> TestRequest {
        self.request(Method::PUT, path).json(&body)
    }

    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// Any request, without a body.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.body(Body::empty());
        let request = request.expect("a valid path");
        TestRequest::new(self.service.clone(), self.documented.clone(), request)
    }

    /// Invokes the function as Lambda does.
    pub async fn invoke(&self, event: &Value) -> Result<Box<RawValue>, lambda::Failure> {
        let deadline = SystemTime::now() + Duration::from_secs(30);
        lambda::Function::new(self.name, self.service.clone(), &self.resources)
            .invoke(&event.to_string(), "invocation-1", Some(deadline))
            .await
    }

    /// Serves the app on a free loopback port.
    pub async fn serve(&self) -> Served {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(serve::http::listen(self.service(), listener, async {
            let _ = stopped.await;
        }));
        Served {
            url: format!("http://{address}"),
            stop,
            server,
        }
    }
}

impl Builder {
    /// Sets the name of the function.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Sets the clock, such as that of a [`crate::clock::WallClock`].
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets one variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env = self.env.with(name, value);
        self
    }

    /// Adds a migrated database, which is dropped together with the app.
    pub async fn on_a_database(mut self) -> Self {
        let database = postgres::database().await;
        self.env = self.env.with("DATABASE_URL", &database.url);
        self.database = Some(database);
        self
    }

    pub async fn start(self, app: impl FnOnce(&Resources) -> anyhow::Result<Router>) -> TestApp {
        match self.try_start(app).await {
            Ok(app) => app,
            Err(error) => panic!("the app failed to start: {error:#}"),
        }
    }

    /// For tests of start-up errors.
    #[expect(clippy::unused_async, reason = "apps open connections when they start")]
    pub async fn try_start(
        self,
        app: impl FnOnce(&Resources) -> anyhow::Result<Router>,
    ) -> anyhow::Result<TestApp> {
        let mut env = self.env;
        let variables = [
            "AUTH_MODE",
            "AUTH_TOKENS",
            "AUTH_ISSUER",
            "AUTH_TRIGGER_ACCOUNT",
        ];
        let has_auth = variables.iter().any(|name| env.get(name).is_some());
        if !has_auth {
            env = env.with("AUTH_MODE", "open");
        }
        if env.get("BUCKET_URL").is_none() {
            env = env.with("BUCKET_URL", "memory:///");
        }
        let resources = Resources::with_clock(env, self.clock);
        let app = app(&resources)?;
        let documented = Documented::of(self.name, &app, &resources);
        let service = serve::service(self.name, app, &resources)?;
        Ok(TestApp {
            name: self.name,
            service,
            documented,
            resources,
            _database: self.database,
        })
    }
}

/// A server that stops at the end of the test, or earlier by [`Served::stop`].
pub struct Served {
    /// `http://127.0.0.1:<port>`
    pub url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    /// Stops as on SIGTERM, and returns once the requests in flight are finished.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let result = self.server.await.expect("the server does not panic");
        result.expect("the server does not fail");
    }
}
