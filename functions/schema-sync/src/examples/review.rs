//! The verification of one example: it is grounded in the schema, and planned by the warehouse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use platform::auth::Names;
use platform::excerpt::{cut, excerpt};
use schema::document::{Document, Example, How, Problem, Verified};
use schema::mentions::Mentions;
use tokio::sync::OnceCell;
use warehouse::{Plan, Planned, Rejection, Source};

use crate::head::apart;
use crate::run::{Progress, Run};

/// How many dry runs are concurrent. There are few of them, and the warehouse limits their rate.
const CONCURRENT_PLANS: usize = 8;
/// The longest error of an example, in characters.
const MAX_REASON: usize = 2_000;
/// A query that every warehouse plans that plans anything.
const SIMPLEST_QUERY: &str = "select 1 as one";

/// Verifies examples against a schema and a warehouse.
pub struct Reviewer<'a> {
    pub schema: &'a ground::Schema<'a>,
    pub source: &'a dyn Source,
    pub run: &'a Run,
    pub planning: Planning,
    pub audience: Audience,
}

/// Who reads the outcome of a review.
#[derive(Debug)]
pub enum Audience {
    /// Somebody who may see everything that a sync reads.
    All,
    /// A caller who may see only the schema of the review, and not these names.
    Scoped(Mentions),
    /// All readers of the document, in which a sync stores the outcome.
    Readers,
}

impl Audience {
    /// A caller with a scope, who must not see the names out of it. They are found apart.
    ///
    /// # Errors
    /// `Internal` if the work panics.
    pub async fn of(document: &Arc<Document>, scope: &Names) -> platform::Result<Self> {
        if *scope == Names::All {
            return Ok(Self::All);
        }
        let (document, scope) = (Arc::clone(document), scope.clone());
        let hidden = move || Mentions::outside(schema::names(&document), &scope);
        apart(hidden).await.map(Self::Scoped)
    }
}

/// Whether the warehouse plans queries at all. A warehouse that plans none rejects each query as if the
/// query were at fault.
#[derive(Debug, Default)]
pub struct Planning {
    has_planned: AtomicBool,
    refused: OnceCell<Option<String>>,
}

/// The outcome of one review.
#[derive(Debug)]
pub enum Verdict {
    Holds(Example),
    /// The example, with its `error`, which names nothing that a reader of the document may not see; and the reason
    /// for the audience, or for `Readers` the one for somebody who may see everything.
    Fails(Example, String),
    /// It resolves, but the warehouse could not plan it; the next sync retries. A quarantined example
    /// keeps its `error` until then.
    Unplanned(Example, Problem),
    /// It could not be checked. A known example stays, and the next sync retries; a new one is not added.
    Unchecked(Example, Problem),
}

impl<'a> Reviewer<'a> {
    /// The reviewer of a sync.
    pub fn new(schema: &'a ground::Schema<'a>, source: &'a dyn Source, run: &'a Run) -> Self {
        Self {
            schema,
            source,
            run,
            planning: Planning::default(),
            audience: Audience::Readers,
        }
    }
}

