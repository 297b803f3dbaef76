//! Changes entries in the head of the cache.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use futures::StreamExt as _;
use platform::auth::Names;
use platform::store::Store;
use platform::{Error, Result};
use schema::bounds::bytes;
use schema::document::{Document, Meaning};
use warehouse::Source;

use super::check::Checker;
use super::entry::{Entry, Key};
use super::index::Index;
use super::plan::check;
use super::version::tag;
use crate::conditions::Conditions;
use crate::examples::{Audience, Planning, Reviewer};
use crate::head::{
    self, ATTEMPTS, Writers, apart, contended, into_whole, next, publish_next, view,
};
use crate::run::Run;

/// The size limit of what people wrote, in JSON.
const MAX_BYTES: usize = 4 << 20;
/// How many entries are checked at once. The warehouse limits the rate of plans.
const CONCURRENT: usize = 8;

/// A change of one entry.
#[derive(Clone, Debug)]
pub enum Change {
    Put(Entry),
    Remove(Key),
}

impl Change {
    fn key(&self) -> Key {
        match self {
            Self::Put(entry) => entry.key(),
            Self::Remove(key) => key.clone(),
        }
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(Entry),
    Replaced(Entry),
    /// It said the same before.
    Unchanged(Entry),
    Removed,
}

/// Changes entries for a caller.
pub struct Editor<'a> {
    pub store: &'a dyn Store,
    pub writers: &'a Writers,
    /// The warehouse, which plans the SQL of metrics.
    pub source: &'a dyn Source,
    /// The datasets that the caller may see.
    pub scope: &'a Names,
}

