//! When and how often the store is contacted, and who waits for it.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cache_read::{Settings, SqlSetup};
use kit::clock::WallClock;
use platform::store::{ETag, Object, Put, Result, Store};
use schema::versions::{load_head, parse, publish};
use serde_json::json;
use tokio::time::advance;

use crate::common::{
    Mood, Moody, level, orders, sealed, settings, start, start_with, version, with_columns,
};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_slightly_stale_copy_is_served_immediately_and_revalidated_in_the_background() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    let old = app.get("/v1/schema").await;
    store.sync(&with_columns(&["a", "b"])).await;
    store.is(Mood::Waiting);
    advance(61 * SECOND).await;

    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), &reply.body), ("stale", &old.body));

    store.let_through(1);
    while level(&app.get("/v1/schema").await) == "stale" {
        tokio::task::yield_now().await;
    }
    assert_eq!(app.get("/v1/schema").await.body, store.head().await);
    assert_eq!(store.heads(), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrent_readers_share_one_revalidation() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = Arc::new(start(&store).await);
    let hundred = async |app: &Arc<kit::TestApp>| {
        let readers: Vec<_> = (0..100)
            .map(|_| {
                let app = Arc::clone(app);
                tokio::spawn(async move { app.get("/v1/schema").await })
            })
            .collect();
        for reader in readers {
            assert_eq!(level(&reader.await.unwrap()), "fresh");
        }
    };

    hundred(&app).await;
    assert_eq!(store.heads(), 1, "of a new process");
    advance(125 * SECOND).await;
    hundred(&app).await;
    assert_eq!(store.heads(), 2, "of an old copy");
}

#[tokio::test(start_paused = true)]
async fn a_failing_store_is_asked_less_and_less_often() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    store.is(Mood::Down);
    advance(61 * SECOND).await;
    let mut asked = Vec::new();
    for second in 0..190 {
        let before = store.heads();
        app.get("/v1/schema").await;
        tokio::task::yield_now().await;
        if store.heads() > before {
            asked.push(second);
        }
        advance(SECOND).await;
    }
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_that_never_ends_is_discarded() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    store.is(Mood::Hanging);
    advance(125 * SECOND).await;
    app.get("/v1/schema").await;
    store.is(Mood::Well);
    assert_eq!(level(&app.get("/v1/schema").await), "stale");

    advance(12 * SECOND).await;

    assert_eq!(level(&app.get("/v1/schema").await), "fresh");
    assert_eq!(store.heads(), 3);
}

/// Simulates Lambda, where nothing runs between two requests: a single-threaded runtime runs only while
/// something blocks on it.
#[test]
fn a_function_that_is_frozen_between_requests_gets_the_new_version() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let store = Moody::new();
    let (app, old) = runtime.block_on(async {
        store.sync(&with_columns(&["a"])).await;
        let app = start(&store).await;
        let old = app.get("/v1/schema").await;
        store.sync(&with_columns(&["a", "b"])).await;
        (app, old)
    });
    for (frozen, seen) in [(61, "stale"), (3_600, "fresh")] {
        let reply = runtime.block_on(async {
            advance(frozen * SECOND).await;
            app.get("/v1/schema").await
        });
        assert_eq!(level(&reply), seen, "after {frozen} s");
        assert_eq!(reply.body == old.body, seen == "stale");
    }
}

/// The monotonic clock may stop while the machine is frozen.
async fn start_frozen(store: &Arc<Moody>) -> (kit::TestApp, WallClock) {
    let wall = WallClock::default();
    let settings = Settings {
        clock: wall.clock(),
        ..settings()
    };
    (start_with(store, settings).await, wall)
}

#[tokio::test(start_paused = true)]
async fn age_increases_while_the_machine_is_frozen() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let (app, wall) = start_frozen(&store).await;
    let old = app.get("/v1/schema").await;
    store.sync(&with_columns(&["a", "b"])).await;

    wall.pass(59 * SECOND);
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), reply.header("age")), ("fresh", Some("59")));
    store.is(Mood::Down);
    wall.pass(11 * SECOND);
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), reply.header("age")), ("stale", Some("70")));
    assert_eq!(reply.body, old.body);
    store.is(Mood::Well);
    wall.pass(600 * SECOND);
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), reply.header("age")), ("fresh", Some("0")));
    assert_eq!(reply.body, store.head().await);
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_cut_off_by_a_freeze_is_discarded() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let (app, wall) = start_frozen(&store).await;
    app.get("/v1/schema").await;
    store.is(Mood::Hanging);
    wall.pass(125 * SECOND);
    assert_eq!(level(&app.get("/v1/schema").await), "stale");
    store.is(Mood::Well);
    assert_eq!(level(&app.get("/v1/schema").await), "stale");

    wall.pass(12 * SECOND);

    assert_eq!(level(&app.get("/v1/schema").await), "fresh");
}