impl Reviewer<'_> {
    /// Reviews an example. If the outcome is the same as before, the time of its verification stays: a reader
    /// who sees no change must not learn the time of one in a dataset that they may not see.
    pub async fn review(&self, example: Example) -> Verdict {
        let before = example.verified.clone();
        let mut verdict = self.verdict(example).await;
        if let (Some(now), Some(before)) = (&mut verdict.example_mut().verified, before) {
            let is_same = Verified {
                at: now.at,
                ..before.clone()
            } == *now;
            if is_same {
                *now = before;
            }
        }
        verdict
    }

    async fn verdict(&self, mut example: Example) -> Verdict {
        let grounded = match ground::sql_in_time(&example.sql, self.schema).await {
            Ok(grounded) => grounded,
            // What a run has verified before is not wrong because the parser is slow now.
            Err(faults)
                if ground::is_unchecked(&faults)
                    || example.verified.is_some() && ground::is_inconclusive(&faults) =>
            {
                return unchecked(example, ground::reasons(&faults));
            }
            Err(faults) => match self.unread(&example.sql, &faults) {
                Some(unread) => return self.review_unread(example, &unread, &faults).await,
                None => return fails(example, &ground::reasons(&faults)),
            },
        };
        example.tables.clone_from(&grounded.tables);
        match self.source.plan(&example.sql, self.run).await {
            Ok(Plan::Accepted(Planned {
                verified, reads, ..
            })) => {
                self.planning.has_planned.store(true, Ordering::Relaxed);
                // The tables that an example reads decide who may see it.
                let outside = grounded.outside_datasets(&reads, self.schema.tables());
                if outside.is_some() {
                    // Without its name: not every reader of the example may see the table.
                    let error = "the warehouse reads a table of a dataset that the query does not \
                                 name: write each table with its dataset";
                    return fails(example, error);
                }
                example.error = None;
                example.verified = Some(verified);
                Verdict::Holds(example)
            }
            Ok(Plan::Rejected(rejection)) => self.rejected(example, rejection).await,
            Err(error) => unplanned(example, &self.failure(error.to_string())),
        }
    }

    async fn rejected(&self, mut example: Example, rejection: Rejection) -> Verdict {
        if rejection.is_timeout && is_known(&example) {
            return unplanned(example, &rejection.message);
        }
        if let Some(refusal) = self.plans_nothing().await {
            return unplanned(example, &refusal);
        }
        // The message may name what a view reads, and not every reader of the example may see that.
        example.verified = None;
        example.error = Some(rejection.outline.clone());
        let reason = self.visible(rejection, &example.sql);
        Verdict::Fails(example, cut(&reason, MAX_REASON))
    }

    /// Reviews an example that can't be read here: it holds if the warehouse plans it, and reads only
    /// tables of the schema.
    async fn review_unread(
        &self,
        mut example: Example,
        unread: &ground::Unread,
        faults: &[ground::Fault],
    ) -> Verdict {
        let reason = ground::reasons(faults);
        match self.source.plan(&example.sql, self.run).await {
            Ok(Plan::Accepted(Planned {
                verified,
                reads,
                calls_routines,
            })) if verified.how == How::DryRun => {
                match unread.grounded(&reads, calls_routines, self.schema) {
                    Ok(grounded) => {
                        example.tables = grounded.tables;
                        example.error = None;
                        example.verified = Some(verified);
                        Verdict::Holds(example)
                    }
                    Err(_) => fails(example, &reason),
                }
            }
            Ok(Plan::Accepted(_)) => fails(example, &reason),
            Ok(Plan::Rejected(rejection)) if rejection.is_timeout && is_known(&example) => {
                unchecked(example, rejection.message)
            }
            // The warehouse's message could tell whether a table exists that the caller may not see.
            Ok(Plan::Rejected(_)) => match self.plans_nothing().await {
                None => fails(example, &reason),
                Some(refusal) => unchecked(example, refusal),
            },
            // What it reads is not known, so nobody may see it if it is new.
            Err(error) => unchecked(example, self.failure(error.to_string())),
        }
    }

    /// The message of the warehouse, or without its names if the audience may not see all of them.
    fn visible(&self, rejection: Rejection, sql: &str) -> String {
        match &self.audience {
            Audience::Scoped(hidden)
                if hidden.are_in(&rejection.message)
                    || !ground::names_only_known(&rejection.message, sql, self.schema) =>
            {
                rejection.outline
            }
            _ => rejection.message,
        }
    }

    /// The message of a warehouse that plans nothing. It is about the configuration of this process.
    fn failure(&self, message: String) -> String {
        match &self.audience {
            Audience::All | Audience::Readers => message,
            Audience::Scoped(_) => {
                tracing::warn!(message, "the warehouse can't plan an example of a caller");
                "the warehouse can't plan queries now; its message is in the log, under the request id"
                    .to_owned()
            }
        }
    }

    /// What the warehouse may decide about a query with these faults.
    fn unread(&self, sql: &str, faults: &[ground::Fault]) -> Option<ground::Unread> {
        let nothing = Mentions::default();
        let hidden = match &self.audience {
            Audience::All | Audience::Readers => &nothing,
            Audience::Scoped(hidden) => hidden,
        };
        ground::unread(sql, faults, self.schema, hidden)
    }

    /// Why the warehouse plans no query, not even the simplest one.
    async fn plans_nothing(&self) -> Option<String> {
        if self.planning.has_planned.load(Ordering::Relaxed) {
            return None;
        }
        let ask = async || match self.source.plan(SIMPLEST_QUERY, self.run).await {
            Ok(Plan::Accepted(_)) => None,
            Ok(Plan::Rejected(rejection)) => Some(self.failure(format!(
                "it plans no query, not even `{SIMPLEST_QUERY}` ({})",
                excerpt(&rejection.message)
            ))),
            Err(error) => Some(self.failure(error.to_string())),
        };
        self.planning.refused.get_or_init(ask).await.clone()
    }

    pub(super) fn resolves(&self, example: &Example) -> bool {
        match ground::sql(&example.sql, self.schema) {
            Ok(_) => true,
            // Whether the warehouse still plans it depends on the tables that it reads.
            Err(faults) => {
                ground::is_inconclusive(&faults) || self.unread(&example.sql, &faults).is_some()
            }
        }
    }

    /// Reviews examples concurrently, and returns the verdicts in their order.
    pub(super) async fn review_all(&self, examples: Vec<Example>) -> Vec<Verdict> {
        let count = examples.len();
        let mut verdicts = Vec::with_capacity(count);
        let mut reviews = futures::stream::iter(examples.into_iter().map(|it| self.review(it)))
            .buffered(CONCURRENT_PLANS);
        while let Some(verdict) = reviews.next().await {
            verdicts.push(verdict);
            self.run.report(Progress::Verifying {
                examples_done: verdicts.len(),
                examples: count,
            });
        }
        verdicts
    }
}

