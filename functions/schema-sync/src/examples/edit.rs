//! Adds, changes and removes examples in the head of the cache.

use std::sync::Arc;

use jiff::Timestamp;
use platform::auth::Names;
use platform::extract::Conditions;
use platform::store::Store;
use platform::{Error, Result};
use schema::bounds::bytes;
use schema::document::{Document, Example, Origin};
use serde::Deserialize;
use utoipa::ToSchema;
use warehouse::Source;

use super::list::{self, is_same};
use super::review::{Audience, Planning, Reviewer, Verdict};
use crate::etag::tag_of;
use crate::grounding::schema_seen;
use crate::head::{
    self, ATTEMPTS, Writers, apart, contended, into_whole, next, publish_next, view,
};
use crate::run::Run;
use crate::state;

/// The size limit of all examples that people wrote, in JSON. Their number is unlimited.
const MAX_BYTES: usize = 16 << 20;

#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewExample {
    /// A question that a person would ask; at most 2,000 characters.
    #[schema(min_length = 1, max_length = 2_000)]
    pub question: String,
    /// A single SELECT in the warehouse's dialect that answers it; at most 100,000 bytes.
    pub sql: String,
}

/// What became of an example, with its id.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Created(Example),
    Replaced(Example),
    /// It said the same before.
    Unchanged(Example),
}

/// Changes examples for a caller.
pub struct Editor<'a> {
    pub store: &'a dyn Store,
    pub writers: &'a Writers,
    pub source: &'a dyn Source,
    /// How many examples a document has before those of people replace generated ones.
    pub count: usize,
    /// The datasets that the caller may see.
    pub scope: &'a Names,
}

impl Outcome {
    pub fn example(&self) -> &Example {
        match self {
            Self::Created(example) | Self::Replaced(example) | Self::Unchanged(example) => example,
        }
    }
}

impl NewExample {
    /// # Errors
    /// `Invalid` if a text is empty, too long or has a NUL.
    pub fn check(&self) -> Result<()> {
        let question = self.question.chars().count();
        if self.question.trim().is_empty() || question > 2_000 || self.question.contains('\0') {
            return Err(Error::Invalid(format!(
                "question must have 1 to 2,000 characters and no NUL; it has {question}"
            )));
        }
        if self.sql.trim().is_empty() || self.sql.len() > 100_000 || self.sql.contains('\0') {
            let bytes = self.sql.len();
            return Err(Error::Invalid(format!(
                "sql must have 1 to 100,000 bytes and no NUL; it has {bytes}"
            )));
        }
        Ok(())
    }

    fn is(&self, example: &Example) -> bool {
        self.question == example.question && self.sql == example.sql
    }

    /// The example before its verification.
    fn example(&self) -> Example {
        Example {
            id: None,
            question: self.question.clone(),
            sql: self.sql.clone(),
            tables: Vec::new(),
            origin: Origin::Person,
            verified: None,
            error: None,
        }
    }
}

