//! Cached settings are used while they are current.

use std::sync::Arc;
use std::time::Duration;

use kit::TestApp;
use kit::postgres::{Database, database};
use personal::{Identity, Owner as _, Subject};
use platform::postgres::scoped;
use serde_json::json;
use settings::{Category, Settings};
use uuid::Uuid;

use crate::common::{app_on, path};

/// Another process, with its own resources.
fn instance(database: &Database, on_lambda: bool) -> Settings {
    let mut env = database.env();
    if on_lambda {
        env = env.with("AWS_LAMBDA_RUNTIME_API", "localhost:1");
    }
    Settings::open(&platform::Resources::new(env)).unwrap()
}

async fn style(settings: &Settings) -> String {
    let style = settings.get("r1", Category::User, "response_style").await;
    style.unwrap().unwrap().as_str().unwrap().to_owned()
}

/// Waits until settings are read from memory: the same value twice, without a query.
async fn until_kept(settings: &Settings) {
    for _ in 0..500 {
        let (one, other) = (
            settings.of("r1").await.unwrap(),
            settings.of("r1").await.unwrap(),
        );
        if Arc::ptr_eq(&one, &other) && transactions_needed(settings).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("settings are never kept in memory");
}

/// The number of queries that a read needs: 0 or 1.
async fn transactions_needed(settings: &Settings) -> usize {
    // A read that is ready at its first poll made no query.
    let mut read = std::pin::pin!(settings.of("r1"));
    let is_ready = futures::poll!(read.as_mut()).is_ready();
    if !is_ready {
        read.await.unwrap();
    }
    usize::from(!is_ready)
}

#[tokio::test]
async fn a_process_reads_settings_from_memory_and_is_notified_of_changes_elsewhere() {
    let database = database().await;
    let (here, elsewhere) = (app_on(&database, &[]).await, instance(&database, false));
    until_kept(&elsewhere).await;
    here.put(&path("/user/response_style"), "formal").await;
    for _ in 0..500 {
        if style(&elsewhere).await == "formal" {
            until_kept(&elsewhere).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the notification never arrives");
}

#[tokio::test]
async fn after_a_change_no_process_returns_the_old_value_to_its_author() {
    let database = database().await;
    let apps = [app_on(&database, &[]).await, app_on(&database, &[]).await];
    let own = |app: &TestApp| Settings::open(app.resources()).unwrap();
    for app in &apps {
        until_kept(&own(app)).await;
    }
    for n in 0..200 {
        let (here, there) = (&apps[n % 2], &apps[(n + 1) % 2]);
        let value = if n % 4 < 2 { "formal" } else { "casual" };
        here.put(&path("/user/response_style"), value).await;
        assert_eq!(style(&own(here)).await, value, "in the same process");
        for app in [here, there] {
            let read = app.get(&path("/user/response_style")).await;
            assert_eq!(read.json(), value, "{n}: over HTTP, wherever it is asked");
        }
    }
}

#[tokio::test]
async fn without_notifications_each_read_is_confirmed_and_current() {
    let database = database().await;
    let here = app_on(&database, &[]).await;
    let elsewhere = instance(&database, true);
    for value in ["formal", "casual", "formal"] {
        here.put(&path("/user/response_style"), value).await;
        assert_eq!(style(&elsewhere).await, value);
    }
    let (one, other) = (
        elsewhere.of("r1").await.unwrap(),
        elsewhere.of("r1").await.unwrap(),
    );
    assert!(Arc::ptr_eq(&one, &other), "confirmed, and not sent again");
}

#[tokio::test]
async fn while_the_listening_connection_is_down_cached_settings_are_not_trusted() {
    let database = database().await;
    let settings = instance(&database, false);
    until_kept(&settings).await;
    let listeners = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                     where datname = current_database() and query ilike '%pg_notify%' and pid <> pg_backend_pid()";
    let client = database.client().await;
    let ended = client.query_typed_one(listeners, &[]).await.unwrap();
    assert_eq!(ended.get::<_, i64>(0), 1);
    // No notification reports the loss of the connection.
    for _ in 0..500 {
        if transactions_needed(&settings).await == 1 {
            until_kept(&settings).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("cached settings are trusted although nothing listens");
}

/// Erases the settings of a robeing like `privacy`.
async fn erase(app: &TestApp, robeing_id: &str) -> u64 {
    let subject = Subject {
        identity: Identity::Robeing(robeing_id.to_owned()),
        robeings: None,
        everything: true,
    };
    let mut client = app.resources().postgres().unwrap().get().await.unwrap();
    let transaction = scoped::begin(&mut client, &subject.scope()).await.unwrap();
    let step = settings::personal::Settings
        .erase(&transaction, &subject, Uuid::nil())
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    step.done.values().sum()
}

#[tokio::test]
async fn erased_settings_are_gone_and_an_old_revision_matches_nothing() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    app.put(&path("/skill/email"), json!({"enabled": true}))
        .await;
    assert_eq!(erase(&app, "r1").await, 1);
    assert_eq!(erase(&app, "r1").await, 0);
    let email = app.get(&path("/skill/email")).await;
    assert_eq!(
        (email.json()["enabled"].clone(), email.etag()),
        (json!(false), Some("\"2\""))
    );
    let late = app.put(&path("/skill/email"), json!({})).if_match(1).await;
    assert_eq!(late.status, 412);
}
