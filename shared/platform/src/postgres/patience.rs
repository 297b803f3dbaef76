//! How long one request waits for the database, all its waits together.
//!
//! Work of the request itself doesn't count: a large batch that is masked for a minute still has
//! its whole time for the database.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

/// Whoever calls is told within 10 s that the database is slow or down.
const OF_A_REQUEST: Duration = Duration::from_secs(9);

tokio::task_local! {
    static LEFT: Arc<Mutex<Duration>>;
}

/// Runs `work` as one request. What it spawns is not part of it.
pub async fn of_a_request<F: Future>(work: F) -> F::Output {
    LEFT.scope(Arc::new(Mutex::new(OF_A_REQUEST)), work).await
}

/// Waits for something that waits for the database, such as a turn, for no longer than the request
/// has left.
pub async fn wait<T>(work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let wait = Wait::begin();
    timeout(wait.longest, work).await
}

/// A wait that goes on until it is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    started: Instant,
    pub(super) longest: Duration,
    of: Option<Arc<Mutex<Duration>>>,
}

impl Wait {
    /// Outside of a request, each wait may take as long as those of a request together.
    pub(super) fn begin() -> Self {
        let of = LEFT.try_with(Arc::clone).ok();
        let left = of
            .as_ref()
            .map(|of| *of.lock().unwrap_or_else(PoisonError::into_inner));
        Self {
            started: Instant::now(),
            longest: left.unwrap_or(OF_A_REQUEST),
            of,
        }
    }

    /// One of its own, whatever the request has left.
    pub(super) fn of_its_own(longest: Duration) -> Self {
        Self {
            started: Instant::now(),
            longest,
            of: None,
        }
    }

    /// None for a wait without an end.
    pub(super) fn end(&self) -> Option<Instant> {
        self.started.checked_add(self.longest)
    }

    pub(super) fn left(&self) -> Duration {
        self.longest.saturating_sub(self.started.elapsed())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(of) = &self.of {
            let mut left = of.lock().unwrap_or_else(PoisonError::into_inner);
            *left = left.saturating_sub(self.started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_waits_of_a_request_together_have_nine_seconds_and_its_own_work_has_none_of_them() {
        of_a_request(async {
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
        assert_eq!(Wait::begin().longest, OF_A_REQUEST);
    }
}
