//! The entries by key.

use std::collections::HashMap;

use schema::document::Meaning;

use super::entry::{Entry, Key};

/// Entries by key, so that each change of many doesn't visit all entries.
#[derive(Clone, Debug, Default)]
pub struct Index(HashMap<Key, Entry>);

impl Index {
    pub fn of(meaning: Meaning) -> Self {
        let entries = Entry::all_of(meaning).into_iter();
        Self(entries.map(|entry| (entry.key().folded(), entry)).collect())
    }

    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.0.get(&key.clone().folded())
    }

    /// Adds an entry, or replaces the one with its key.
    pub fn put(&mut self, entry: Entry) {
        self.0.insert(entry.key().folded(), entry);
    }

    pub fn remove(&mut self, key: &Key) {
        self.0.remove(&key.clone().folded());
    }

    pub fn into_meaning(self) -> Meaning {
        let mut meaning = Meaning::default();
        for entry in self.0.into_values() {
            entry.add_to(&mut meaning);
        }
        meaning.sort();
        meaning
    }
}