#[tokio::test(start_paused = true)]
async fn setting_back_the_wall_clock_makes_nothing_fresh() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let (app, wall) = start_frozen(&store).await;
    app.get("/v1/schema").await;
    store.sync(&with_columns(&["a", "b"])).await;

    wall.set_back(86_400 * SECOND);
    advance(30 * SECOND).await;
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), reply.header("age")), ("fresh", Some("30")));
    advance(95 * SECOND).await;
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), &reply.body), ("fresh", &store.head().await));
    assert_eq!(store.heads(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_copy_a_failing_store_is_asked_every_few_seconds() {
    let store = Moody::new();
    store.is(Mood::Down);
    let app = start(&store).await;
    let mut asked = Vec::new();
    for second in 0..20 {
        let before = store.heads();
        app.get("/v1/schema").await;
        if store.heads() > before {
            asked.push(second);
        }
        advance(SECOND).await;
    }
    assert_eq!(asked, [0, 1, 3, 7, 11, 15, 19]);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_the_newest_version_does_not_wait_for_a_retry() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    store.is(Mood::Down);
    let app = start(&store).await;
    for _ in 0..100 {
        advance(SECOND).await;
        assert_eq!(level(&app.get("/v1/schema").await), "builtin");
    }
    store.is(Mood::Well);

    let newest = app.get("/v1/schema").header("cache-control", "no-cache");
    assert_eq!(level(&newest.await), "fresh");
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_request_the_newest_version() {
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    store.sync(&with_columns(&["a", "b"])).await;
    let head = store.head().await;

    assert_ne!(app.get("/v1/schema").await.body, head);
    let reply = app
        .get("/v1/schema")
        .header("cache-control", "no-cache")
        .await;
    assert_eq!((level(&reply), &reply.body), ("fresh", &head));
}

#[tokio::test(start_paused = true)]
async fn with_zero_fresh_seconds_every_reader_sees_the_store() {
    let store = Moody::new();
    let settings = Settings {
        fresh_for: Duration::ZERO,
        ..settings()
    };
    let app = start_with(&store, settings).await;
    for columns in [&["a"][..], &["a", "b"], &["b"]] {
        advance(Duration::from_millis(1_001)).await;
        store.sync(&with_columns(columns)).await;
        let reply = app.get("/v1/schema").await;
        assert_eq!((level(&reply), &reply.body), ("fresh", &store.head().await));
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_replaced_during_a_read_yields_one_version_or_the_other() {
    let (one, two) = (with_columns(&["a"]), with_columns(&["a", "b"]));
    let store = Moody::new();
    store.sync(&one).await;
    let app = Arc::new(start(&store).await);
    app.get("/v1/schema").await;
    for round in 0..20 {
        store.sync(if round % 2 == 0 { &two } else { &one }).await;
        advance(125 * SECOND).await;
        let readers: Vec<_> = (0..10)
            .map(|_| {
                let app = Arc::clone(&app);
                tokio::spawn(async move { app.get("/v1/schema").await })
            })
            .collect();
        store.sync(if round % 2 == 0 { &one } else { &two }).await;
        for reader in readers {
            let reply = reader.await.unwrap();
            let document = parse(&reply.body).expect("a whole document");
            assert!(document == one || document == two);
            assert_eq!(reply.header("metasync-version"), Some(&*document.version));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_version_written_again_has_a_tag_of_its_own() {
    let store = Moody::new();
    let mut document = with_columns(&["a"]);
    store.sync(&document).await;
    let app = start(&store).await;
    let before = app.get("/v1/schema").await;
    document.ledger.requests = 7;
    store.sync(&sealed(document)).await;
    advance(125 * SECOND).await;

    let after = app.get("/v1/schema").await;

    assert_eq!(version(&before), version(&after));
    assert_ne!(before.body, after.body);
    assert_ne!(before.etag(), after.etag());
}

#[tokio::test(start_paused = true)]
async fn a_problem_and_its_end_are_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let store = Moody::new();
    store.sync(&with_columns(&["a"])).await;
    let app = start(&store).await;
    app.get("/v1/schema").await;
    for mood in [Mood::Down, Mood::Denying, Mood::Well, Mood::Down] {
        store.is(mood);
        for _ in 0..5 {
            advance(125 * SECOND).await;
            app.get("/v1/schema").await;
        }
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let count = |text: &str| log.matches(text).count();
    assert_eq!(count("the schema cache can't be revalidated"), 3, "{log}");
    assert_eq!(count("the schema cache is current again"), 1, "{log}");
    assert!(
        log.contains("as the test wants it"),
        "the cause is told: {log}"
    );
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_bucket_is_read_once_and_the_schema_is_served_from_memory() {
    let store = Moody::new();
    store.sync(&orders()).await;
    let app = start(&store).await;

    let schema = app.get("/v1/schema").await;
    assert_eq!(
        (level(&schema), &schema.body),
        ("fresh", &store.head().await)
    );
    let question = json!({"question": "How many orders are there?"});
    let context = app.post("/v1/schema/context", &question).await.json();
    let table = app.get("/v1/schema/tables/p.shop.orders").await.json();
    assert_eq!(table["columns"][2]["name"], "total");
    let text = context["context"].as_str().unwrap();
    assert!(
        text.contains("p.shop.orders") && text.contains("total"),
        "{text}"
    );
    assert_eq!(context["examples"][0]["tables"], json!(["p.shop.orders"]));
    assert_eq!(store.heads(), 1, "the bucket is read once");

    store.is(Mood::Down);
    let again = app.get("/v1/schema").await;
    assert_eq!((level(&again), &again.body), ("fresh", &schema.body));
    assert_eq!(store.heads(), 1, "and not while the copy is fresh");
}

#[tokio::test]
async fn a_write_of_this_process_is_in_the_next_answer_and_nothing_else_contacts_the_store() {
    let env = platform::Env::default().with("BUCKET_URL", "memory:///");
    let store = platform::Resources::new(env).store().unwrap();
    let counted = Arc::new(Counted {
        store: Arc::clone(&store),
        reads: AtomicUsize::new(0),
    });
    let (one, two) = (with_columns(&["a"]), with_columns(&["a", "b"]));
    publish(&*store, &one, Put::IfAbsent).await.unwrap();
    let served: Arc<dyn Store> = counted.clone();
    let app = kit::TestApp::without_database(|_| {
        Ok(cache_read::router(served, settings(), SqlSetup::default()))
    });
    let app = app.await;
    assert_eq!(version(&app.get("/v1/schema").await), one.version);
    let reads = || counted.reads.load(Ordering::Relaxed);
    assert_eq!(reads(), 1);
    assert_eq!(version(&app.get("/v1/schema").await), one.version);
    assert_eq!(reads(), 1, "a fresh copy is in memory");

    let replace = load_head(&*store).await.unwrap().replace();
    publish(&*store, &two, replace).await.unwrap();
    let reply = app.get("/v1/schema").await;
    assert_eq!((level(&reply), version(&reply)), ("fresh", two.version));
    assert_eq!(reads(), 2);
    app.get("/v1/schema").await;
    assert_eq!(reads(), 2, "once per write");
    store
        .put("schema/state.json", "{}".into(), Put::Always)
        .await
        .unwrap();
    app.get("/v1/schema").await;
    assert_eq!(reads(), 2, "only the head counts");
}

/// Counts the reads of a store.
struct Counted {
    store: Arc<dyn Store>,
    reads: AtomicUsize,
}

#[async_trait::async_trait]
impl Store for Counted {
    async fn get_if_changed(&self, key: &str, known: Option<&ETag>) -> Result<Option<Object>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.get_if_changed(key, known).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.store.get_range(key, range).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        self.store.put(key, body, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.store.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.store.delete(key).await
    }

    fn writes(&self, key: &str) -> Arc<AtomicU64> {
        self.store.writes(key)
    }
}
