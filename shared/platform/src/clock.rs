//! Ages, in a process that may be frozen between requests.
//!
//! While a function is frozen, the monotonic clock may stop. The wall clock goes on, but it can be set. An
//! age is therefore the larger one of what the two clocks measure: an age that is too large costs one more
//! check, an age that is too small would keep stale data in use.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Reads both clocks. A test passes its own wall clock and pauses tokio's time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

/// A point in time, comparable with others of the same process.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

impl Clock {
    pub fn with_wall(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(wall))
    }

    pub fn now(&self) -> Moment {
        Moment {
            monotonic: Instant::now(),
            wall: (self.0)(),
        }
    }

    pub fn since(&self, earlier: Moment) -> Duration {
        self.now().since(earlier)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::with_wall(SystemTime::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

impl Moment {
    /// The time since an earlier moment. A wall clock that was set back is ignored.
    pub fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        monotonic.max(wall)
    }

    /// The wall clock's time, for what other processes read.
    pub fn wall(self) -> SystemTime {
        self.wall
    }

    /// The monotonic time, for timers.
    pub fn instant(self) -> Instant {
        self.monotonic
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_age_is_the_larger_one_of_both_clocks() {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let wall = Arc::clone(&seconds);
        let clock = Clock::with_wall(move || {
            SystemTime::UNIX_EPOCH + Duration::from_secs(wall.load(Ordering::SeqCst))
        });
        let start = clock.now();
        let age = || clock.since(start).as_secs();

        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(age(), 5, "the wall clock is stopped");
        seconds.store(1_060, Ordering::SeqCst);
        assert_eq!(age(), 60, "the monotonic clock was stopped");
        seconds.store(10, Ordering::SeqCst);
        assert_eq!(age(), 5, "the wall clock was set back");
    }
}
