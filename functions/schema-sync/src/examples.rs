//! Verification of examples: each is grounded in the schema and planned by the warehouse, and again
//! whenever a table that it reads changes. Examples that fail are quarantined with their error.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use platform::excerpt::{cut, excerpt};
use schema::diff::{Change, ChangeKind};
use schema::document::{Document, Example, How, Origin, Problem, Verified};
use schema::mentions::Mentions;
use tokio::sync::OnceCell;
use warehouse::{Plan, Planned, Rejection, Source};

use crate::run::{Progress, Run};

/// How many dry runs are concurrent. There are few of them, and the warehouse limits their rate.
const CONCURRENT_PLANS: usize = 8;
/// How many quarantined examples of an LLM or a rule are kept per set of datasets that they read. Those of
/// people are all kept.
const QUARANTINED: usize = 50;
/// The longest error of an example, in characters.
const MAX_REASON: usize = 2_000;
/// How many different problems of a run are reported.
const PROBLEMS: usize = 5;
/// A query that every warehouse plans that plans anything.
const SIMPLEST_QUERY: &str = "select 1 as one";

/// The examples of a document, and the problems of their verification.
#[derive(Debug, Default)]
pub struct Reviewed {
    pub good: Vec<Example>,
    pub quarantined: Vec<Example>,
    pub problems: Vec<Problem>,
}

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
    /// The example, with its `error`.
    Fails(Example),
    /// It resolves, but the warehouse could not plan it; the next sync retries. A quarantined example
    /// keeps its `error` until then.
    Unplanned(Example, Problem),
    /// It could not be checked. A known example stays, and the next sync retries; a new one is not added.
    Unchecked(Example, Problem),
}

impl<'a> Reviewer<'a> {
    /// A reviewer whose messages are for somebody who may see everything that a sync reads.
    pub fn new(schema: &'a ground::Schema<'a>, source: &'a dyn Source, run: &'a Run) -> Self {
        Self {
            schema,
            source,
            run,
            planning: Planning::default(),
            audience: Audience::All,
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
            Err(faults) if ground::is_unchecked(&faults) => {
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
                    example.verified = None;
                    example.error = Some(error.to_owned());
                    return Verdict::Fails(example);
                }
                example.error = None;
                example.verified = Some(verified);
                Verdict::Holds(example)
            }
            Ok(Plan::Rejected(rejection)) => match self.plans_nothing().await {
                None => {
                    let reason = self.visible(rejection, &example.sql);
                    fails(example, &reason)
                }
                Some(refusal) => unplanned(example, &refusal),
            },
            Err(error) => unplanned(example, &self.failure(error.to_string())),
        }
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
            Audience::All => message,
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
            Audience::All => &nothing,
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

    fn resolves(&self, example: &Example) -> bool {
        match ground::sql(&example.sql, self.schema) {
            Ok(_) => true,
            // Whether the warehouse still plans it depends on the tables that it reads.
            Err(faults) => {
                ground::is_unchecked(&faults) || self.unread(&example.sql, &faults).is_some()
            }
        }
    }

    /// Reviews examples concurrently, and returns the verdicts in their order.
    async fn review_all(&self, examples: Vec<Example>) -> Vec<Verdict> {
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
            | Self::Fails(example)
            | Self::Unplanned(example, _)
            | Self::Unchecked(example, _) => example,
        }
    }
}

