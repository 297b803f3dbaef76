//! Counts of the writes of this process, so that a copy in memory is not served after a write of its own process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A counter for each object that a reader keeps a copy of. Other objects are not counted.
#[derive(Default)]
pub(super) struct Writes(Mutex<HashMap<String, Arc<AtomicU64>>>);

impl Writes {
    /// The counter of an object.
    pub(super) fn of(&self, key: &str) -> Arc<AtomicU64> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counters.entry(key.to_owned()).or_default())
    }

    pub(super) fn count(&self, key: &str) {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(key) {
            counter.fetch_add(1, Ordering::Release);
        }
    }
}
