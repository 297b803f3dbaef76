//! The stored versions behind the versions of views.
//!
//! The version of a restricted document is the hash of what its caller sees, so no object in the store has its
//! name. It is found by restricting the stored versions, newest first, and remembered, because neither changes. What
//! changed from one view to the next is remembered as well, so that a list that took too long is complete later.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache as Memory;
use platform::auth::{NameList, Names};
use schema::diff;
use schema::document::Document;
use schema::versions::Entry;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, Semaphore};

use crate::cache::{Cache, is_lasting};

/// How many of the newest versions are searched. Beyond them, a caller gets the whole document.
const SEARCHED: usize = 100;
/// How many pairs of a stored version and a scope are remembered.
const REMEMBERED: u64 = 20_000;
/// How long a missing or damaged version is not read again. Access may be denied for a while.
const UNUSABLE: Duration = Duration::from_secs(600);
/// How long a list of versions is used.
const LISTED: Duration = Duration::from_secs(60);
/// How many documents are in memory for searches. Scopes take turns.
const LOADING: usize = 2;

#[derive(Clone)]
pub struct ViewVersions {
    /// The version of a view by the stored version and the scope.
    known: Memory<Key, Arc<str>>,
    /// The entries of lists by the stored versions of a view and of the one before, and the scope.
    entries: Memory<Key, Arc<Entry>>,
    /// Stored versions that can't be used by anyone.
    unusable: Memory<String, ()>,
    /// The newest versions first, by the current one.
    histories: Memory<String, Arc<[Entry]>>,
    /// One restriction at a time per scope, so that a second search waits for what the first one learns, and
    /// no scope waits for the searches of another one.
    turns: Memory<[u8; 32], Arc<Mutex<()>>>,
    loading: Arc<Semaphore>,
}

/// The digest of one or two stored versions and a scope.
type Key = [u8; 32];

/// One version in the history of a view.
struct Step<'h> {
    stored: &'h str,
    /// The version of the view.
    view: Arc<str>,
    /// The view itself, once it is read.
    seen: Option<Arc<Document>>,
}

impl Default for ViewVersions {
    fn default() -> Self {
        Self {
            known: Memory::new(REMEMBERED),
            entries: Memory::new(REMEMBERED),
            unusable: Memory::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(UNUSABLE)
                .build(),
            histories: Memory::builder()
                .max_capacity(4)
                .time_to_live(LISTED)
                .build(),
            turns: Memory::new(REMEMBERED),
            loading: Arc::new(Semaphore::new(LOADING)),
        }
    }
}

impl ViewVersions {
    /// Remembers the version of a view of a stored version.
    pub fn remember(&self, stored: &str, datasets: &Names, view: &str) {
        if let Names::Only(only) = datasets {
            let key = key(stored, only);
            if !self.known.contains_key(&key) {
                self.known.insert(key, view.into());
            }
        }
    }

