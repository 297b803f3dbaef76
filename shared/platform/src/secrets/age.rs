//! When a secret is read again.

use std::time::Duration;

use crate::clock::Moment;

/// The age at which secret managers are asked again, give or take [`JITTER`].
const MANAGER_AGE: Duration = Duration::from_secs(300);
/// Processes that started together ask at different times.
const JITTER: Duration = Duration::from_secs(30);
/// The age at which files are read again. They cost nothing.
pub(super) const FILE_AGE: Duration = Duration::from_secs(10);
/// The time between a failed attempt and the next one. Each further failure doubles it, up to the age at which
/// the secret would be read anyway.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The age of the last attempt to read a secret.
pub(super) struct Age {
    limit: Duration,
    /// When the last attempt began.
    tried: Moment,
    /// Since the last attempt that succeeded.
    failures: u32,
    /// Whether an attempt is being made for whose end requests wait.
    is_awaited: bool,
}

impl Age {
    pub(super) fn new(limit: Duration, now: Moment) -> Self {
        Self {
            limit,
            tried: now,
            failures: 0,
            is_awaited: false,
        }
    }

    fn is_due(&self, now: Moment) -> bool {
        let pause = match self.failures {
            0 => self.limit,
            count => RETRY_AFTER.saturating_mul(2_u32.saturating_pow(count - 1)),
        };
        now.since(self.tried) >= pause.min(self.limit)
    }

    /// Whether requests wait for the attempt that is being made: the first one after a long idle time.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited
    }

    /// Begins an attempt, if one is due. None is due while another one is being made, because each ends before
    /// [`RETRY_AFTER`].
    pub(super) fn begin_if_due(&mut self, now: Moment) -> bool {
        let is_due = self.is_due(now);
        if is_due {
            self.is_awaited = now.since(self.tried) >= self.limit * 2;
            self.tried = now;
        }
        is_due
    }

    pub(super) fn end(&mut self, has_succeeded: bool) {
        self.is_awaited = false;
        self.failures = if has_succeeded {
            0
        } else {
            self.failures.saturating_add(1)
        };
    }
}

/// The age for the secret managers of this process.
pub(super) fn manager_age() -> Duration {
    let random = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    MANAGER_AGE - JITTER + 2 * JITTER * random / 255
}
