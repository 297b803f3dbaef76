//! The limit on the time that one request waits for the database, in all its waits together.
//!
//! The work of the request itself doesn't count: after masking a large batch for a minute, a request still
//! has its whole time for the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

/// With this limit, callers learn within 10 s that the database is slow or down.
const PER_REQUEST: Duration = Duration::from_secs(9);

tokio::task_local! {
    static LEFT: Arc<Mutex<Duration>>;
}

/// Runs `work` as one request. Tasks that it spawns are not part of it.
pub async fn per_request<F: Future>(work: F) -> F::Output {
    LEFT.scope(Arc::new(Mutex::new(PER_REQUEST)), work).await
}

/// Waits for something that depends on the database, for as long as the request may still wait.
///
/// # Errors
/// If the time is over.
pub async fn wait<T>(work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let wait = Wait::begin();
    timeout(wait.longest, work).await
}

/// A wait, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    started: Instant,
    pub(super) longest: Duration,
    request: Option<Arc<Mutex<Duration>>>,
}

impl Wait {
    /// Begins a wait of the current request. Outside of a request, each wait has the whole limit.
    pub(super) fn begin() -> Self {
        let request = LEFT.try_with(Arc::clone).ok();
        let left = request
            .as_ref()
            .map(|left| *left.lock().unwrap_or_else(PoisonError::into_inner));
        Self {
            started: Instant::now(),
            longest: left.unwrap_or(PER_REQUEST),
            request,
        }
    }

    /// Begins a wait with a limit of its own, independent of the request.
    pub(super) fn within(longest: Duration) -> Self {
        Self {
            started: Instant::now(),
            longest,
            request: None,
        }
    }

    /// When the wait must end. None if it has no limit.
    pub(super) fn end(&self) -> Option<Instant> {
        self.started.checked_add(self.longest)
    }

    pub(super) fn left(&self) -> Duration {
        self.longest.saturating_sub(self.started.elapsed())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(left) = &self.request {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            *left = left.saturating_sub(self.started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_waits_of_a_request_share_nine_seconds_and_its_own_work_does_not_count() {
        per_request(async {
            for _ in 0..2 {
                assert!(wait(sleep(Duration::from_secs(4))).await.is_ok());
                sleep(Duration::from_secs(60)).await;
            }
            let started = Instant::now();
            assert!(wait(sleep(Duration::from_secs(4))).await.is_err());
            assert_eq!(started.elapsed(), Duration::from_secs(1));
            assert_eq!(Wait::begin().longest, Duration::ZERO);
        })
        .await;
        assert_eq!(Wait::begin().longest, PER_REQUEST);
    }
}
