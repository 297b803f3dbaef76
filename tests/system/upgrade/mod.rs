//! What an earlier release stored, read and continued by this one.
//!
//! `<version>/` holds a dump of a database and the bucket beside it, as that release left them. `store.rs`
//! adds the folder of a new release.

mod story;

use std::path::{Path, PathBuf};
use std::process::Command;

use kit::TestApp;
use kit::postgres::{Database, empty_database};
use serde_json::Value;

use story::{app, holds};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("system/upgrade")
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-R").arg(from).arg(to).status();
    assert!(copied.expect("there is cp").success());
}

/// The folders of the releases, oldest first.
fn releases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut releases: Vec<PathBuf> = paths
        .filter(|path| path.join("database.sql").is_file())
        .collect();
    releases.sort();
    releases
}

/// A database and a bucket as a release left them, with this release's migrations.
struct Upgraded {
    app: TestApp,
    _database: Database,
    _temporary: tempfile::TempDir,
}

impl Upgraded {
    /// `before` runs on the database as the release left it.
    async fn from(release: &Path, before: &str) -> Self {
        let database = empty_database().await;
        let dump = std::fs::read_to_string(release.join("database.sql")).expect("a dump");
        let client = database.unscoped_client().await;
        client.batch_execute(&dump).await.expect("the dump applies");
        database.run(before).await;
        platform::postgres::migrate(&database.env(), migrations::FILES)
            .await
            .expect("the migrations apply");
        let temporary = tempfile::tempdir().expect("a temporary folder");
        copy(&release.join("bucket"), temporary.path());
        let app = app(&database, &temporary.path().join("bucket")).await;
        Self {
            app,
            _database: database,
            _temporary: temporary,
        }
    }
}

#[tokio::test]
async fn what_an_earlier_release_stored_is_read_searched_exported_and_erased() {
    let releases = releases();
    assert!(!releases.is_empty(), "no release has left anything");
    for release in releases {
        // Into another cluster, as a restore from a backup does.
        holds(&Upgraded::from(&release, "").await.app).await;
    }
}

/// Makes the dump one of this cluster, and adds a message of 18:40, 00:10 of the next day in Kolkata, as 0.1.0 counted
/// and indexed it. A search reads the newest messages without the index, so there are others.
const IN_PLACE: &str = "
    update conversation.cluster set system_identifier = (select system_identifier from pg_control_system());
    update conversation.watermark set cluster = (select system_identifier from pg_control_system());
    update robeing.watermark set cluster = (select system_identifier from pg_control_system());
    insert into conversation.log
        (id, robeing_id, thread_ts, message, metadata, token_count, source, source_event_id, content, xid, created_at)
    select (lpad(to_hex((extract(epoch from at) * 1000)::int8), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
           'support', 't' || n, case n when 0 then 'un café glacé' else 'other ' || n end, '{}', 3, 'http', n::text,
           gen_random_uuid(), '3', at
    from generate_series(0, 99) as n,
         lateral (select timestamptz '2026-11-10 18:40Z' + n * interval '1 hour' as at) as it;
    insert into conversation.search_tail (robeing_id, id, ngrams)
    select robeing_id, id, '{1}' from conversation.log where message = 'un café glacé';
    insert into conversation.thread (conversation, robeing_id, first_message_at)
    select gen_random_uuid(), robeing_id, created_at from conversation.log where robeing_id = 'support';
    insert into conversation.activity
    select robeing_id, date_trunc('hour', created_at), 1, 1, 0, 3, 0, 0 from conversation.log where robeing_id = 'support';
    insert into robeing.growth
    select robeing_id, date_trunc('hour', created_at), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from conversation.log
    where robeing_id = 'support';
    insert into robeing.stats (robeing_id, total_conversations, experience, memory_experience)
    values ('support', 100, 100, 100)";

#[tokio::test]
async fn what_0_1_0_counted_by_hour_and_indexed_with_accents_is_derived_again_in_place() {
    let upgraded = Upgraded::from(&folder().join("0.1.0"), IN_PLACE).await;
    let app = &upgraded.app;
    holds(app).await;
    let search = "/v1/robeings/support/search?q=cafe";
    let mut found = Value::Null;
    for _ in 0..600 {
        found = app.get(search).await.json();
        if found["items"][0]["message"] == "un café glacé" {
            break;
        }
        app.post("/events/message-log", serde_json::json!({})).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(found["items"][0]["message"], "un café glacé", "{found}");
    let days = "from=2026-11-10&to=2026-11-11&timezone=Asia/Kolkata";
    let growth = format!("/v1/robeings/support/growth?{days}");
    let growth = app.get(&growth).await.json();
    let counts = [0, 1].map(|day| growth["days"][day]["conversations"].clone());
    // 24 hours, each at 10 minutes past the hour in Kolkata.
    assert_eq!(counts, [0, 24], "{growth}");
    let patterns = format!("/v1/robeings/support/patterns?{days}");
    let patterns = app.get(&patterns).await.json();
    assert_eq!(
        patterns["days"].as_array().map(Vec::len),
        Some(1),
        "{patterns}"
    );
    let day = &patterns["days"][0];
    assert_eq!(
        (&day["conversations"], &day["messages"]),
        (&24.into(), &24.into()),
        "{day}"
    );
    assert_eq!(
        app.get("/v1/robeings/support/stats").await.json()["total_conversations"],
        100
    );
}
