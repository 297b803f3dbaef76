//! Checks the entries again when the schema changes.

use ground::Schema;
use schema::document::{Meaning, Problem};

use super::check::Checker;
use super::entry::Entry;

/// Sets the error of each entry that no longer fits the schema, and clears that of each that fits again.
/// Returns a problem for each that doesn't fit.
pub async fn review(meaning: &mut Meaning, schema: &Schema<'_>) -> Vec<Problem> {
    let checker = Checker::new(schema);
    let mut problems = Vec::new();
    let Meaning {
        descriptions,
        glossary,
        metrics,
    } = std::mem::take(meaning);
    let entries = descriptions
        .into_iter()
        .map(Entry::Description)
        .chain(glossary.into_iter().map(Entry::Term))
        .chain(metrics.into_iter().map(Entry::Metric));
    for mut entry in entries {
        let error = checker.check(&entry).await.err();
        if let Some(error) = &error {
            problems.push(problem(&entry, error, &checker));
        }
        *entry.error_mut() = error;
        match entry {
            Entry::Description(it) => meaning.descriptions.push(it),
            Entry::Term(it) => meaning.glossary.push(it),
            Entry::Metric(it) => meaning.metrics.push(it),
        }
    }
    problems
}

fn problem(entry: &Entry, error: &str, checker: &Checker<'_, '_>) -> Problem {
    let detail = format!(
        "{} is not used: {error}; change or remove it",
        entry.key().noun()
    );
    let table = match entry {
        Entry::Description(it) => Some(&it.table),
        Entry::Metric(it) => Some(&it.table),
        Entry::Term(_) => None,
    };
    match table.and_then(|name| checker.table(name).ok()) {
        Some(table) if !table.parts.is_unknown() => Problem::of_table(&table.parts, detail),
        _ => Problem::general("meaning", detail),
    }
}
