//! The schedules of the functions, kept in this process where no scheduler calls.

use std::time::Duration;

use schema_sync::source::Run;
use schema_sync::sync::Sync;
use shared::Resources;
use tokio::time::{MissedTickBehavior, interval};

/// Syncs now and then every `SYNC_INTERVAL_SECONDS` (3600; 0 for never), as long as the process
/// lives. On Lambda and Cloud Run nothing runs between requests, so there a scheduler calls.
pub fn start(resources: &Resources) -> anyhow::Result<()> {
    let env = resources.env();
    let seconds: u64 = env.parse("SYNC_INTERVAL_SECONDS", 3_600)?;
    let called = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
        .iter()
        .any(|name| env.get(name).is_some());
    if seconds == 0 || called {
        return Ok(());
    }
    let sync = Sync::open(resources)?;
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(seconds));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            once(&sync).await;
        }
    });
    Ok(())
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