impl Editor<'_> {
    /// The examples that the caller may see, good ones first, each with its id.
    pub async fn list(&self) -> Result<Vec<Example>> {
        let head = head::load(self.store).await?;
        let seen = view(&into_whole(head)?, self.scope).await?;
        let all = seen.examples.iter().chain(&seen.quarantined);
        Ok(all.cloned().map(identified).collect())
    }

    /// # Errors
    /// `NotFound` if the caller sees no such example.
    pub async fn get(&self, id: &str) -> Result<Example> {
        let mut all = self.list().await?.into_iter();
        all.find(|it| it.id.as_deref() == Some(id))
            .ok_or_else(|| not_found(id))
    }

    /// The example that an earlier request added, as it is now. If it is gone, or the caller may not see it now: as
    /// it was sent.
    pub async fn added(&self, id: Option<&str>, new: &NewExample) -> Result<Example> {
        let is_it = |it: &Example| match id {
            Some(id) => it.id.as_deref() == Some(id),
            None => new.is(it),
        };
        let found = self.list().await?.into_iter().find(is_it);
        Ok(found.unwrap_or_else(|| {
            identified(Example {
                id: id.map(str::to_owned),
                ..new.example()
            })
        }))
    }

    /// Adds an example, unless the caller sees the same one.
    pub async fn add(&self, new: &NewExample) -> Result<Outcome> {
        let mut reviewed = None;
        for _ in 0..ATTEMPTS {
            let turn = self.writers.turn().await;
            let head = head::load(self.store).await?;
            let replace = head.replace();
            let document = &into_whole(head)?;
            // What is out of scope doesn't exist for this caller: no hint names it, and no dry run reads it.
            let seen = view(document, self.scope).await?;
            if let Some(example) = seen.examples.iter().find(|it| new.is(it)) {
                return Ok(Outcome::Unchanged(identified(example.clone())));
            }
            let Some(mut example) = in_document(reviewed.as_ref(), &seen) else {
                drop(turn);
                reviewed = Some(self.review(document, seen, new).await?);
                continue;
            };
            example.id = free_id(&example, document);
            let shown = self.shown(&example, document).await?;
            let mut next = Document::clone(document);
            next.quarantined.retain(|it| !new.is(it));
            // Now rather than in the next sync, which would otherwise publish another version.
            let next = with(next, example, self.count).await?;
            let next = after(document, next).await?;
            if publish_next(self.store, document, &next, replace).await? {
                return Ok(Outcome::Created(shown));
            }
        }
        Err(contended())
    }

    /// Replaces the content of an example, which keeps its id and becomes that of a person.
    pub async fn replace(
        &self,
        id: &str,
        new: &NewExample,
        conditions: &Conditions,
    ) -> Result<Outcome> {
        let mut reviewed = None;
        for _ in 0..ATTEMPTS {
            let turn = self.writers.turn().await;
            let head = head::load(self.store).await?;
            let replace = head.replace();
            let document = &into_whole(head)?;
            let seen = view(document, self.scope).await?;
            let known = find(&seen, id)?;
            conditions.check(Some(&tag(known)))?;
            if new.is(known) && known.error.is_none() {
                return Ok(Outcome::Unchanged(identified(known.clone())));
            }
            let mut others = seen.examples.iter().chain(&seen.quarantined);
            if let Some(other) = others.find(|it| new.is(it) && it.id() != id) {
                return Err(Error::Conflict(format!(
                    "the example {} has this question and SQL already: remove one of them",
                    other.id()
                )));
            }
            let Some(mut example) = in_document(reviewed.as_ref(), &seen) else {
                drop(turn);
                reviewed = Some(self.review(document, seen, new).await?);
                continue;
            };
            example.id = Some(id.to_owned()).filter(|id| *id != example.content_id());
            let shown = self.shown(&example, document).await?;
            let mut next = Document::clone(document);
            let is_known = |it: &Example| it.id() == id && it.content_id() == known.content_id();
            let place = next.examples.iter().position(is_known);
            match place {
                Some(place) if next.examples[place].origin == Origin::Person => {
                    next.examples[place] = example;
                }
                _ => {
                    remove(&mut next, known);
                    next = with(next, example, self.count).await?;
                }
            }
            let next = after(document, next).await?;
            if !new.is(known) {
                self.dismiss(known).await?;
            }
            if publish_next(self.store, document, &next, replace).await? {
                return Ok(Outcome::Replaced(shown));
            }
        }
        Err(contended())
    }

    /// Removes an example. A generated one is not generated again.
    pub async fn remove(&self, id: &str, conditions: &Conditions) -> Result<()> {
        let _turn = self.writers.turn().await;
        for _ in 0..ATTEMPTS {
            let head = head::load(self.store).await?;
            let replace = head.replace();
            let document = &into_whole(head)?;
            let seen = view(document, self.scope).await?;
            let known = find(&seen, id)?;
            conditions.check(Some(&tag(known)))?;
            self.dismiss(known).await?;
            let mut next = Document::clone(document);
            remove(&mut next, known);
            let next = after(document, next).await?;
            if publish_next(self.store, document, &next, replace).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Remembers that people don't want a generated example. Before the change is published, so that a crash in
    /// between restores nothing that is removed.
    async fn dismiss(&self, example: &Example) -> Result<()> {
        if example.origin == Origin::Person {
            return Ok(());
        }
        let (id, at) = (example.content_id(), Timestamp::now());
        let dismiss = |state: &mut state::State| state.dismiss(id.clone(), at);
        Ok(state::update(self.store, dismiss).await?)
    }

    /// Reviews an example. The warehouse may take minutes, for which no other writer waits.
    async fn review(
        &self,
        document: &Arc<Document>,
        seen: Arc<Document>,
        new: &NewExample,
    ) -> Result<Reviewed> {
        let schema = schema_seen(&seen);
        let is_scoped = *self.scope != Names::All;
        let run = Run::default();
        let reviewer = Reviewer {
            schema: &schema,
            source: self.source,
            run: &run,
            planning: Planning::default(),
            audience: Audience::of(document, self.scope).await?,
        };
        match reviewer.review(new.example()).await {
            // It would belong to no dataset, so that only those who see everything could see it.
            Verdict::Holds(example) if is_scoped && example.tables.is_empty() => {
                Err(Error::Unprocessable(
                    "the query reads no table: name a table of your datasets".to_owned(),
                ))
            }
            Verdict::Holds(example) => Ok(Reviewed { example, seen }),
            Verdict::Fails(_, reason) => Err(Error::Unprocessable(reason)),
            Verdict::Unplanned(_, problem) | Verdict::Unchecked(_, problem) => {
                Err(Error::Unavailable {
                    detail: problem.detail,
                    cause: None,
                })
            }
        }
    }

    /// A new example as the caller's view of the document will show it.
    ///
    /// # Errors
    /// `Unprocessable` if it would not: the caller could neither change nor remove it.
    async fn shown(&self, example: &Example, document: &Arc<Document>) -> Result<Example> {
        let (new, document, scope) = (example.clone(), Arc::clone(document), self.scope.clone());
        let shown = apart(move || schema::example_within(&new, &document, &scope)).await?;
        shown.map(identified).ok_or_else(|| {
            Error::Unprocessable(
                "the question or the SQL names something out of your datasets, so that you would not see the example: \
                 use other words"
                    .to_owned(),
            )
        })
    }
}

/// An example that holds.
struct Reviewed {
    example: Example,
    /// What the caller saw then.
    seen: Arc<Document>,
}

/// A reviewed example for another document, if the tables that it reads and the extensions are the same in it.
fn in_document(reviewed: Option<&Reviewed>, now: &Arc<Document>) -> Option<Example> {
    let Reviewed { example, seen } = reviewed?;
    let is_kept = |name: &String| {
        let before = seen.tables.iter().find(|it| it.name == *name);
        let now = now.tables.iter().find(|it| it.name == *name);
        before
            .zip(now)
            .is_some_and(|(before, now)| is_same(before, now))
    };
    let holds = Arc::ptr_eq(seen, now)
        || seen.source.extensions == now.source.extensions && example.tables.iter().all(is_kept);
    holds.then(|| example.clone())
}

/// The document with an example of a person.
async fn with(mut document: Document, example: Example, count: usize) -> Result<Document> {
    let work = move || {
        list::add(&mut document, example, count);
        document
    };
    apart(work).await
}

/// The ETag of an example, without quotes. The time of its verification doesn't count.
pub fn tag(example: &Example) -> String {
    tag_of(&(
        &example.question,
        &example.sql,
        example.origin,
        &example.error,
    ))
}

/// The content as the version after `before`.
///
/// # Errors
/// `Conflict` if people's examples exceed their limit. At the limit, they may become smaller.
async fn after(before: &Arc<Document>, content: Document) -> Result<Arc<Document>> {
    let before = Arc::clone(before);
    let work = move || {
        let size = written_bytes(&content);
        if size > MAX_BYTES && size > written_bytes(&before) {
            let detail = "the cache already holds 16 MB of examples written by people, which is the \
                          limit: remove some with `DELETE /v1/schema/examples/{id}`";
            return Err(Error::Conflict(detail.to_owned()));
        }
        Ok(Arc::new(next(&before, content)))
    };
    apart(work).await?
}

/// The size of the examples that people wrote, in JSON.
fn written_bytes(document: &Document) -> usize {
    let all = document.examples.iter().chain(&document.quarantined);
    let people = all.filter(|it| it.origin == Origin::Person);
    people.map(bytes).sum()
}

fn identified(mut example: Example) -> Example {
    example.id = Some(example.id());
    example
}

fn find<'a>(seen: &'a Document, id: &str) -> Result<&'a Example> {
    let mut all = seen.examples.iter().chain(&seen.quarantined);
    all.find(|it| it.id() == id).ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> Error {
    Error::NotFound(format!(
        "there is no example {id:?}: `GET /v1/schema/examples` lists the examples with their ids"
    ))
}

/// Removes an example, and no other that may have its id.
fn remove(document: &mut Document, known: &Example) {
    let (id, content) = (known.id(), known.content_id());
    let is_other = |it: &Example| it.id() != id || it.content_id() != content;
    document.examples.retain(is_other);
    document.quarantined.retain(is_other);
}

/// An id of its own for a new example, if another one has kept the id of this content.
fn free_id(example: &Example, document: &Document) -> Option<String> {
    let content = example.content_id();
    let mut all = document.examples.iter().chain(&document.quarantined);
    let is_taken = all.any(|it| it.id.as_deref() == Some(&content));
    is_taken.then(|| tag_of(&(content, Timestamp::now())))
}
