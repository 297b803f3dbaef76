//! Fresh, stale or built in: whatever the store does, a reader gets an answer.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use kit::TestApp;
use platform::Env;
use platform::store::Put;
use schema::versions::{HISTORY, parse, publish, version_key};
use serde_json::json;
use tokio::time::{Instant, advance};

use crate::common::{Mood, Moody, level, start, start_in, version, with_columns};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_synced_document_is_served_fresh_and_byte_for_byte() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;

    let reply = app.get("/v1/schema").await;

    assert_eq!((reply.status, level(&reply)), (StatusCode::OK, "fresh"));
    assert_eq!(reply.body, store.head().await);
    assert_eq!(reply.header("age"), Some("0"));
    assert_eq!(reply.header("metasync-version"), Some(&*version(&reply)));
    assert_eq!(
        reply.header("cache-control"),
        Some("private, max-age=60, stale-while-revalidate=60, stale-if-error=86400")
    );
    assert_eq!(reply.header("vary"), Some("authorization, accept-encoding"));

    advance(59 * SECOND).await;
    let later = app.get("/v1/schema").await;
    assert_eq!((level(&later), later.header("age")), ("fresh", Some("59")));
    assert_eq!(store.heads(), 1);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_sync_the_builtin_document_is_served() {
    let store = Moody::new();
    let app = start(&store).await;

    let reply = app.get("/v1/schema").await;

    assert_eq!((reply.status, level(&reply)), (StatusCode::OK, "builtin"));
    let document = parse(&reply.body).expect("a whole document");
    assert!(document.tables.is_empty() && document.examples.is_empty());
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
}

#[tokio::test(start_paused = true)]
async fn without_a_schema_no_route_draws_conclusions_from_the_builtin_document() {
    let store = Moody::new();
    let app = start(&store).await;
    let version = version(&app.get("/v1/schema").await);
    let question = json!({"question": "how many orders are there?"});
    let replies = [
        app.get("/v1/schema/tables").await,
        app.get("/v1/schema/tables/orders").await,
        app.get(&format!("/v1/schema/changes?since={version}"))
            .await,
        app.post("/v1/schema/context", &question).await,
        app.post("/v1/schema/prompt", &question).await,
    ];
    for reply in replies {
        let found = (reply.status, level(&reply));
        assert_eq!(found, (StatusCode::SERVICE_UNAVAILABLE, "builtin"));
        let body = reply.json();
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("run a sync, or try again"), "{detail}");
    }
}

#[tokio::test]
async fn the_builtin_document_has_the_dialect_of_the_configured_warehouse() {
    for (url, kind, dialect) in [
        (
            Some("postgres://reader@localhost/shop"),
            "postgres",
            "postgres",
        ),
        (Some("bigquery://p/d"), "bigquery", "bigquery"),
        (None, "folder", "bigquery"),
    ] {
        let env = url.map_or_else(Env::default, |url| {
            Env::default().with("WAREHOUSE_URL", url)
        });
        let app = TestApp::with_env(env).start(cache_read::app).await;
        let reply = app.get("/v1/schema").await;
        assert_eq!((reply.status, level(&reply)), (StatusCode::OK, "builtin"));
        let source = &reply.json()["source"];
        assert_eq!(
            (&source["kind"], &source["dialect"]),
            (&json!(kind), &json!(dialect))
        );
    }
}

