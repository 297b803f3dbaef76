//! A clock for tests of frozen machines, on which the wall clock advances and the monotonic clock does not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use platform::Clock;

/// A wall clock that the test sets. The monotonic clock is tokio's, which a test can pause.
#[derive(Clone, Debug)]
pub struct WallClock(Arc<Mutex<SystemTime>>);

impl Default for WallClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::now())))
    }
}

impl WallClock {
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Clock::with_wall(move || *now.lock().expect("no panic under the lock"))
    }

    pub fn pass(&self, time: Duration) {
        *self.0.lock().expect("no panic under the lock") += time;
    }

    pub fn set_back(&self, time: Duration) {
        *self.0.lock().expect("no panic under the lock") -= time;
    }
}
