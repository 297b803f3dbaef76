//! The last good copy in memory.

use std::sync::Arc;
use std::time::Duration;

use platform::clock::Moment;
use platform::store::ETag;

use crate::view::View;

/// How long a reader waits for a store that may be slow, if there is a copy.
pub const MAX_WAIT: Duration = Duration::from_millis(300);
/// The same, if the copy is so old that it is likely to be wrong.
const MAX_WAIT_FOR_OLD: Duration = Duration::from_secs(2);
const OLD: Duration = Duration::from_secs(3_600);

/// The last good copy.
#[derive(Clone)]
pub struct LastGood {
    pub view: Arc<View>,
    /// The store's tag of the head that it was read from; none if it came from elsewhere.
    pub etag: Option<ETag>,
    /// How often this process had written the head when the store was asked.
    pub writes: u64,
    pub since: Moment,
    /// Its age at that time.
    pub age_then: Duration,
}

impl LastGood {
    /// Since the store last confirmed it.
    pub fn age(&self, now: Moment) -> Duration {
        self.age_then + now.since(self.since)
    }

    pub fn is_fresh(&self, now: Moment, fresh_for: Duration) -> bool {
        self.etag.is_some() && self.age(now) <= fresh_for
    }

    /// How long a reader waits for a revalidation before this copy is served. `writes` counts the writes of this
    /// process, whose callers want to read what they wrote.
    pub fn max_wait(&self, now: Moment, fresh_for: Duration, writes: u64) -> Duration {
        if self.writes != writes {
            return MAX_WAIT_FOR_OLD;
        }
        let age = self.age(now);
        let confirmed = self.etag.is_some();
        if confirmed && age < fresh_for * 2 {
            Duration::ZERO
        } else if age < OLD {
            MAX_WAIT
        } else {
            MAX_WAIT_FOR_OLD
        }
    }
}
