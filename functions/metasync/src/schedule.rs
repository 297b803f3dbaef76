//! The schedules of the functions, kept in this process where no scheduler calls.

use std::time::Duration;

use message_log::{Log, roll_up};
use schema_sync::source::Run;
use schema_sync::sync::Sync;
use shared::Resources;
use tokio::time::{MissedTickBehavior, interval};

/// Syncs now and then every `SYNC_INTERVAL_SECONDS` (3600; 0 for never), and rolls conversations up
/// every `ROLL_UP_INTERVAL_SECONDS` (10), as long as the process lives. On Lambda and Cloud Run nothing runs between requests, so there a scheduler calls.
pub fn start(resources: &Resources) -> anyhow::Result<()> {
    let env = resources.env();
    let sync_seconds: u64 = env.parse("SYNC_INTERVAL_SECONDS", 3_600)?;
    let roll_up_seconds: u64 = env.parse("ROLL_UP_INTERVAL_SECONDS", 10)?;
    let called = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
        .iter()
        .any(|name| env.get(name).is_some());
    if called {
        return Ok(());
    }
    if sync_seconds > 0 {
        let sync = Sync::open(resources)?;
        every(sync_seconds, move || {
            let sync = sync.clone();
            async move { once(&sync).await }
        });
    }
    if roll_up_seconds > 0 && env.get("DATABASE_URL").is_some() {
        roll_up_every(roll_up_seconds, Log::open(resources)?);
    }
    Ok(())
}

/// What was stored becomes fast to search, and part of the patterns.
pub fn roll_up_every(seconds: u64, log: Log) {
    every(seconds, move || {
        let log = log.clone();
        async move {
            if let Err(error) = roll_up::run(&log).await {
                tracing::error!(error = format!("{error:#}"), "the roll-up failed");
            }
        }
    });
}

fn every<F: Future<Output = ()> + Send + 'static>(
    seconds: u64,
    mut job: impl FnMut() -> F + Send + 'static,
) {
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(seconds));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            job().await;
        }
    });
}

async fn once(sync: &Sync) {
    match sync.run(&Run::default()).await {
        Ok(answer) => tracing::info!(
            version = answer.version,
            updated = answer.updated,
            changes = answer.changes.len(),
            problems = answer.problems.len(),
            "synced the schema"
        ),
        Err(error) => tracing::error!(error = format!("{error:#}"), "the sync failed"),
    }
}
