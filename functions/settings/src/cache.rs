//! Settings in memory. What is read from the database goes in only if nothing was changed since it
//! was asked for, so that a slow read can't bring back what a change has taken out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use platform::telemetry::{Unit, figure};

use crate::settings::Snapshot;

/// Robeings. Beyond, any one makes room.
const MOST: usize = 10_000;
/// How often the hit rate is told.
const TELL_EVERY: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Cache {
    kept: RwLock<Kept>,
    /// Whether every change is heard of. Where not, what is kept must be confirmed.
    is_told: AtomicBool,
    hits: AtomicU64,
    misses: AtomicU64,
    last_told: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Kept {
    /// Raised by each change; a read of an earlier generation is not kept.
    generation: u64,
    snapshots: HashMap<Arc<str>, Arc<Snapshot>>,
}

impl Cache {
    pub fn is_told(&self) -> bool {
        self.is_told.load(Ordering::Acquire)
    }

    /// From now on every change is heard of. What was missed before is forgotten.
    pub fn trust(&self) {
        if !self.is_told() {
            self.clear();
            self.is_told.store(true, Ordering::Release);
        }
    }

    pub fn distrust(&self) {
        self.is_told.store(false, Ordering::Release);
    }

    pub fn get(&self, robeing_id: &str) -> Option<Arc<Snapshot>> {
        self.read().snapshots.get(robeing_id).cloned()
    }

    pub fn generation(&self) -> u64 {
        self.read().generation
    }

    /// Keeps what was asked for in this generation.
    pub fn keep(&self, generation: u64, robeing_id: &str, snapshot: &Arc<Snapshot>) {
        let mut kept = self.write();
        if kept.generation != generation {
            return;
        }
        if kept.snapshots.len() >= MOST && !kept.snapshots.contains_key(robeing_id) {
            let any = kept.snapshots.keys().next().cloned();
            any.and_then(|any| kept.snapshots.remove(&any));
        }
        kept.snapshots.insert(robeing_id.into(), snapshot.clone());
    }

    /// Something of this robeing was changed.
    pub fn forget(&self, robeing_id: &str) {
        let mut kept = self.write();
        kept.generation += 1;
        kept.snapshots.remove(robeing_id);
    }

    fn clear(&self) {
        let mut kept = self.write();
        kept.generation += 1;
        kept.snapshots.clear();
    }

    /// Counts reads that memory answered, and others; told once a minute.
    pub fn count(&self, hits: usize, misses: usize) {
        self.hits.fetch_add(hits as u64, Ordering::Relaxed);
        self.misses.fetch_add(misses as u64, Ordering::Relaxed);
        let Ok(mut last) = self.last_told.try_lock() else {
            return;
        };
        if last.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            *last = Some(Instant::now());
            let hits = self.hits.swap(0, Ordering::Relaxed) as f64;
            let reads = hits + self.misses.swap(0, Ordering::Relaxed) as f64;
            figure("settings_reads", Unit::Count, reads);
            figure(
                "settings_cache_hit_rate",
                Unit::Percent,
                100.0 * hits / reads.max(1.0),
            );
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.kept.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_read_does_not_bring_back_what_was_changed_meanwhile() {
        let cache = Cache::default();
        let old = Arc::new(Snapshot::default());
        let asked = cache.generation();
        cache.forget("r1");
        cache.keep(asked, "r1", &old);
        assert!(cache.get("r1").is_none());
        cache.keep(cache.generation(), "r1", &old);
        assert!(cache.get("r1").is_some());
        cache.trust();
        assert!(
            cache.get("r1").is_none(),
            "it may have been changed unheard"
        );
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let cache = Cache::default();
        for n in 0..MOST + 10 {
            cache.keep(0, &n.to_string(), &Arc::default());
        }
        assert_eq!(cache.read().snapshots.len(), MOST);
        assert!(cache.get(&(MOST + 9).to_string()).is_some());
    }
}
