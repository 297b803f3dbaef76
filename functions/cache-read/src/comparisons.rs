//! Comparisons of two versions: those that are kept for the next reader, and how many are running.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use platform::auth::Names;
use schema::diff::Change;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many comparisons are kept; the least used one makes room.
const COMPARISONS: u64 = 64;
/// How many versions that are not stored are known, and for how long.
const UNKNOWN: u64 = 10_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How many comparisons of one scope run at the same time, including those whose reader has left.
const RUNNING: usize = 4;
/// Of how many scopes the running comparisons are counted.
const SCOPES: u64 = 10_000;

/// Comparisons by the version that they start from, the tag of the view that they end at, and the scope: who
/// sees the same today may have seen different datasets before.
#[derive(Clone)]
pub struct Comparisons {
    kept: Cache<Key, Arc<Comparison>>,
    /// Versions that no stored version has, by the current stored version.
    unknown: Cache<Key, ()>,
    running: Cache<Scope, Arc<Semaphore>>,
}

type Key = (String, String, Scope);

/// The digest of a scope's names; none for all names.
type Scope = Option<[u8; 32]>;

/// The changes that an answer holds, and how many more there are.
#[derive(Default)]
pub struct Comparison {
    pub changes: Vec<Change>,
    pub left_out: usize,
}

impl Default for Comparisons {
    fn default() -> Self {
        Self {
            kept: Cache::new(COMPARISONS),
            unknown: Cache::builder()
                .max_capacity(UNKNOWN)
                .time_to_live(UNKNOWN_FOR)
                .build(),
            running: Cache::new(SCOPES),
        }
    }
}

impl Comparisons {
    pub fn get(&self, since: &str, tag: String, scope: &Names) -> Option<Arc<Comparison>> {
        self.kept.get(&(since.to_owned(), tag, digest(scope)))
    }

    pub fn insert(&self, since: &str, tag: String, scope: &Names, comparison: Arc<Comparison>) {
        let key = (since.to_owned(), tag, digest(scope));
        self.kept.insert(key, comparison);
    }

    /// Whether it was searched for, while `current` was the current stored version, and not found.
    pub fn is_unknown(&self, since: &str, current: &str, scope: &Names) -> bool {
        let key = (since.to_owned(), current.to_owned(), digest(scope));
        self.unknown.contains_key(&key)
    }

    pub fn insert_unknown(&self, since: &str, current: &str, scope: &Names) {
        let key = (since.to_owned(), current.to_owned(), digest(scope));
        self.unknown.insert(key, ());
    }

    /// Waits until a comparison of this scope may run.
    pub async fn permit(&self, scope: &Names) -> anyhow::Result<OwnedSemaphorePermit> {
        let all = || Arc::new(Semaphore::new(RUNNING));
        let running = self.running.get_with(digest(scope), all);
        Ok(running.acquire_owned().await?)
    }
}

fn digest(scope: &Names) -> Scope {
    match scope {
        Names::All => None,
        Names::Only(names) => Some(names.digest()),
    }
}