    /// The newest stored document whose view for these datasets has the version `view`, restricted to them.
    /// `current` is the current stored version.
    pub async fn find(
        &self,
        cache: &Cache,
        datasets: &NameList,
        current: &str,
        view: &str,
    ) -> anyhow::Result<Option<Document>> {
        let history = self.history(cache, current).await?;
        let usable = || {
            let stored = history.iter().map(|entry| &entry.version);
            stored.filter(|stored| !self.unusable.contains_key(*stored))
        };
        let known = |stored: &&String| self.known.get(&key(stored, datasets));
        let is_it = |stored: &&String| known(stored).is_some_and(|known| *known == *view);
        let is_new = |stored: &&String| known(stored).is_none();
        for stored in usable().filter(is_it).chain(usable().filter(is_new)) {
            let turn = self.turns.get_with(datasets.digest(), Arc::default);
            let _turn = turn.lock().await;
            let is_usable = !self.unusable.contains_key(stored);
            if is_usable
                && (is_it(&stored) || is_new(&stored))
                && let Some(seen) = self.view_of(cache, datasets, stored).await?
                && seen.version == view
            {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    /// The newest versions of the views for these datasets first, and whether there are older ones. Neighbours that
    /// differ only in what the caller may not see are one version.
    pub async fn list(
        &self,
        cache: &Cache,
        datasets: &NameList,
        current: &str,
        limit: usize,
    ) -> anyhow::Result<(Vec<Entry>, bool)> {
        let history = self.history(cache, current).await?;
        let mut found = Vec::new();
        let mut newest: Option<Step<'_>> = None;
        for entry in history.iter() {
            let Some(mut older) = self.step(cache, datasets, &entry.version).await? else {
                continue;
            };
            if let Some(newer) = &mut newest {
                if newer.view == older.view {
                    continue;
                }
                match self.entry(cache, datasets, newer, Some(&mut older)).await? {
                    Some(entry) => found.push(entry),
                    // What can't be read any more is no version.
                    None if newer.seen.is_some() => continue,
                    None => {}
                }
            }
            newest = Some(older);
            if found.len() == limit {
                return Ok((found, true));
            }
        }
        // The oldest one that is searched may be the first one of all.
        if let Some(first) = &mut newest
            && history.len() < SEARCHED
        {
            found.extend(self.entry(cache, datasets, first, None).await?);
            return Ok((found, false));
        }
        let more = history.len() == SEARCHED;
        Ok((found, more))
    }

    /// The view of a stored version; none if it can't be used.
    async fn step<'h>(
        &self,
        cache: &Cache,
        datasets: &NameList,
        stored: &'h str,
    ) -> anyhow::Result<Option<Step<'h>>> {
        if self.unusable.contains_key(stored) {
            return Ok(None);
        }
        if let Some(view) = self.known.get(&key(stored, datasets)) {
            let seen = None;
            return Ok(Some(Step { stored, view, seen }));
        }
        let seen = self.view_of(cache, datasets, stored).await?;
        Ok(seen.map(|seen| Step {
            stored,
            view: seen.version.as_str().into(),
            seen: Some(Arc::new(seen)),
        }))
    }

    /// The entry of a view, with its changes from the one before, or from nothing. None if one of them can't be used;
    /// if it is the older one, the newer one is read.
    async fn entry(
        &self,
        cache: &Cache,
        datasets: &NameList,
        newer: &mut Step<'_>,
        older: Option<&mut Step<'_>>,
    ) -> anyhow::Result<Option<Entry>> {
        let before = older.as_ref().map_or("", |older| older.stored);
        let key = key(&format!("{} {before}", newer.stored), datasets);
        if let Some(entry) = self.entries.get(&key) {
            return Ok(Some(Entry::clone(&entry)));
        }
        let Some(now) = self.read(cache, datasets, newer).await? else {
            return Ok(None);
        };
        let before = match older {
            Some(older) => match self.read(cache, datasets, older).await? {
                Some(before) => Some(before),
                None => return Ok(None),
            },
            None => None,
        };
        let compare = move || {
            let changes = match before {
                Some(before) => diff::diff(&before, &now),
                None => diff::tables(&[], &now.tables),
            };
            Entry::of(&now, &changes)
        };
        let entry = Arc::new(tokio::task::spawn_blocking(compare).await?);
        self.entries.insert(key, Arc::clone(&entry));
        Ok(Some(Entry::clone(&entry)))
    }

    /// The view of a step, which keeps it.
    async fn read(
        &self,
        cache: &Cache,
        datasets: &NameList,
        step: &mut Step<'_>,
    ) -> anyhow::Result<Option<Arc<Document>>> {
        if step.seen.is_none() {
            let seen = self.view_of(cache, datasets, step.stored).await?;
            step.seen = seen.map(Arc::new);
        }
        Ok(step.seen.clone())
    }

    /// The version before the current one of what a caller of these datasets sees; none if it is the first one that
    /// is known. `view` is the current version of the view.
    pub async fn previous(
        &self,
        cache: &Cache,
        datasets: &Names,
        current: &str,
        view: &str,
    ) -> anyhow::Result<Option<String>> {
        let history = self.history(cache, current).await?;
        let Names::Only(datasets) = datasets else {
            let place = history.iter().position(|entry| entry.version == current);
            let previous = history.get(place.map_or(0, |place| place + 1));
            return Ok(previous.map(|entry| entry.version.clone()));
        };
        for entry in history.iter() {
            let known = match self.known.get(&key(&entry.version, datasets)) {
                Some(known) => Some(known.to_string()),
                None => {
                    let seen = self.view_of(cache, datasets, &entry.version).await?;
                    seen.map(|seen| seen.version)
                }
            };
            if let Some(known) = known
                && known != view
            {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// The newest entries of the history first.
    pub async fn history(&self, cache: &Cache, current: &str) -> anyhow::Result<Arc<[Entry]>> {
        if let Some(history) = self.histories.get(current) {
            return Ok(history);
        }
        let history = cache.history().await?;
        let newest = history.versions.into_iter().rev().take(SEARCHED);
        let newest: Arc<[Entry]> = newest.collect();
        // An entry is added after its version is current.
        if newest.first().is_some_and(|it| it.version == current) {
            self.histories
                .insert(current.to_owned(), Arc::clone(&newest));
        }
        Ok(newest)
    }

    /// The view of a stored version. None if it is missing or damaged, which is remembered.
    async fn view_of(
        &self,
        cache: &Cache,
        datasets: &NameList,
        stored: &str,
    ) -> anyhow::Result<Option<Document>> {
        let _one = self.loading.acquire().await?;
        let document = match cache.version(stored).await {
            Ok(Some(document)) => document,
            Err(cause) if !is_lasting(&cause) => return Err(cause),
            Ok(None) | Err(_) => {
                self.unusable.insert(stored.to_owned(), ());
                return Ok(None);
            }
        };
        let seen = restricted(document, datasets).await?;
        self.known
            .insert(key(stored, datasets), seen.version.as_str().into());
        Ok(Some(seen))
    }
}

/// The document restricted to these datasets.
pub async fn restricted(document: Document, datasets: &NameList) -> anyhow::Result<Document> {
    let datasets = Names::Only(datasets.clone());
    let restrict = move || schema::within(&document, &datasets);
    Ok(tokio::task::spawn_blocking(restrict).await?)
}

fn key(stored: &str, datasets: &NameList) -> Key {
    let key = Sha256::new().chain_update(datasets.digest());
    key.chain_update(stored).finalize().into()
}