impl Verdict {
    fn example_mut(&mut self) -> &mut Example {
        match self {
            Self::Holds(example)
            | Self::Fails(example, _)
            | Self::Unplanned(example, _)
            | Self::Unchecked(example, _) => example,
        }
    }
}

/// Whether an earlier run reviewed the example.
fn is_known(example: &Example) -> bool {
    example.verified.is_some() || example.error.is_some()
}

/// The verdict on an example that is wrong, for a reason that every reader may see.
fn fails(mut example: Example, reason: &str) -> Verdict {
    let reason = cut(reason, MAX_REASON);
    example.verified = None;
    example.error = Some(reason.clone());
    Verdict::Fails(example, reason)
}

/// The verdict if the warehouse could not plan the example. Its earlier verification was for another
/// schema.
fn unplanned(mut example: Example, refusal: &str) -> Verdict {
    example.verified = Some(parsed());
    let detail = format!(
        "the warehouse could not verify examples, which count as `parsed` until it plans them: \
         {refusal}"
    );
    Verdict::Unplanned(example, problem(detail))
}

/// The verdict if the example could not be checked. Its earlier verification was for another schema.
fn unchecked(mut example: Example, reason: String) -> Verdict {
    example.verified = Some(parsed());
    Verdict::Unchecked(example, problem(reason))
}

/// A problem of examples, which may read any dataset.
pub fn problem(detail: impl Into<String>) -> Problem {
    Problem::general("examples", detail)
}

/// A verification below a dry run, so that the next sync retries.
pub fn parsed() -> Verified {
    Verified {
        how: How::Parsed,
        at: jiff::Timestamp::now(),
        bytes_processed: None,
        columns: Vec::new(),
    }
}
