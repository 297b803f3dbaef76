//! `GET /readyz`: whether a function can do its work, and what it lacks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use kit::postgres::empty_database;
use kit::{Reply, TestApp};
use platform::postgres::migrate;
use platform::readiness::{self, Finding};
use platform::{Env, Resources, Router};
use serde_json::{Value, json};
use tokio::time::Instant;

/// An app whose schema is there once `has_schema` is set, and the number of checks.
async fn app() -> (TestApp, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (has_schema, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
    let (is_there, counter) = (has_schema.clone(), count.clone());
    let start = move |resources: &Resources| {
        let readiness = resources.readiness();
        readiness.check("schema", move || {
            counter.fetch_add(1, Ordering::SeqCst);
            let found = if is_there.load(Ordering::SeqCst) {
                Finding::Ready
            } else {
                let cause = anyhow::anyhow!("no object at secret-bucket.example");
                Finding::lacking_because("there is no schema: run a sync", cause)
            };
            std::future::ready(found)
        });
        readiness.check("model", async || Finding::off("set LLM_MODEL to get SQL"));
        Ok(Router::new())
    };
    (TestApp::without_database(start).await, has_schema, count)
}

fn report(reply: &Reply, status: StatusCode) -> Value {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json()
}

#[tokio::test]
async fn a_function_that_needs_nothing_is_ready() {
    let app = TestApp::without_database(|_| Ok(Router::new())).await;
    let found = report(&app.get("/readyz").await, StatusCode::OK);
    assert_eq!(found, json!({"status": "ok", "checks": []}));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_a_503_that_says_what_to_do_and_nothing_secret() {
    let (app, has_schema, _) = app().await;
    let found = report(&app.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    let model = json!({"name": "model", "status": "off", "detail": "set LLM_MODEL to get SQL"});
    let schema = json!({
        "name": "schema",
        "status": "unavailable",
        "detail": "there is no schema: run a sync",
    });
    assert_eq!(
        found,
        json!({"status": "unavailable", "checks": [model, schema]})
    );
    assert_eq!(app.get("/healthz").await.status, StatusCode::OK);

    has_schema.store(true, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(6)).await;
    let found = report(&app.get("/readyz").await, StatusCode::OK);
    let schema = json!({"name": "schema", "status": "ok"});
    assert_eq!(found, json!({"status": "ok", "checks": [model, schema]}));
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_the_checks_run_once_in_five_seconds() {
    let (app, _, count) = app().await;
    join_all((0..50).map(|_| async { app.get("/readyz").await })).await;
    app.get("/readyz").await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(6)).await;
    app.get("/readyz").await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_never_responds_or_panics_is_reported_in_time() {
    for panics in [false, true] {
        let start = move |resources: &Resources| {
            resources.readiness().check("bucket", move || async move {
                assert!(!panics, "a check");
                std::future::pending().await
            });
            Ok(Router::new())
        };
        let app = TestApp::without_database(start).await;
        let started = Instant::now();
        let found = report(&app.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert!(started.elapsed() < Duration::from_secs(4));
        assert_eq!(found["status"], "unavailable");
    }
}

#[tokio::test]
async fn excluded_checks_do_not_count_and_unknown_ones_are_refused() {
    let (app, ..) = app().await;
    let found = report(
        &app.get("/readyz?exclude=schema,model").await,
        StatusCode::OK,
    );
    assert_eq!(found, json!({"status": "ok", "checks": []}));
    let reply = app.get("/readyz?exclude=shcema").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let body = reply.json();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.ends_with("use model, schema"), "{detail}");
    assert_eq!(
        app.get("/readyz?only=schema").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_database_is_ready_once_it_is_migrated() {
    const FILES: &[(&str, &str)] = &[(
        "0001_one.sql",
        "-- one\ncreate table public.first (id int);",
    )];
    let database = empty_database().await;
    for (is_migrated, status) in [
        (false, StatusCode::SERVICE_UNAVAILABLE),
        (true, StatusCode::OK),
    ] {
        if is_migrated {
            migrate(&database.env(), FILES).await.unwrap();
        }
        let start = |resources: &Resources| {
            let check = readiness::database(resources.postgres()?, FILES);
            resources.readiness().check("database", check);
            Ok(Router::new())
        };
        let app = TestApp::with_env(database.env()).start(start).await;
        let found = report(&app.get("/readyz").await, status);
        if !is_migrated {
            let detail = &found["checks"][0]["detail"];
            assert_eq!(detail, "migrations are missing: run `metasync migrate`");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_without_its_address() {
    let start = |resources: &Resources| {
        let readiness = resources.readiness();
        let database = readiness::database(resources.postgres()?, &[]);
        readiness.check("database", database);
        readiness.check("bucket", readiness::bucket(resources.store()?, "schema/x"));
        Ok(Router::new())
    };
    let env = Env::default()
        .with(
            "DATABASE_URL",
            "postgres://somebody:hunter2@127.0.0.1:1/shop",
        )
        .with("BUCKET_URL", "s3://hidden-bucket")
        .with("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
        .with("AWS_REGION", "eu-west-1")
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret");
    let app = TestApp::with_env(env).start(start).await;
    let found = report(&app.get("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
    let statuses: Vec<_> = [0, 1]
        .iter()
        .map(|at| (&found["checks"][at]["name"], &found["checks"][at]["status"]))
        .collect();
    assert_eq!(statuses[0], (&json!("bucket"), &json!("unavailable")));
    assert_eq!(statuses[1], (&json!("database"), &json!("unavailable")));
    let text = found.to_string();
    for secret in ["127.0.0.1", "hunter2", "somebody", "hidden-bucket", "shop"] {
        assert!(!text.contains(secret), "{text}");
    }
}
