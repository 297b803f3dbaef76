//! Comparisons of two versions that are kept for the next reader.

use std::sync::Arc;

use moka::sync::Cache;
use platform::auth::Names;
use schema::diff::Change;

/// How many comparisons are kept; the least used one makes room.
const COMPARISONS: u64 = 64;

/// Comparisons by the version that they start from, the tag of the view that they end at, and the scope: who
/// sees the same today may have seen different datasets before.
#[derive(Clone)]
pub struct Comparisons(Cache<Key, Arc<Comparison>>);

type Key = (String, String, Names);

/// The changes that an answer holds, and how many more there are.
#[derive(Default)]
pub struct Comparison {
    pub changes: Vec<Change>,
    pub left_out: usize,
}

impl Default for Comparisons {
    fn default() -> Self {
        Self(Cache::new(COMPARISONS))
    }
}

impl Comparisons {
    pub fn get(&self, since: &str, tag: String, scope: &Names) -> Option<Arc<Comparison>> {
        self.0.get(&(since.to_owned(), tag, scope.clone()))
    }

    pub fn insert(&self, since: &str, tag: String, scope: &Names, comparison: Arc<Comparison>) {
        let key = (since.to_owned(), tag, scope.clone());
        self.0.insert(key, comparison);
    }
}
