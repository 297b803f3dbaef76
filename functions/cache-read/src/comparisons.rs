//! Comparisons of two versions that are kept for the next reader.

use std::sync::Arc;

use moka::sync::Cache;
use schema::diff::Change;

/// How many comparisons are kept; the least used one makes room.
const COMPARISONS: u64 = 64;

/// Comparisons by the version that they start from and the tag of the view that they end at.
#[derive(Clone)]
pub struct Comparisons(Cache<(String, String), Arc<Comparison>>);

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
    pub fn get(&self, since: &str, tag: String) -> Option<Arc<Comparison>> {
        self.0.get(&(since.to_owned(), tag))
    }

    pub fn insert(&self, since: &str, tag: String, comparison: Arc<Comparison>) {
        self.0.insert((since.to_owned(), tag), comparison);
    }
}
