//! Changes entries in the head of the cache.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use futures::StreamExt as _;
use platform::auth::Names;
use platform::extract::Conditions;
use platform::store::Store;
use platform::{Error, Result};
use schema::bounds::bytes;
use schema::document::{Document, Meaning};
use warehouse::Source;

use super::check::{Checker, Misfit};
use super::entry::{Entry, Key};
use super::index::Index;
use super::plan::{Due, check};
use super::verdicts::Verdicts;
use super::version::tag;
use crate::examples::{Audience, Planning, Reviewer};
use crate::grounding::schema_seen;
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
        let mut verdicts = Verdicts::default();
        for _ in 0..ATTEMPTS {
            let turn = self.writers.turn().await;
            let head = head::load(self.store).await?;
            let replace = head.replace();
            let document = into_whole(head)?;
            // What is out of scope doesn't exist for this caller: no hint names it, and no dry run reads it.
            let view = view(&document, self.scope).await?;
            let made = self.make(changes, conditions, &document, &view, &mut verdicts);
            let (outcomes, meaning) = match made.await? {
                Made::All(outcomes, meaning) => (outcomes, meaning),
                Made::Due(due) => {
                    drop(turn);
                    self.plan(due, &document, &view, &mut verdicts).await?;
                    continue;
                }
            };
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

    /// Makes the changes of one head, of which the caller sees the view. The warehouse is not asked.
    async fn make(
        &self,
        changes: &[Change],
        conditions: &Conditions,
        document: &Arc<Document>,
        view: &Document,
        verdicts: &mut Verdicts,
    ) -> Result<Made> {
        let schema = schema_seen(view);
        let checker = Checker::new(&schema);
        verdicts.retain(&checker, &view.source);
        let mut known = Index::of(document.meaning.clone());
        let seen = match self.scope {
            Names::All => None,
            Names::Only(_) => Some(Index::of(view.meaning.clone())),
        };
        let draft = Draft {
            scope: self.scope,
            known: &known,
            seen: seen.as_ref().unwrap_or(&known),
            checker,
            verdicts,
            conditions,
        };
        let mut checks =
            futures::stream::iter((0..changes.len()).map(|at| draft.check(&changes[at])))
                .buffered(CONCURRENT);
        let mut checked = Vec::with_capacity(changes.len());
        let mut due = Vec::new();
        while let Some(change) = checks.next().await {
            match change {
                Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => return Err(error),
                Err(error) => checked.push(Err(error)),
                Ok(Checked::Fits(change)) => checked.push(Ok(change)),
                Ok(Checked::Due(metric)) => due.push(metric),
            }
        }
        drop(checks);
        if !due.is_empty() {
            return Ok(Made::Due(due));
        }
        refuse_repeated(changes, &mut checked);
        self.refuse_hidden(document, &mut checked).await?;
        let outcomes = checked.into_iter();
        let outcomes = outcomes.map(|change| change.map(|it| make(it, &mut known, self.scope)));
        Ok(Made::All(outcomes.collect(), known.into_meaning()))
    }

    /// Has the warehouse plan metrics. It may take minutes, for which no other writer waits.
    async fn plan(
        &self,
        due: Vec<Due>,
        document: &Arc<Document>,
        view: &Document,
        verdicts: &mut Verdicts,
    ) -> Result<()> {
        let schema = schema_seen(view);
        let checker = Checker::new(&schema);
        let reviewer = Reviewer {
            schema: &schema,
            source: self.source,
            run: &Run::default(),
            planning: Planning::default(),
            audience: Audience::of(document, self.scope).await?,
        };
        let (checker, reviewer) = (&checker, &reviewer);
        let plans = due.into_iter().map(|due| async move {
            let table = checker.table(&due.metric.table);
            let table = table.map_err(Error::Unprocessable)?;
            let verdict = due.plan(table, reviewer).await;
            Ok::<_, Error>((due, table, verdict))
        });
        let mut plans = futures::stream::iter(plans).buffered(CONCURRENT);
        while let Some(planned) = plans.next().await {
            let (due, table, verdict) = planned?;
            if let Err(misfit @ Misfit::Unchecked(_)) = verdict {
                return Err(misfit.into());
            }
            verdicts.insert(due, table, verdict);
        }
        Ok(())
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

/// The changes of one head.
enum Made {
    /// Their outcomes, and the entries after them.
    All(Vec<Result<Outcome>>, Meaning),
    /// The warehouse must plan these metrics first.
    Due(Vec<Due>),
}

/// A change that could be made.
enum Checked {
    Fits(Change),
    Due(Due),
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
    verdicts: &'r Verdicts,
    conditions: &'r Conditions,
}

impl Draft<'_, '_> {
    /// Checks a change of the head, and completes its names.
    async fn check(&self, change: &Change) -> Result<Checked> {
        // Texts are checked on this thread, which has other work.
        tokio::task::yield_now().await;
        match change {
            Change::Put(entry) => self.check_entry(entry).await,
            Change::Remove(key) => {
                let key = self.full(key.clone());
                let known = self.known(&key).ok().flatten();
                self.conditions.check(known.map(tag).as_deref())?;
                match known {
                    Some(_) => Ok(Checked::Fits(Change::Remove(key))),
                    None => Err(key.not_found()),
                }
            }
        }
    }

    async fn check_entry(&self, entry: &Entry) -> Result<Checked> {
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
            return Ok(Checked::Fits(Change::Put(entry)));
        }
        if let Some(due) = check(&entry, &self.checker).await? {
            match self.verdicts.get(&due) {
                Some(verdict) => verdict?,
                None => return Ok(Checked::Due(due)),
            }
        }
        Ok(Checked::Fits(Change::Put(entry)))
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
