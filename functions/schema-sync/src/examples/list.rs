//! The examples of a document: which ones are verified again, which ones are new, and their order.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem::swap;
use std::slice::from_ref;

use jiff::Timestamp;
use schema::diff::{self, Change, ChangeKind};
use schema::document::{Document, Example, How, Origin, Problem, Table, datasets};

use super::review::{Reviewer, Verdict};
use crate::head::apart;

/// How many quarantined examples of an LLM or a rule are kept per set of datasets that they read. Those of
/// people are all kept.
const QUARANTINED: usize = 50;
/// How many different problems of a run are reported.
const PROBLEMS: usize = 5;

/// The examples of a document, and the problems of their verification.
#[derive(Debug, Default)]
pub struct Reviewed {
    pub good: Vec<Example>,
    pub quarantined: Vec<Example>,
    pub problems: Vec<Problem>,
    /// The content of generated examples that people don't want.
    pub dismissed: BTreeMap<String, Timestamp>,
    /// Why examples are quarantined, by id. The stored `error` may be less than that.
    pub reasons: Reasons,
    /// The examples of the document, by the id of their content, that those who see the tables that they read don't
    /// see. They take no room of others.
    unseen: BTreeSet<String>,
}

/// Reasons by the id of an example, with names that only some readers of the document may see.
pub type Reasons = BTreeMap<String, String>;

/// Verifies the examples of a document again that the changes affect, or that no warehouse has planned
/// yet. The others stay as they are.
pub async fn review(
    previous: &Document,
    unseen: BTreeSet<String>,
    changes: &[Change],
    reviewer: &Reviewer<'_>,
) -> Reviewed {
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
    let mut reviewed = Reviewed {
        unseen,
        ..Reviewed::default()
    };
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

/// The examples of a document that their readers don't see when it has these tables, computed apart. Returns the
/// document and the tables as well, which are too large to be cloned for it.
pub async fn unseen(
    mut document: Document,
    mut tables: Vec<Table>,
) -> platform::Result<(Document, Vec<Table>, BTreeSet<String>)> {
    // Generated ones mention only what they read.
    let is_written = |it: &Example| it.origin == Origin::Person;
    if !document.examples.iter().any(is_written) {
        return Ok((document, tables, BTreeSet::new()));
    }
    let work = move || {
        swap(&mut document.tables, &mut tables);
        let unseen = schema::unseen_examples(&document);
        swap(&mut document.tables, &mut tables);
        (document, tables, unseen)
    };
    apart(work).await
}

/// The tables with changes that can break SQL. Growth and new shards can't.
pub fn touched(changes: &[Change]) -> BTreeSet<&str> {
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

/// Whether nothing changed in a table that can break SQL.
pub fn is_same(before: &Table, now: &Table) -> bool {
    let changes = diff::tables(from_ref(before), from_ref(now));
    touched(&changes).is_empty()
}

impl Reviewed {
    fn take(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Holds(example) => self.good.push(example),
            Verdict::Fails(example, reason) => {
                self.reasons.insert(example.id(), reason);
                self.quarantined.push(example);
            }
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

    /// How many good examples have readers who see them.
    pub fn count(&self) -> usize {
        counted(&self.good, &self.unseen)
    }

    /// Reviews new candidates in their order, until there are `count` good ones. Quarantined examples
    /// are not new.
    ///
    /// Returns the candidates that failed, which are not quarantined, each with the reason.
    pub async fn fill(
        &mut self,
        candidates: Vec<Example>,
        count: usize,
        reviewer: &Reviewer<'_>,
    ) -> Vec<(Example, String)> {
        let mut failed = Vec::new();
        let mut candidates = candidates.into_iter();
        let mut known: HashSet<String> = self
            .good
            .iter()
            .flat_map(|it| [it.sql.clone(), it.question.clone()])
            .chain(self.quarantined.iter().map(|it| it.sql.clone()))
            .collect();
        loop {
            let room = count.saturating_sub(self.count());
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
                    Verdict::Fails(example, reason) => failed.push((example, reason)),
                    Verdict::Unchecked(mut example, problem) => {
                        example.error = Some(problem.detail.clone());
                        failed.push((example, problem.detail));
                    }
                    verdict => self.take(verdict),
                }
            }
        }
    }

    /// The candidates without those that people removed.
    pub fn wanted(&self, mut candidates: Vec<Example>) -> Vec<Example> {
        let kept = self.good.iter().chain(&self.quarantined);
        // A changed example has kept the id of its first content.
        let kept: HashSet<&str> = kept.filter_map(|it| it.id.as_deref()).collect();
        candidates.retain(|it| {
            let id = it.content_id();
            !self.dismissed.contains_key(&id) && !kept.contains(id.as_str())
        });
        candidates
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
/// same readers. One that they don't see replaces none.
pub fn add(document: &mut Document, example: Example, count: usize) {
    let id = example.content_id();
    let list = &mut document.examples;
    list.retain(|it| it.question != example.question || it.sql != example.sql);
    let at = list.partition_point(|it| it.origin < example.origin);
    list.insert(at, example);
    if list.len() <= count {
        return;
    }
    let unseen = schema::unseen_examples(document);
    if unseen.contains(&id) || counted(&document.examples, &unseen) <= count {
        return;
    }
    let datasets = datasets(&document.tables);
    let readers = of(&document.examples[at], &datasets);
    let is_replaced = |it: &Example| it.origin != Origin::Person && of(it, &datasets) == readers;
    if let Some(replaced) = document.examples.iter().rposition(is_replaced) {
        document.examples.remove(replaced);
    }
}

/// How many examples have readers who see them.
fn counted(list: &[Example], unseen: &BTreeSet<String>) -> usize {
    let seen = list.iter();
    seen.filter(|it| !unseen.contains(&it.content_id())).count()
}

/// Sorts examples of people first, then those of an LLM, then generated ones.
fn sort(list: &mut [Example]) {
    list.sort_by_key(|example| example.origin);
}
