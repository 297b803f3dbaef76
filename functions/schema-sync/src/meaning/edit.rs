//! Changes entries in the head of the cache.

use std::borrow::Cow;

use futures::StreamExt as _;
use platform::auth::Names;
use platform::store::Store;
use platform::{Error, Result};
use schema::bounds::bytes;
use schema::document::{Document, Meaning};
use schema::versions;
use warehouse::Source;

use super::check::Checker;
use super::entry::{Entry, Key};
use super::plan::plan;
use super::version::tag;
use crate::conditions::Conditions;
use crate::examples::{Audience, Planning, Reviewer};
use crate::head::{publish, whole};
use crate::run::Run;

/// The size limit of what people wrote, in JSON.
const MAX_BYTES: usize = 4 << 20;
/// How many entries are checked at once. The warehouse limits the rate of plans.
const CONCURRENT: usize = 8;
/// How often a change is attempted: another writer may move the head between reading and writing.
const ATTEMPTS: usize = 10;

/// A change of one entry.
#[derive(Clone, Debug)]
pub enum Change {
    Put(Entry),
    Remove(Key),
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
        for _ in 0..ATTEMPTS {
            let head = versions::load_head(self.store).await?;
            let document = whole(&head)?;
            let (outcomes, meaning) = self.make(changes, conditions, document, &run).await?;
            let is_changed =
                |outcome: &Result<Outcome>| !matches!(outcome, Err(_) | Ok(Outcome::Unchanged(_)));
            if !outcomes.iter().any(is_changed) {
                return Ok(outcomes);
            }
            let next = with(document, meaning)?;
            // If a sync or another change came first, check against the new head.
            if publish(self.store, &next, head.replace()).await? {
                versions::record(self.store, Some(document), &next).await?;
                return Ok(outcomes);
            }
        }
        Err(Error::Unavailable {
            detail: "other writers keep changing the schema cache; send the request again"
                .to_owned(),
            cause: None,
        })
    }

    /// Makes the changes of one head.
    async fn make(
        &self,
        changes: &[Change],
        conditions: &Conditions,
        document: &Document,
        run: &Run,
    ) -> Result<(Vec<Result<Outcome>>, Meaning)> {
        // What is out of scope doesn't exist for this caller: no hint names it, and no dry run reads it.
        let seen = seen(document, self.scope);
        let schema = schema_of(&seen);
        let reviewer = Reviewer {
            schema: &schema,
            source: self.source,
            run,
            planning: Planning::default(),
            audience: Audience::of(document, self.scope),
        };
        let draft = Draft {
            scope: self.scope,
            document,
            seen: &seen.meaning,
            checker: Checker::new(&schema),
            reviewer: &reviewer,
            conditions,
        };
        let mut checked =
            futures::stream::iter((0..changes.len()).map(|at| draft.check(&changes[at])))
                .buffered(CONCURRENT);
        let mut meaning = document.meaning.clone();
        let mut outcomes = Vec::with_capacity(changes.len());
        while let Some(change) = checked.next().await {
            let outcome = match change {
                Ok(change) => draft.make(change, &mut meaning),
                Err(error @ (Error::Unavailable { .. } | Error::Internal(_))) => return Err(error),
                Err(error) => Err(error),
            };
            outcomes.push(outcome);
        }
        Ok((outcomes, meaning))
    }
}

/// What a caller of this scope sees of a document.
pub fn seen<'d>(document: &'d Document, scope: &Names) -> Cow<'d, Document> {
    match scope {
        Names::All => Cow::Borrowed(document),
        Names::Only(_) => Cow::Owned(schema::within(document, scope)),
    }
}

/// The schema of what a caller sees.
pub fn schema_of(seen: &Document) -> ground::Schema<'_> {
    let source = &seen.source;
    ground::Schema::new(&seen.tables, source.dialect).with_extensions(source.extensions.as_deref())
}

/// The document with these entries, as a new version.
fn with(document: &Document, mut meaning: Meaning) -> Result<Document> {
    let mut next = Document::clone(document);
    document.meaning.restore(&mut next.tables);
    meaning.sort();
    meaning.apply(&mut next.tables);
    let size = written_bytes(&meaning);
    if size > MAX_BYTES && size > written_bytes(&document.meaning) {
        return Err(Error::Conflict(format!(
            "descriptions, glossary and metrics exceed {} MB: remove or shorten some",
            MAX_BYTES >> 20
        )));
    }
    next.meaning = meaning;
    next.generated_at = jiff::Timestamp::now();
    versions::seal(&mut next);
    next.date_datasets(Some(document));
    Ok(next)
}

/// The size of what people wrote, in JSON, without what a sync added.
fn written_bytes(meaning: &Meaning) -> usize {
    let entries = Entry::all_of(meaning.clone()).into_iter();
    let written = entries.map(|mut entry| {
        *entry.error_mut() = None;
        bytes(&entry.alone())
    });
    written.sum()
}

/// Changes of one head.
struct Draft<'r, 's> {
    scope: &'r Names,
    document: &'r Document,
    /// What the caller sees of the entries.
    seen: &'r Meaning,
    checker: Checker<'s, 's>,
    reviewer: &'r Reviewer<'s>,
    conditions: &'r Conditions,
}

impl Draft<'_, '_> {
    /// Checks a change of the head, and completes its names.
    async fn check(&self, change: &Change) -> Result<Change> {
        match change {
            Change::Put(entry) => self.check_entry(entry).await.map(Change::Put),
            Change::Remove(key) => {
                let key = self.full(key.clone());
                let known = self.known(&key).ok().flatten();
                self.conditions.check(known.as_ref().map(tag).as_deref())?;
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
        self.conditions.check(known.as_ref().map(tag).as_deref())?;
        if known.is_some_and(|known| known.says_the_same(&entry)) {
            return Ok(entry);
        }
        self.checker.check(&entry).await?;
        if let Entry::Metric(metric) = &entry {
            plan(metric, &self.checker, self.reviewer).await?;
        }
        Ok(entry)
    }

    /// Makes a change that is checked.
    fn make(&self, change: Change, meaning: &mut Meaning) -> Result<Outcome> {
        let entry = match change {
            Change::Put(entry) => entry,
            Change::Remove(key) => {
                key.remove(meaning);
                return Ok(Outcome::Removed);
            }
        };
        let known = entry.key().get(meaning);
        if let Some(known) = known.as_ref().filter(|it| it.says_the_same(&entry)) {
            return Ok(Outcome::Unchanged(self.shown(known)));
        }
        entry.clone().put(meaning);
        Ok(match known {
            Some(_) => Outcome::Replaced(entry),
            None => Outcome::Created(entry),
        })
    }

    /// An entry that the caller may see, as their view of the document shows it.
    fn shown(&self, entry: &Entry) -> Entry {
        match self.scope {
            Names::All => entry.clone(),
            Names::Only(_) => entry.clone().alone(),
        }
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
    fn known(&self, key: &Key) -> Result<Option<Entry>> {
        let known = key.get(self.seen);
        if known.is_none() && key.get(&self.document.meaning).is_some() {
            return Err(Error::Conflict(format!(
                "{} can't be changed with your datasets: use another name",
                key.noun()
            )));
        }
        Ok(known)
    }
}