#[tokio::test]
async fn a_warehouse_that_cannot_be_reached_is_not_ready() {
    let app = TestApp::with_env(Env::default())
        .set("WAREHOUSE_URL", "postgres://x:wrong@127.0.0.1:1/db")
        .start(cache_read::app)
        .await;
    let reply = app.get("/readyz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = reply.json()["checks"].clone();
    let checks = checks.as_array().unwrap();
    let check = checks.iter().find(|it| it["name"] == "warehouse").unwrap();
    let expected = json!({
        "name": "warehouse", "status": "unavailable",
        "detail": "the warehouse can't be reached: the log has the reason",
    });
    assert_eq!(check, &expected);
}

#[tokio::test]
async fn the_database_of_conversations_is_a_part_of_readiness() {
    let app = TestApp::with_env(Env::default())
        .set("DATABASE_URL", "postgres://x:wrong@127.0.0.1:1/db")
        .set("MASKING_KEY", "07".repeat(32))
        .start(cache_read::app)
        .await;
    let checks = app.get("/readyz").await.json()["checks"].clone();
    let checks = checks.as_array().unwrap();
    let check = checks.iter().find(|it| it["name"] == "database").unwrap();
    assert_eq!(check["status"], "unavailable");
}

#[tokio::test]
async fn readiness_says_that_a_schema_is_missing_until_the_first_sync() {
    let app = TestApp::with_env(Env::default())
        .start(cache_read::app)
        .await;
    let reply = app.get("/readyz").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    let checks = reply.json()["checks"].clone();
    let status = |name: &str| {
        let checks = checks.as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        check["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("schema"), "unavailable");
    assert_eq!(status("bucket"), "ok");
    assert_eq!(
        (status("model"), status("warehouse")),
        ("off".into(), "off".into())
    );

    let app = TestApp::with_env(Env::default())
        .start(cache_read::app)
        .await;
    let store = app.resources().store().unwrap();
    publish(&*store, &with_columns(&["a"]), Put::IfAbsent)
        .await
        .unwrap();
    assert_eq!(app.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_first_sync_is_visible_within_a_second() {
    let store = Moody::new();
    let app = start(&store).await;
    for _ in 0..20 {
        assert_eq!(level(&app.get("/v1/schema").await), "builtin");
        advance(SECOND).await;
    }
    store.sync(&with_columns(&["a"])).await;

    assert_eq!(level(&app.get("/v1/schema").await), "fresh");
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_leaves_the_last_good_copy() {
    for mood in [Mood::Down, Mood::Denying, Mood::Hanging] {
        let store = Moody::new();
        store.sync(&with_columns(&["a"])).await;
        let app = start(&store).await;
        let good = app.get("/v1/schema").await;
        store.is(mood);

        for _ in 0..50 {
            advance(61 * SECOND).await;
            let reply = app.get("/v1/schema").await;
            assert_eq!(
                (reply.status, level(&reply)),
                (StatusCode::OK, "stale"),
                "{mood:?}"
            );
            assert_eq!(
                (&reply.body, reply.etag()),
                (&good.body, good.etag()),
                "{mood:?}"
            );
        }

        store.is(Mood::Well);
        store.sync(&with_columns(&["a", "b"])).await;
        advance(61 * SECOND).await;
        let reply = app.get("/v1/schema").await;
        assert_eq!(level(&reply), "fresh", "{mood:?}");
        assert_ne!(reply.body, good.body, "{mood:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_head_never_replaces_a_good_copy() {
    let good = with_columns(&["a"]);
    let other = with_columns(&["b"]);
    let json = serde_json::to_string(&other).unwrap();
    let damaged = [
        String::new(),
        "null".into(),
        json[..json.len() / 2].into(),
        json.replace("\"b\"", "\"c\""),
        json.replace("\"format\":1", "\"format\":99"),
        json.replace(&other.version, &good.version),
    ];
    for head in damaged {
        let store = Moody::new();
        store.sync(&good).await;
        let app = start(&store).await;
        app.get("/v1/schema").await;
        store.put_head(head.clone()).await;

        for _ in 0..5 {
            advance(121 * SECOND).await;
            let reply = app.get("/v1/schema").await;
            assert_eq!(
                (level(&reply), version(&reply)),
                ("stale", good.version.clone()),
                "{head}"
            );
        }

        store.sync(&other).await;
        advance(121 * SECOND).await;
        let reply = app.get("/v1/schema").await;
        assert_eq!(
            (level(&reply), version(&reply)),
            ("fresh", other.version.clone()),
            "{head}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_restored_head_is_fresh_again() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    let good = store.head().await;
    store.put_head("torn").await;
    advance(121 * SECOND).await;
    assert_eq!(level(&app.get("/v1/schema").await), "stale");

    store.put_head(good.clone()).await;
    advance(121 * SECOND).await;
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), &reply.body), ("fresh", &good));
}

#[tokio::test(start_paused = true)]
async fn with_a_damaged_head_a_new_process_serves_the_newest_whole_version() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let newest = with_columns(&["a", "b"]);
    store.sync(&newest).await;
    store.put_head("{\"format\": 1, \"version\": \"").await;
    let app = start(&store).await;

    let reply = app.get("/v1/schema").await;

    assert_eq!((level(&reply), version(&reply)), ("stale", newest.version));
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_with_a_damaged_head_does_not_leave_the_builtin_document() {
    let document = with_columns(&["a"]);
    for faulty in [HISTORY.to_owned(), version_key(&document.version)] {
        let store = Moody::new();
        store.sync(&document).await;
        store.put_head("torn").await;
        store.fail_at(&faulty);
        let app = start(&store).await;
        for _ in 0..30 {
            assert_eq!(level(&app.get("/v1/schema").await), "builtin", "{faulty}");
            advance(SECOND).await;
        }

        store.mend();
        advance(4 * SECOND).await;
        let reply = app.get("/v1/schema").await;
        assert_eq!(
            (level(&reply), version(&reply)),
            ("stale", document.version.clone()),
            "{faulty}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn with_a_slow_store_a_new_process_serves_the_newest_whole_version() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    store.put_head("torn").await;
    store.is(Mood::Waiting);
    let app = start(&store).await;
    // The head, the history, the version, each within the time a call may take.
    for reads in 1..=3 {
        assert_eq!(level(&app.get("/v1/schema").await), "builtin");
        while store.reads() < reads {
            tokio::task::yield_now().await;
        }
        advance(6 * SECOND).await;
        store.let_through(1);
    }
    while level(&app.get("/v1/schema").await) == "builtin" {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        (level(&app.get("/v1/schema").await), store.heads()),
        ("stale", 1)
    );
}

#[tokio::test(start_paused = true)]
async fn with_a_deleted_head_a_new_process_serves_the_newest_whole_version() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let newest = with_columns(&["a", "b"]);
    store.sync(&newest).await;
    store.delete_head().await;
    let app = start(&store).await;

    let reply = app.get("/v1/schema").await;

    assert_eq!((level(&reply), version(&reply)), ("stale", newest.version));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_head_leaves_the_last_good_copy() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    let good = app.get("/v1/schema").await;
    store.delete_head().await;
    advance(121 * SECOND).await;

    let reply = app.get("/v1/schema").await;

    assert_eq!((level(&reply), &reply.body), ("stale", &good.body));
}

#[tokio::test(start_paused = true)]
async fn a_new_process_serves_the_last_good_copy_from_the_temporary_folder() {
    for mood in [Mood::Down, Mood::Denying, Mood::Hanging] {
        let folder = tempfile::tempdir().unwrap();
        let store = Moody::new();
        store.sync(&with_columns(&["a"])).await;
        let app = start_in(&store, folder.path(), "s3://one").await;
        let good = app.get("/v1/schema").await;
        wait_for_copy(folder.path()).await;
        store.is(mood);

        let restarted = start_in(&store, folder.path(), "s3://one").await;
        let reply = restarted.get("/v1/schema").await;
        assert_eq!(
            (level(&reply), &reply.body),
            ("stale", &good.body),
            "{mood:?}"
        );

        let of_another = start_in(&store, folder.path(), "s3://two").await;
        assert_eq!(
            level(&of_another.get("/v1/schema").await),
            "builtin",
            "{mood:?}"
        );

        store.is(Mood::Well);
        advance(20 * SECOND).await;
        assert_eq!(
            level(&restarted.get("/v1/schema").await),
            "fresh",
            "{mood:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_copy_in_the_temporary_folder_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    start_in(&store, folder.path(), "s3://one")
        .await
        .get("/v1/schema")
        .await;
    let copy = wait_for_copy(folder.path()).await;
    store.is(Mood::Down);
    let whole = std::fs::read(&copy).unwrap();
    std::fs::File::create(&copy)
        .unwrap()
        .write_all(&whole[..whole.len() - 1])
        .unwrap();

    let app = start_in(&store, folder.path(), "s3://one").await;

    assert_eq!(level(&app.get("/v1/schema").await), "builtin");
}

#[tokio::test(start_paused = true)]
async fn a_temporary_folder_that_others_can_write_to_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    start_in(&store, folder.path(), "s3://one")
        .await
        .get("/v1/schema")
        .await;
    let copy = wait_for_copy(folder.path()).await;
    store.is(Mood::Down);
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(copy.parent().unwrap(), open).unwrap();

    let app = start_in(&store, folder.path(), "s3://one").await;

    assert_eq!(level(&app.get("/v1/schema").await), "builtin");
}

/// Waits for the copy, which is written after the response.
async fn wait_for_copy(folder: &Path) -> PathBuf {
    loop {
        let made = std::fs::read_dir(folder).unwrap();
        let files = made.flat_map(|user| std::fs::read_dir(user.unwrap().path()).unwrap());
        let mut paths = files.map(|entry| entry.unwrap().path());
        if let Some(copy) = paths.find(|path| path.extension().is_some_and(|it| it == "json")) {
            return copy;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_store_delays_a_reader_only_briefly() {
    let store = Moody::new();
    store.is(Mood::Hanging);
    let app = start(&store).await;
    let started = Instant::now();
    assert_eq!(level(&app.get("/v1/schema").await), "builtin");
    assert_eq!(started.elapsed(), 3 * SECOND, "without any copy");
    let started = Instant::now();
    assert_eq!(level(&app.get("/v1/schema").await), "builtin");
    assert_eq!(
        started.elapsed(),
        Duration::ZERO,
        "the same attempt is waited for once"
    );

    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    store.is(Mood::Hanging);
    for (age, kept) in [(61, 0), (122, 300), (3_700, 2_000)] {
        advance(age * SECOND).await;
        let started = Instant::now();
        assert_eq!(level(&app.get("/v1/schema").await), "stale");
        assert_eq!(
            started.elapsed(),
            Duration::from_millis(kept),
            "after {age} s"
        );
    }
}
