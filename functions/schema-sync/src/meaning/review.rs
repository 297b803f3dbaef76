//! Checks the entries again when the schema changes.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use schema::diff::{Change, ChangeKind};
use schema::document::{Meaning, Problem};

use super::check::{Checker, Misfit};
use super::entry::Entry;
use super::plan::check;
use crate::examples::{Reviewer, touched};

/// How many entries are reviewed at once. The warehouse limits the rate of plans.
const CONCURRENT: usize = 8;

/// What changed since the entries were checked.
pub struct Since<'a> {
    pub changes: &'a [Change],
    /// Whether the extensions of the database changed.
    pub extensions: bool,
}

impl Since<'_> {
    /// Whether a change can decide whether an entry fits. Any entry may name anything in the schema.
    fn counts(&self) -> bool {
        let harmless = [ChangeKind::Description, ChangeKind::Size];
        let mut changes = self.changes.iter();
        self.extensions || changes.any(|it| it.breaking || !harmless.contains(&it.kind))
    }
}

/// Sets the error of each entry that no longer fits the schema, and clears that of each that fits again. The
/// warehouse plans a metric again if its table changed. Without a change, each entry keeps its error, and only those
/// that an earlier sync could not check are checked.
///
/// Returns a problem for each that doesn't fit, or that could not be checked.
pub async fn review(
    meaning: &mut Meaning,
    since: &Since<'_>,
    reviewer: &Reviewer<'_>,
) -> Vec<Problem> {
    let review = Review {
        checker: Checker::new(reviewer.schema),
        reviewer,
        touched: since.counts().then(|| touched(since.changes)),
        extensions: since.extensions,
    };
    let entries = Entry::all_of(std::mem::take(meaning));
    let mut reviewed =
        futures::stream::iter(entries.into_iter().map(|it| review.entry(it))).buffered(CONCURRENT);
    let mut problems = Vec::new();
    while let Some((entry, problem)) = reviewed.next().await {
        problems.extend(problem);
        entry.add_to(meaning);
    }
    problems
}

struct Review<'r, 's> {
    checker: Checker<'s, 's>,
    reviewer: &'r Reviewer<'s>,
    /// The tables whose changes can break SQL; none if nothing changed that counts.
    touched: Option<BTreeSet<&'r str>>,
    extensions: bool,
}

impl Review<'_, '_> {
    async fn entry(&self, mut entry: Entry) -> (Entry, Option<Problem>) {
        let mut unchecked = None;
        if self.touched.is_some() || entry.is_unchecked() {
            // Texts are checked on this thread, which has other work.
            tokio::task::yield_now().await;
            let before = entry.error_mut().take();
            let is_due = before.is_some() || entry.is_unchecked();
            *entry.error_mut() = match self.check(&entry, is_due).await {
                Ok(()) => None,
                Err(Misfit::Wrong(error) | Misfit::Unread(error)) => Some(error),
                Err(Misfit::Unchecked(reason)) => {
                    unchecked = Some(reason);
                    before
                }
            };
            entry.set_unchecked(unchecked.is_some());
        }
        let detail = match (&*entry.error_mut(), unchecked) {
            (Some(error), _) => Some(format!("is not used: {error}; change or remove it")),
            (None, Some(reason)) => Some(format!("could not be checked again: {reason}")),
            (None, None) => None,
        };
        let problem = detail.map(|detail| self.problem(&entry, &detail));
        (entry, problem)
    }

    /// Checks an entry. The warehouse plans a metric that `is_due`, or that a change may break.
    async fn check(&self, entry: &Entry, is_due: bool) -> Result<(), Misfit> {
        let is_due = match entry {
            Entry::Metric(metric) => is_due || self.extensions || self.touches(&metric.table),
            Entry::Description(_) | Entry::Term(_) => false,
        };
        match check(entry, &self.checker).await? {
            Some(due) if is_due => {
                let table = self.checker.table(&due.metric.table)?;
                due.plan(table, self.reviewer).await
            }
            // What can't be read here was planned when it was written.
            _ => Ok(()),
        }
    }

    fn touches(&self, table: &str) -> bool {
        let touched = self.touched.as_ref();
        touched.is_some_and(|touched| touched.contains(table))
    }

    fn problem(&self, entry: &Entry, detail: &str) -> Problem {
        let detail = format!("{} {detail}", entry.key().noun());
        let table = match entry {
            Entry::Description(it) => Some(&it.table),
            Entry::Metric(it) => Some(&it.table),
            Entry::Term(_) => None,
        };
        match table.and_then(|name| self.checker.table(name).ok()) {
            Some(table) if !table.parts.is_unknown() => Problem::of_table(&table.parts, detail),
            _ => Problem::general("meaning", detail),
        }
    }
}