impl Editor<'_> {
    /// Makes all changes that can be made, in one version. The outcomes are in the order of the changes.
    ///
    /// # Errors
    /// `Conflict` if nothing was synced yet, if the head is damaged, or if the entries exceed their limit.
    /// `Unavailable` if the warehouse can't plan a metric now, or if other writers keep coming first. Nothing is
    /// written then. What is wrong with a single change is its own outcome.
    pub async fn edit(
        &self,
        changes: &[Change],
        conditions: &Conditions,
    ) -> Result<Vec<Result<Outcome>>> {
        let run = Run::default();
        let _turn = match is_quick(changes) {
            true => Some(self.writers.turn().await),
            false => None,
        };
        for _ in 0..ATTEMPTS {
            let head = head::load(self.store).await?;
            let replace = head.replace();
            let document = into_whole(head)?;
            let (outcomes, meaning) = self.make(changes, conditions, &document, &run).await?;
            let is_changed =
                |outcome: &Result<Outcome>| !matches!(outcome, Err(_) | Ok(Outcome::Unchanged(_)));
            if !outcomes.iter().any(is_changed) {
                return Ok(outcomes);
            }
            let before = Arc::clone(&document);
            let next = Arc::new(apart(move || with(&before, meaning)).await??);
            // If a sync or another change came first, check against the new head.
            if publish_next(self.store, &document, &next, replace).await? {
                return Ok(outcomes);
            }
        }
        Err(contended())
    }

    /// Makes the changes of one head.
    async fn make(
        &self,
        changes: &[Change],
        conditions: &Conditions,
        document: &Arc<Document>,
        run: &Run,
    ) -> Result<(Vec<Result<Outcome>>, Meaning)> {
        // What is out of scope doesn't exist for this caller: no hint names it, and no dry run reads it.
        let view = view(document, self.scope).await?;
        let schema = schema_of(&view);
        let reviewer = Reviewer {
            schema: &schema,
            source: self.source,
            run,
            planning: Planning::default(),
            audience: Audience::of(document, self.scope),
        };
        let mut known = Index::of(document.meaning.clone());
        let seen = match self.scope {
            Names::All => known.clone(),
            Names::Only(_) => Index::of(view.meaning.clone()),
        };
        let draft = Draft {
            scope: self.scope,
            known: &known,
            seen: &seen,
            checker: Checker::new(&schema),
            reviewer: &reviewer,
            conditions,
        };
        let mut checks =
            futures::stream::iter((0..changes.len()).map(|at| draft.check(&changes[at])))
                .buffered(CONCURRENT);
        let mut checked = Vec::with_capacity(changes.len());
        while let Some(change) = checks.next().await {
            if let Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) = change {
                return Err(error);
            }
            checked.push(change);
        }
        drop(checks);
        refuse_repeated(changes, &mut checked);
        self.refuse_hidden(document, &mut checked).await?;
        let outcomes = checked.into_iter();
        let outcomes = outcomes.map(|change| change.map(|it| make(it, &mut known, self.scope)));
        Ok((outcomes.collect(), known.into_meaning()))
    }

    /// Refuses entries that their author would not see, and so could neither change nor remove.
    async fn refuse_hidden(
        &self,
        document: &Arc<Document>,
        checked: &mut [Result<Change>],
    ) -> Result<()> {
        if *self.scope == Names::All {
            return Ok(());
        }
        let mut written = Meaning::default();
        for change in checked.iter().flatten() {
            if let Change::Put(entry) = change {
                entry.clone().add_to(&mut written);
            }
        }
        let (document, scope) = (Arc::clone(document), self.scope.clone());
        let shown = apart(move || schema::meaning_within(&written, &document, &scope)).await?;
        let shown = Index::of(shown);
        for change in checked {
            if let Ok(Change::Put(entry)) = change
                && shown.get(&entry.key()).is_none()
            {
                *change = Err(Error::Unprocessable(
                    "a text names something out of your datasets, so that you would not see the entry: use other \
                     words"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}

/// Whether the warehouse plans all metrics of these changes at once. Others don't wait for changes that take longer,
/// which start over instead if another writer comes first.
fn is_quick(changes: &[Change]) -> bool {
    let is_planned = |it: &&Change| matches!(it, Change::Put(Entry::Metric(_)));
    changes.iter().filter(is_planned).count() <= CONCURRENT
}

/// Refuses a second change of the same entry: only one of them could hold.
fn refuse_repeated(changes: &[Change], checked: &mut [Result<Change>]) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    for (change, checked) in changes.iter().zip(checked) {
        let list = change.key().list();
        let number = counts.entry(list).or_default();
        *number += 1;
        let Ok(full) = checked else {
            continue;
        };
        match numbers.entry(full.key().folded()) {
            Slot::Vacant(slot) => {
                slot.insert(*number);
            }
            Slot::Occupied(first) => {
                *checked = Err(Error::Unprocessable(format!(
                    "entries {} and {number} of `{list}` are about the same: remove one of them",
                    first.get()
                )));
            }
        }
    }
}

/// The schema of what a caller sees.
pub fn schema_of(seen: &Document) -> ground::Schema<'_> {
    let source = &seen.source;
    ground::Schema::new(&seen.tables, source.dialect).with_extensions(source.extensions.as_deref())
}

/// The document with these entries, as a new version.
fn with(document: &Document, mut meaning: Meaning) -> Result<Document> {
    let mut content = Document::clone(document);
    document.meaning.restore(&mut content.tables);
    meaning.apply(&mut content.tables);
    let size = written_bytes(&meaning);
    if size > MAX_BYTES && size > written_bytes(&document.meaning) {
        return Err(Error::Conflict(format!(
            "descriptions, glossary and metrics exceed {} MB: remove or shorten some",
            MAX_BYTES >> 20
        )));
    }
    content.meaning = meaning;
    Ok(next(document, content))
}

/// The size of what people wrote, in JSON, without what a sync added.
fn written_bytes(meaning: &Meaning) -> usize {
    let entries = Entry::all_of(meaning.clone()).into_iter();
    let written = entries.map(|mut entry| {
        *entry.error_mut() = None;
        entry.set_unchecked(false);
        bytes(&entry.alone())
    });
    written.sum()
}

/// Changes of one head.
struct Draft<'r, 's> {
    scope: &'r Names,
    /// The entries of the head.
    known: &'r Index,
    /// What the caller sees of them.
    seen: &'r Index,
    checker: Checker<'s, 's>,
    reviewer: &'r Reviewer<'s>,
    conditions: &'r Conditions,
}

impl Draft<'_, '_> {
    /// Checks a change of the head, and completes its names.
    async fn check(&self, change: &Change) -> Result<Change> {
        // Texts are checked on this thread, which has other work.
        tokio::task::yield_now().await;
        match change {
            Change::Put(entry) => self.check_entry(entry).await.map(Change::Put),
            Change::Remove(key) => {
                let key = self.full(key.clone());
                let known = self.known(&key).ok().flatten();
                self.conditions.check(known.map(tag).as_deref())?;
                match known {
                    Some(_) => Ok(Change::Remove(key)),
                    None => Err(key.not_found()),
                }
            }
        }
    }

    async fn check_entry(&self, entry: &Entry) -> Result<Entry> {
        let mut entry = entry.clone().trimmed()?;
        self.checker
            .complete(&mut entry)
            .map_err(Error::Unprocessable)?;
        if let Entry::Term(term) = &entry
            && term.tables.is_empty()
            && *self.scope != Names::All
        {
            return Err(Error::Unprocessable(
                "tables is empty: name the tables of your datasets that the term is about"
                    .to_owned(),
            ));
        }
        let known = self.known(&entry.key())?;
        self.conditions.check(known.map(tag).as_deref())?;
        if known.is_some_and(|known| known.says_the_same(&entry)) {
            return Ok(entry);
        }
        check(&entry, true, &self.checker, self.reviewer).await?;
        Ok(entry)
    }

    /// The key with the full name of its table.
    fn full(&self, key: Key) -> Key {
        match key {
            Key::Description { table, column } => Key::Description {
                table: match self.checker.table(&table) {
                    Ok(found) => found.name.clone(),
                    Err(_) => table,
                },
                column,
            },
            key => key,
        }
    }

    /// The entry of a key, as the caller sees it.
    ///
    /// # Errors
    /// `Conflict` if there is one that the caller may not see.
    fn known(&self, key: &Key) -> Result<Option<&Entry>> {
        let seen = self.seen.get(key);
        if seen.is_none() && self.known.get(key).is_some() {
            return Err(Error::Conflict(format!(
                "{} can't be changed with your datasets: use another name",
                key.noun()
            )));
        }
        Ok(seen)
    }
}

/// Makes a change that is checked.
fn make(change: Change, known: &mut Index, scope: &Names) -> Outcome {
    let entry = match change {
        Change::Put(entry) => entry,
        Change::Remove(key) => {
            known.remove(&key);
            return Outcome::Removed;
        }
    };
    let before = known.get(&entry.key()).cloned();
    match before {
        Some(before) if before.says_the_same(&entry) => {
            Outcome::Unchanged(match scope {
                Names::All => before,
                // What it replaces may mention what the caller may not see.
                Names::Only(_) => before.alone(),
            })
        }
        Some(_) => {
            known.put(entry.clone());
            Outcome::Replaced(entry)
        }
        None => {
            known.put(entry.clone());
            Outcome::Created(entry)
        }
    }
}
