//! How long ago something was, in a process that may be frozen meanwhile.
//!
//! A function's machine is stopped between two requests, and the monotonic clock may stand still
//! with it. The wall clock does not, but it can be set. So an age is the larger of what the two
//! say: what is checked again too early costs a request, what is trusted too long is wrong.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Where both clocks are read. A test passes a wall clock of its own; tokio's time can be paused.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

/// A point in time. Only ever compared with another of the same process.
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
    /// Zero where neither clock has moved on. A wall clock that was set back says nothing.
    pub fn since(self, earlier: Self) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        let monotonic = self.monotonic.saturating_duration_since(earlier.monotonic);
        monotonic.max(wall)
    }

    /// For a timer, which only the monotonic clock can drive.
    pub fn instant(self) -> Instant {
        self.monotonic
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_age_is_what_the_clock_that_moved_more_says() {
        let seconds = Arc::new(AtomicU64::new(1_000));
        let shown = Arc::clone(&seconds);
        let clock = Clock::with_wall(move || {
            SystemTime::UNIX_EPOCH + Duration::from_secs(shown.load(Ordering::SeqCst))
        });
        let start = clock.now();
        let age = || clock.since(start).as_secs();

        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(age(), 5, "the wall clock stands still");
        seconds.store(1_060, Ordering::SeqCst);
        assert_eq!(age(), 60, "the monotonic clock stood still");
        seconds.store(10, Ordering::SeqCst);
        assert_eq!(age(), 5, "the wall clock was set back");
    }
}
