//! Settings in memory. A value that was read from the database is inserted only if nothing has changed since the read
//! began, so that a slow read can't restore an old value.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use platform::telemetry::{Metrics, Unit};

use crate::snapshot::Snapshot;

/// The most robeings. One more replaces any other.
const MAX_ROBEINGS: usize = 10_000;
/// How often the hit rate is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Cache {
    entries: RwLock<Entries>,
    /// Whether notifications of changes arrive. If not, cached settings must be confirmed.
    is_notified: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
    last_report: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Entries {
    /// Increases with each change. A read that began in an earlier generation is not inserted.
    generation: u64,
    snapshots: HashMap<Arc<str>, Arc<Snapshot>>,
}

impl Cache {
    pub fn is_notified(&self) -> bool {
        self.is_notified.load(Ordering::Acquire)
    }

    /// Call it once notifications of changes arrive. It removes everything, since earlier changes may have been missed.
    pub fn trust(&self) {
        if !self.is_notified() {
            self.clear();
            self.is_notified.store(true, Ordering::Release);
        }
    }

    pub fn distrust(&self) {
        self.is_notified.store(false, Ordering::Release);
    }

    pub fn get(&self, robeing_id: &str) -> Option<Arc<Snapshot>> {
        self.read().snapshots.get(robeing_id).cloned()
    }

    pub fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Inserts a snapshot whose read began in this generation.
    pub fn insert(&self, generation: u64, robeing_id: &str, snapshot: &Arc<Snapshot>) {
        let mut entries = self.write();
        if entries.generation != generation {
            return;
        }
        if entries.snapshots.len() >= MAX_ROBEINGS && !entries.snapshots.contains_key(robeing_id) {
            let any = entries.snapshots.keys().next().cloned();
            any.and_then(|any| entries.snapshots.remove(&any));
        }
        entries
            .snapshots
            .insert(robeing_id.into(), snapshot.clone());
    }

    /// Removes a robeing whose settings changed.
    pub fn invalidate(&self, robeing_id: &str) {
        let mut entries = self.write();
        entries.generation += 1;
        entries.snapshots.remove(robeing_id);
    }

    fn clear(&self) {
        let mut entries = self.write();
        entries.generation += 1;
        entries.snapshots.clear();
    }

    /// Counts reads from memory and from the database, and reports them once per minute.
    pub fn count(&self, hits: usize, misses: usize) {
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
        self.misses.fetch_add(misses as u64, Ordering::Relaxed);
        let Ok(mut last) = self.last_report.try_lock() else {
            return;
        };
        if last.is_none_or(|last| last.elapsed() >= REPORT_INTERVAL) {
            *last = Some(Instant::now());
            let hits = self.hits.swap(0, Ordering::Relaxed) as f64;
            let reads = hits + self.misses.swap(0, Ordering::Relaxed) as f64;
            let hit_rate = 100.0 * hits / reads.max(1.0);
            let metrics = Metrics::default();
            metrics.add("settings_reads", Unit::Count, reads);
            metrics.add("settings_cache_hit_rate", Unit::Percent, hit_rate);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_read_does_not_restore_an_old_value() {
        let cache = Cache::default();
        let old = Arc::new(Snapshot::default());
        let generation = cache.generation();
        cache.invalidate("r1");
        cache.insert(generation, "r1", &old);
        assert!(cache.get("r1").is_none());
        cache.insert(cache.generation(), "r1", &old);
        assert!(cache.get("r1").is_some());
        cache.trust();
        assert!(cache.get("r1").is_none(), "a change may have been missed");
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = Cache::default();
        for n in 0..MAX_ROBEINGS + 10 {
            cache.insert(0, &n.to_string(), &Arc::default());
        }
        assert_eq!(cache.read().snapshots.len(), MAX_ROBEINGS);
        assert!(cache.get(&(MAX_ROBEINGS + 9).to_string()).is_some());
    }
}