/// The verdict on an example that is wrong.
fn fails(mut example: Example, reason: &str) -> Verdict {
    example.verified = None;
    example.error = Some(cut(reason, MAX_REASON));
    Verdict::Fails(example)
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
fn parsed() -> Verified {
    Verified {
        how: How::Parsed,
        at: jiff::Timestamp::now(),
        bytes_processed: None,
        columns: Vec::new(),
    }
}

/// Verifies the examples of a document again that the changes affect, or that no warehouse has planned
/// yet. The others stay as they are.
pub async fn review(previous: &Document, changes: &[Change], reviewer: &Reviewer<'_>) -> Reviewed {
    let touched = touched(changes);
    let all = previous
        .examples
        .iter()
        .chain(&previous.quarantined)
        .cloned();
    let (again, kept): (Vec<Example>, Vec<Example>) = all.partition(|example| {
        let planned = example
            .verified
            .as_ref()
            .is_some_and(|it| it.how == How::DryRun);
        let failed = example.error.is_some();
        let changed = example
            .tables
            .iter()
            .any(|table| touched.contains(table.as_str()));
        // Shards that an example names may be gone, which affects no other example.
        let lost = !failed && !changes.is_empty() && !reviewer.resolves(example);
        // A failed example may name a table that is new.
        let may_hold = failed && (!touched.is_empty() || example.verified.is_some());
        changed || lost || !(planned || failed) || may_hold
    });
    let mut reviewed = Reviewed::default();
    let (quarantined, good): (Vec<_>, Vec<_>) = kept
        .into_iter()
        .partition(|example| example.error.is_some());
    reviewed.good = good;
    reviewed.quarantined = quarantined;
    for verdict in reviewer.review_all(again).await {
        reviewed.take(verdict);
    }
    reviewed
}

/// The tables with changes that can break SQL. Growth and new shards can't.
fn touched(changes: &[Change]) -> BTreeSet<&str> {
    let harmless = [
        ChangeKind::Description,
        ChangeKind::Size,
        ChangeKind::Shards,
    ];
    changes
        .iter()
        .filter(|change| change.breaking || !harmless.contains(&change.kind))
        .map(|change| change.table.as_str())
        .collect()
}

impl Reviewed {
    fn take(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Holds(example) => self.good.push(example),
            Verdict::Fails(example) => self.quarantined.push(example),
            Verdict::Unplanned(example, problem) | Verdict::Unchecked(example, problem) => {
                match example.error {
                    None => self.good.push(example),
                    Some(_) => self.quarantined.push(example),
                }
                if self.problems.len() < PROBLEMS && !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
            }
        }
    }

    /// Reviews new candidates in their order, until there are `count` good ones. Quarantined examples
    /// are not new.
    ///
    /// Returns the candidates that failed, which are not quarantined.
    pub async fn fill(
        &mut self,
        candidates: Vec<Example>,
        count: usize,
        reviewer: &Reviewer<'_>,
    ) -> Vec<Example> {
        let mut failed = Vec::new();
        let mut candidates = candidates.into_iter();
        let mut known: HashSet<String> = self
            .good
            .iter()
            .flat_map(|it| [it.sql.clone(), it.question.clone()])
            .chain(self.quarantined.iter().map(|it| it.sql.clone()))
            .collect();
        loop {
            let room = count.saturating_sub(self.good.len());
            let next: Vec<Example> = candidates
                .by_ref()
                .filter(|it| known.insert(it.sql.clone()) && known.insert(it.question.clone()))
                .take(room)
                .collect();
            if next.is_empty() {
                return failed;
            }
            for verdict in reviewer.review_all(next).await {
                match verdict {
                    Verdict::Fails(example) => failed.push(example),
                    Verdict::Unchecked(mut example, problem) => {
                        example.error = Some(problem.detail);
                        failed.push(example);
                    }
                    verdict => self.take(verdict),
                }
            }
        }
    }

    /// Drops generated examples of the datasets that the candidates of an LLM read: they only fill the room
    /// that an LLM leaves.
    pub fn drop_generated(&mut self, candidates: &[Example], datasets: &Datasets) {
        let read: BTreeSet<_> = candidates.iter().flat_map(|it| of(it, datasets)).collect();
        self.good
            .retain(|it| it.origin != Origin::Rule || !of(it, datasets).is_subset(&read));
    }

    /// Sorts and limits both lists for a document.
    pub fn settle(&mut self, count: usize, datasets: &Datasets) {
        let is_generated = |it: &Example| it.origin != Origin::Person;
        while self.good.iter().filter(|it| is_generated(it)).count() > count {
            let last = self.good.iter().rposition(is_generated);
            let last = last.expect("there are more than `count` of them");
            displace(&mut self.good, last, datasets);
        }
        sort(&mut self.good);
        sort(&mut self.quarantined);
        let mut kept: BTreeMap<Readers, usize> = BTreeMap::new();
        self.quarantined.retain(|it| {
            let count = kept.entry(of(it, datasets)).or_default();
            *count += usize::from(it.origin != Origin::Person);
            it.origin == Origin::Person || *count <= QUARANTINED
        });
    }
}

/// The dataset of each table, by its full name.
pub type Datasets<'a> = HashMap<&'a str, &'a str>;

/// The datasets that an example reads, which decide who sees it. None is that of a table that is gone.
type Readers<'a> = BTreeSet<Option<&'a str>>;

fn of<'a>(example: &Example, datasets: &Datasets<'a>) -> Readers<'a> {
    let tables = example.tables.iter();
    tables
        .map(|table| datasets.get(table.as_str()).copied())
        .collect()
}

/// Removes the example at this place, or instead the last one that a rule generated for the same readers.
/// Other readers must not notice it.
fn displace(list: &mut Vec<Example>, place: usize, datasets: &Datasets) {
    let readers = of(&list[place], datasets);
    let instead = list
        .iter()
        .rposition(|it| it.origin == Origin::Rule && of(it, datasets) == readers);
    list.remove(instead.unwrap_or(place));
}

/// Adds an example of a person. If there are more than `count` then, it replaces a generated one that has the
/// same readers.
pub fn add(list: &mut Vec<Example>, example: Example, count: usize, datasets: &Datasets) {
    let readers = of(&example, datasets);
    let is_same = |it: &Example| it.question == example.question && it.sql == example.sql;
    list.retain(|it| !is_same(it));
    list.insert(0, example);
    sort(list);
    let replaced = list
        .iter()
        .rposition(|it| it.origin != Origin::Person && of(it, datasets) == readers);
    if let Some(replaced) = replaced.filter(|_| list.len() > count) {
        list.remove(replaced);
    }
}

/// Sorts examples of people first, then those of an LLM, then generated ones.
fn sort(list: &mut [Example]) {
    list.sort_by_key(|example| example.origin);
}
