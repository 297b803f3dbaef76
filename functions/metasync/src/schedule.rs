//! Periodic work within this process, where no scheduler calls the triggers.

use std::pin::Pin;
use std::time::Duration;

use platform::Resources;
use platform::all::Errors;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::functions::{FUNCTIONS, Function};

/// A unit of periodic work and its interval.
pub struct Schedule {
    /// Sets the seconds between two runs; 0 turns the schedule off.
    pub variable: &'static str,
    pub default_seconds: u64,
    /// The interval in `metasync demo`.
    pub demo_seconds: u64,
    /// Opens what the work needs, once.
    pub open: fn(&Resources) -> anyhow::Result<Work>,
}

/// Runs one unit of work.
pub type Work =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// The work of `run` on clones of `state`.
pub fn work<S, F>(state: S, run: impl Fn(S) -> F + Send + Sync + 'static) -> anyhow::Result<Work>
where
    S: Clone + Send + Sync + 'static,
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    Ok(Box::new(move || Box::pin(run(state.clone()))))
}

/// The schedules of the functions in a process.
pub struct Schedules(Vec<Opened>);

struct Opened {
    function: &'static str,
    period: Duration,
    longest_run: Duration,
    work: Work,
}

impl Schedules {
    /// Opens the schedules of the functions that are served. On Lambda and Cloud Run, where nothing runs between
    /// requests and a scheduler calls the triggers, there are none.
    ///
    /// # Errors
    /// If an interval is not a number, or if the work of a schedule can't be opened. The error names all of them.
    pub fn open(resources: &Resources, served: &[&Function]) -> anyhow::Result<Self> {
        let env = resources.env();
        let has_scheduler = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"]
            .iter()
            .any(|name| env.get(name).is_some());
        let mut errors = Errors::default();
        let mut schedules = Vec::new();
        for function in FUNCTIONS {
            let Some(trigger) = function.trigger else {
                continue;
            };
            let is_served = served.iter().any(|it| it.name == function.name);
            for schedule in trigger.schedules {
                let seconds = env.parse(schedule.variable, schedule.default_seconds);
                let seconds = errors.take(seconds).unwrap_or_default();
                if seconds > 0
                    && !has_scheduler
                    && is_served
                    && let Some(work) = errors.take((schedule.open)(resources))
                {
                    schedules.push(Opened {
                        function: function.name,
                        period: Duration::from_secs(seconds),
                        longest_run: trigger.longest_run,
                        work,
                    });
                }
            }
        }
        errors.into_result()?;
        Ok(Self(schedules))
    }

    /// Runs them for as long as the process lives.
    pub fn start(self) {
        for schedule in self.0 {
            let Opened {
                function,
                period,
                longest_run,
                work,
            } = schedule;
            tokio::spawn(repeat(function, period, longest_run, work));
        }
    }
}

/// Starts each run in a task of its own, so that one that panics or never ends doesn't end the
/// schedule.
async fn repeat(function: &'static str, period: Duration, longest: Duration, work: Work) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::spawn(timeout(longest, work())).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::error!(
                function,
                error = format!("{error:#}"),
                "a scheduled run of {function} failed"
            ),
            Ok(Err(_)) => tracing::error!(
                function,
                "a scheduled run of {function} took longer than {} s and was stopped",
                longest.as_secs()
            ),
            Err(_) => tracing::error!(function, "a scheduled run of {function} panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_run_that_fails_panics_or_never_ends_does_not_end_the_schedule() {
        let runs = Arc::new(AtomicU32::new(0));
        let work = work(runs.clone(), async |runs: Arc<AtomicU32>| {
            match runs.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("the first run panics"),
                1 => std::future::pending().await,
                2 => anyhow::bail!("the third run fails"),
                _ => Ok(()),
            }
        });
        let period = Duration::from_secs(3_600);
        tokio::spawn(repeat("test", period, period / 4, work.expect("it opens")));

        tokio::time::sleep(5 * period).await;

        assert!(runs.load(Ordering::SeqCst) >= 5);
    }
}
