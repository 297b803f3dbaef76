//! A machine that is frozen: the wall clock goes on, the monotonic one stands still.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use platform::Clock;

/// A wall clock moved by hand. The monotonic one is tokio's, which a test pauses.
#[derive(Clone, Debug)]
pub struct WallClock(Arc<Mutex<SystemTime>>);

impl Default for WallClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(SystemTime::now())))
    }
}

impl WallClock {
    pub fn clock(&self) -> Clock {
        let shown = Arc::clone(&self.0);
        Clock::with_wall(move || *shown.lock().expect("no panic under the lock"))
    }

    pub fn pass(&self, time: Duration) {
        *self.0.lock().expect("no panic under the lock") += time;
    }

    pub fn set_back(&self, time: Duration) {
        *self.0.lock().expect("no panic under the lock") -= time;
    }
}
