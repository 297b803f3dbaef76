//! What runs by itself: the schedules of the functions, kept in this process where no scheduler
//! calls.

use std::time::Duration;

use message_log::{Log, roll_up};
use platform::Resources;
use privacy::Privacy;
use schema_sync::api::LONGEST_SYNC;
use schema_sync::run::Run;
use schema_sync::sync::Sync;
use stats_batch::Stats;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Syncs now and then every `SYNC_INTERVAL_SECONDS` (3600; 0 for never), rolls conversations up
/// every `ROLL_UP_INTERVAL_SECONDS` (10), and stats every `STATS_INTERVAL_SECONDS` (300), and does what
/// privacy asks for every `PRIVACY_INTERVAL_SECONDS` (86400), as long as the process lives. On Lambda and
/// Cloud Run nothing runs between requests, so there a scheduler calls.
pub fn start(resources: &Resources) -> anyhow::Result<()> {
    let env = resources.env();
    let sync_seconds: u64 = env.parse("SYNC_INTERVAL_SECONDS", 3_600)?;
    let roll_up_seconds: u64 = env.parse("ROLL_UP_INTERVAL_SECONDS", 10)?;
    let stats_seconds: u64 = env.parse("STATS_INTERVAL_SECONDS", 300)?;
    let privacy_seconds: u64 = env.parse("PRIVACY_INTERVAL_SECONDS", 86_400)?;
    let called = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
        .iter()
        .any(|name| env.get(name).is_some());
    if called {
        return Ok(());
    }
    if sync_seconds > 0 {
        let sync = Sync::open(resources)?;
        tokio::spawn(every(Duration::from_secs(sync_seconds), move || {
            let sync = sync.clone();
            async move { run(&sync).await }
        }));
    }
    if roll_up_seconds > 0 && env.get("DATABASE_URL").is_some() {
        roll_up_every(roll_up_seconds, Log::open(resources)?);
    }
    if stats_seconds > 0 && env.get("DATABASE_URL").is_some() {
        stats_every(stats_seconds, Stats::open(resources)?);
    }
    if privacy_seconds > 0 && env.get("DATABASE_URL").is_some() {
        privacy_every(privacy_seconds, Privacy::open(resources)?);
    }
    Ok(())
}

/// Months come and go, and what was asked for is done.
fn privacy_every(seconds: u64, privacy: Privacy) {
    tokio::spawn(every(Duration::from_secs(seconds), move || {
        let privacy = privacy.clone();
        async move {
            match privacy::run::run(&privacy).await {
                Ok(ran) => tracing::info!(
                    months = ran.archived.len(),
                    erasures = ran.erasures_finished,
                    exports = ran.exports_finished,
                    "privacy: did what was due"
                ),
                Err(error) => {
                    tracing::error!(error = format!("{error:#}"), "privacy: a part failed");
                }
            }
        }
    }));
}

/// What was stored becomes fast to search, and part of the patterns.
pub fn roll_up_every(seconds: u64, log: Log) {
    tokio::spawn(every(Duration::from_secs(seconds), move || {
        let log = log.clone();
        async move {
            if let Err(error) = roll_up::run(&log).await {
                tracing::error!(error = format!("{error:#}"), "the roll-up failed");
            }
        }
    }));
}

/// What robeings did becomes experience.
pub fn stats_every(seconds: u64, stats: Stats) {
    tokio::spawn(every(Duration::from_secs(seconds), move || {
        let stats = stats.clone();
        async move {
            if let Err(error) = stats_batch::roll_up::run(&stats).await {
                tracing::error!(error = format!("{error:#}"), "the roll-up of stats failed");
            }
        }
    }));
}

/// Each run is a task of its own: one that panics, or never ends, is one run lost and no schedule.
async fn every<R>(period: Duration, run: impl Fn() -> R)
where
    R: Future<Output = ()> + Send + 'static,
{
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let ended = tokio::spawn(timeout(LONGEST_SYNC, run())).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::error!("a scheduled run panicked or took too long; the next one comes");
        }
    }
}

async fn run(sync: &Sync) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_panics_or_never_ends_does_not_end_the_schedule() {
        let runs = Arc::new(AtomicU32::new(0));
        let count = runs.clone();
        tokio::spawn(every(Duration::from_secs(3_600), move || {
            let run = count.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => panic!("the first run panics"),
                    1 => std::future::pending().await,
                    _ => {}
                }
            }
        }));

        tokio::time::sleep(Duration::from_secs(4 * 3_600)).await;

        assert!(runs.load(Ordering::SeqCst) >= 4);
    }
}
