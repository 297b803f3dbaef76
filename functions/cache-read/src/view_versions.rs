//! The stored versions behind the versions of views.
//!
//! The version of a restricted document is the hash of what its caller sees, so no object in the store has its
//! name. It is found by restricting the stored versions, newest first, and remembered, because neither changes.

use std::sync::Arc;

use moka::sync::Cache as Memory;
use platform::auth::Names;
use schema::document::Document;
use tokio::sync::Mutex;

use crate::cache::{Cache, is_lasting};
use crate::view::{distinct, within};

/// How many of the newest versions are searched. Beyond them, a caller gets the whole document.
const SEARCHED: usize = 100;
/// How many pairs of a version and a view are remembered.
const REMEMBERED: u64 = 20_000;

#[derive(Clone)]
pub struct ViewVersions {
    /// The version of a view by the stored version and the scope.
    known: Memory<(String, Names), Arc<str>>,
    /// One search at a time, which holds one document in memory.
    searching: Arc<Mutex<()>>,
}

impl Default for ViewVersions {
    fn default() -> Self {
        Self {
            known: Memory::new(REMEMBERED),
            searching: Arc::default(),
        }
    }
}

impl ViewVersions {
    /// Remembers the version of a view of a stored version.
    pub fn remember(&self, stored: &str, datasets: &Names, view: &str) {
        if let Names::Only(only) = datasets {
            let key = (stored.to_owned(), distinct(only));
            if !self.known.contains_key(&key) {
                self.known.insert(key, view.into());
            }
        }
    }

    /// The newest stored document whose view for these datasets has the version `view`.
    pub async fn find(
        &self,
        cache: &Cache,
        datasets: &Names,
        view: &str,
    ) -> anyhow::Result<Option<Document>> {
        let Names::Only(only) = datasets else {
            return Ok(None);
        };
        let datasets = distinct(only);
        let _one = self.searching.lock().await;
        let history = cache.history().await?;
        let newest = history.versions.iter().rev().take(SEARCHED);
        let newest: Vec<&str> = newest.map(|entry| entry.version.as_str()).collect();
        let known = |stored: &&&str| {
            let known = self.known.get(&((**stored).to_owned(), datasets.clone()));
            known.is_some_and(|known| *known == *view)
        };
        if let Some(stored) = newest.iter().find(known) {
            return cache.version(stored).await;
        }
        for stored in newest {
            let key = (stored.to_owned(), datasets.clone());
            if self.known.contains_key(&key) {
                continue;
            }
            let document = match cache.version(stored).await {
                Ok(Some(document)) => document,
                Ok(None) => continue,
                Err(cause) if is_lasting(&cause) => continue,
                Err(cause) => return Err(cause),
            };
            let restrict = {
                let datasets = datasets.clone();
                move || (within(&document, &datasets).version, document)
            };
            let (version, document) = tokio::task::spawn_blocking(restrict).await?;
            let is_it = version == view;
            self.known.insert(key, version.into());
            if is_it {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }
}
