//! Changes entries in the head of the cache.

use std::sync::Arc;

use platform::auth::Names;
use platform::store::{Store, StoreError};
use platform::{Error, Result};
use schema::bounds::bytes;
use schema::document::{Document, Example, Meaning, Metric, Origin};
use schema::versions;
use warehouse::Source;

use super::check::{Checker, query};
use super::entry::{Entry, Key};
use super::version::tag;
use crate::conditions::Conditions;
use crate::examples::{Reviewer, Verdict};
use crate::head::whole;
use crate::run::Run;

/// The size limit of all entries, in JSON.
const MAX_BYTES: usize = 4 << 20;

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
    /// `Conflict` if nothing was synced yet, if the head is damaged, or if there are too many entries. What
    /// is wrong with a single change is its own outcome.
    pub async fn edit(
        &self,
        changes: &[Change],
        conditions: &Conditions,
    ) -> Result<Vec<Result<Outcome>>> {
        let run = Run::default();
        loop {
            let head = versions::load_head(self.store).await?;
            let document = whole(&head)?;
            let tables = document.tables.iter();
            let visible = tables.filter(|table| table.parts.is_within(self.scope));
            let source = &document.source;
            let schema = ground::Schema::of(visible.collect(), source.dialect)
                .with_extensions(source.extensions.as_deref());
            let draft = Draft {
                editor: self,
                schema: &schema,
                checker: Checker::new(&schema),
                run: &run,
                seen: seen(document, self.scope),
                conditions,
            };
            let mut meaning = document.meaning.clone();
            let mut outcomes = Vec::with_capacity(changes.len());
            for change in changes {
                outcomes.push(draft.make(change, &mut meaning).await);
            }
            let is_changed =
                |outcome: &Result<Outcome>| !matches!(outcome, Err(_) | Ok(Outcome::Unchanged(_)));
            if !outcomes.iter().any(is_changed) {
                return Ok(outcomes);
            }
            let next = with(document, meaning)?;
            match versions::publish(self.store, &next, head.replace()).await {
                Ok(()) => {}
                // A sync or another change came first: check against the new head.
                Err(StoreError::Precondition(_)) => continue,
                Err(error) => return Err(error.into()),
            }
            versions::record(self.store, Some(document), &next).await?;
            return Ok(outcomes);
        }
    }
}

/// What a caller of this scope sees of the entries.
pub fn seen(document: &Document, scope: &Names) -> Arc<Meaning> {
    Arc::new(match scope {
        Names::All => document.meaning.clone(),
        Names::Only(_) => schema::within(document, scope).meaning,
    })
}

/// The document with these entries, as a new version.
fn with(document: &Document, mut meaning: Meaning) -> Result<Document> {
    let mut next = Document::clone(document);
    document.meaning.restore(&mut next.tables);
    meaning.sort();
    meaning.apply(&mut next.tables);
    if bytes(&meaning) > MAX_BYTES {
        return Err(Error::Conflict(format!(
            "descriptions, glossary and metrics exceed {} MB: remove or shorten some",
            MAX_BYTES >> 20
        )));
    }
    next.meaning = meaning;
    next.generated_at = jiff::Timestamp::now();
    next.version = versions::content_hash(&next);
    next.date_datasets(Some(document));
    Ok(next)
}

/// Changes of one head.
struct Draft<'a> {
    editor: &'a Editor<'a>,
    schema: &'a ground::Schema<'a>,
    checker: Checker<'a, 'a>,
    run: &'a Run,
    seen: Arc<Meaning>,
    conditions: &'a Conditions,
}

impl Draft<'_> {
    async fn make(&self, change: &Change, meaning: &mut Meaning) -> Result<Outcome> {
        match change {
            Change::Put(entry) => self.put(entry, meaning).await,
            Change::Remove(key) => {
                let key = self.full(key.clone());
                let known = self.known(&key, meaning).ok().flatten();
                self.conditions.check(known.as_ref().map(tag).as_deref())?;
                if known.is_none() {
                    return Err(key.not_found());
                }
                key.remove(meaning);
                Ok(Outcome::Removed)
            }
        }
    }

    async fn put(&self, entry: &Entry, meaning: &mut Meaning) -> Result<Outcome> {
        let mut entry = entry.clone().trimmed()?;
        self.checker
            .complete(&mut entry)
            .map_err(Error::Unprocessable)?;
        if let Entry::Term(term) = &entry
            && term.tables.is_empty()
            && *self.editor.scope != Names::All
        {
            return Err(Error::Unprocessable(
                "tables is empty: name the tables of your datasets that the term is about"
                    .to_owned(),
            ));
        }
        let known = self.known(&entry.key(), meaning)?;
        self.conditions.check(known.as_ref().map(tag).as_deref())?;
        if let Some(known) = &known
            && known.says_the_same(&entry)
        {
            return Ok(Outcome::Unchanged(known.clone()));
        }
        self.checker
            .check(&entry)
            .await
            .map_err(Error::Unprocessable)?;
        if let Entry::Metric(metric) = &entry {
            self.plan(metric).await?;
        }
        entry.clone().put(meaning);
        Ok(match known {
            Some(_) => Outcome::Replaced(entry),
            None => Outcome::Created(entry),
        })
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

    /// The entry of a key.
    ///
    /// # Errors
    /// `Conflict` if there is one that the caller may not see.
    fn known(&self, key: &Key, meaning: &Meaning) -> Result<Option<Entry>> {
        let known = key.get(meaning);
        let is_hidden =
            *self.editor.scope != Names::All && known.is_some() && key.get(&self.seen).is_none();
        if is_hidden {
            return Err(Error::Conflict(format!(
                "{} can't be changed with your datasets: use another name",
                key.noun()
            )));
        }
        Ok(known)
    }

    /// Has the warehouse plan a metric, unless it refuses queries of the table without a filter.
    async fn plan(&self, metric: &Metric) -> Result<()> {
        let table = self.checker.table(&metric.table);
        let Some(table) = table.ok().filter(|it| !it.require_partition_filter) else {
            return Ok(());
        };
        let reviewer = Reviewer::new(self.schema, self.editor.source, self.run);
        let example = Example {
            id: None,
            question: metric.name.clone(),
            sql: query(metric, table, self.schema),
            tables: Vec::new(),
            origin: Origin::Person,
            verified: None,
            error: None,
        };
        match reviewer.review(example).await {
            Verdict::Holds(_) => Ok(()),
            Verdict::Fails(example) => Err(Error::Unprocessable(
                self.told(example.error.unwrap_or_default()),
            )),
            Verdict::Unplanned(_, problem) | Verdict::Unchecked(_, problem) => {
                Err(Error::Unavailable {
                    detail: self.told(problem.detail),
                    cause: None,
                })
            }
        }
    }

    /// A message of the warehouse. It may name what a caller with a limited scope may not see.
    fn told(&self, message: String) -> String {
        match self.editor.scope {
            Names::All => message,
            Names::Only(_) => {
                "the warehouse doesn't plan the SQL of the metric; a caller who may see \
                               every dataset gets its message"
                    .to_owned()
            }
        }
    }
}
