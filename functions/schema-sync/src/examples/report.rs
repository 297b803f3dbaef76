//! Names the examples that a run quarantined, restored or dropped.

use std::collections::HashMap;

use schema::document::{Document, Dropped, Example};
use serde::Serialize;
use utoipa::ToSchema;

use super::list::Datasets;

/// An example that a run quarantined or restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExampleChange {
    pub id: String,
    pub question: String,
    pub fate: ExampleFate,
    /// Why it is quarantined, or was.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExampleFate {
    /// It failed verification. Models don't see it.
    Quarantined,
    /// It was quarantined before, and holds again.
    Repaired,
}

/// The examples that are quarantined in one of the documents only.
pub fn example_changes(before: &Document, now: &Document) -> Vec<ExampleChange> {
    let was_good = by_content(&before.examples);
    let was_quarantined = by_content(&before.quarantined);
    let quarantined = now.quarantined.iter();
    let quarantined = quarantined.filter(|it| was_good.contains_key(&content(it)));
    let quarantined = quarantined.map(|it| change(it, ExampleFate::Quarantined, it));
    let repaired = now.examples.iter().filter_map(|it| {
        let before = was_quarantined.get(&content(it))?;
        Some(change(it, ExampleFate::Repaired, before))
    });
    quarantined.chain(repaired).collect()
}

/// `with_reason` is the example as it was, or is, quarantined.
fn change(example: &Example, fate: ExampleFate, with_reason: &Example) -> ExampleChange {
    ExampleChange {
        id: example.id(),
        question: example.question.clone(),
        fate,
        reason: with_reason.error.clone().unwrap_or_default(),
    }
}

fn by_content(examples: &[Example]) -> HashMap<(&str, &str), &Example> {
    examples.iter().map(|it| (content(it), it)).collect()
}

fn content(example: &Example) -> (&str, &str) {
    (&example.question, &example.sql)
}

/// The note about a candidate that failed.
pub fn dropped(example: Example, datasets: &Datasets) -> Dropped {
    let mut of = example
        .tables
        .iter()
        .map(|table| datasets.get(table.as_str()));
    let first = of.next().flatten();
    // Readers of one of the datasets may not see another.
    let dataset = first.filter(|first| of.all(|other| other == Some(first)));
    Dropped {
        dataset: dataset.map(|id| (*id).to_owned()),
        table: example.tables.into_iter().next(),
        path: None,
        text: example.sql,
        reason: example.error.unwrap_or_default(),
    }
}
