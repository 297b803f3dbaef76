//! What people wrote, restricted to a scope.

use std::collections::BTreeSet;

use platform::auth::Names;

use super::Hidden;
use super::fields::{HiddenFields, is_path_hidden};
use crate::document::{Description, Meaning, Metric, Table, Term};

/// Entries, each with its tables. Those that belong to no dataset, or whose table is gone, are missing: only callers
/// who may see everything see them.
#[derive(Default)]
pub(super) struct Entries<'a> {
    descriptions: Vec<(&'a Description, &'a Table)>,
    glossary: Vec<Tabled<'a>>,
    metrics: Vec<(&'a Metric, &'a Table)>,
}

/// A term, its tables, and their datasets.
struct Tabled<'a> {
    term: &'a Term,
    tables: Vec<&'a Table>,
    datasets: BTreeSet<&'a str>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(meaning: &'a Meaning, table: impl Fn(&str) -> Option<&'a Table>) -> Self {
        let descriptions = meaning.descriptions.iter();
        let glossary = meaning.glossary.iter();
        let metrics = meaning.metrics.iter();
        Self {
            descriptions: descriptions
                .filter_map(|it| Some((it, table(&it.table)?)))
                .collect(),
            glossary: glossary
                .filter_map(|term| {
                    let tables = term.tables.iter().map(|name| table(name));
                    let tables: Vec<&Table> = tables.collect::<Option<_>>()?;
                    let datasets: BTreeSet<&str> = tables.iter().map(|it| it.dataset()).collect();
                    (!datasets.is_empty()).then_some(Tabled {
                        term,
                        tables,
                        datasets,
                    })
                })
                .collect(),
            metrics: metrics
                .filter_map(|it| Some((it, table(&it.table)?)))
                .collect(),
        }
    }

    /// The sets of datasets that a term is about together.
    pub(super) fn together(&self) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        let sets = self.glossary.iter().map(|it| &it.datasets);
        sets.filter(|set| set.len() > 1)
    }

    /// The entries within `datasets` that mention nothing hidden.
    pub(super) fn within(&self, datasets: &Names, hidden: &Hidden) -> Meaning {
        let descriptions = self.descriptions.iter().filter(|(it, table)| {
            let texts = [Some(it.text.as_str()), it.error.as_deref()];
            let column = it.column.as_deref();
            datasets.contain(table.dataset())
                && !column.is_some_and(|path| is_path_hidden(table, path, hidden))
                && shows(&texts, &[table], hidden)
        });
        let metrics = self.metrics.iter().filter(|(it, table)| {
            let texts = [
                Some(it.name.as_str()),
                Some(&it.sql),
                it.description.as_deref(),
                it.error.as_deref(),
            ];
            datasets.contain(table.dataset()) && shows(&texts, &[table], hidden)
        });
        Meaning {
            descriptions: descriptions
                .map(|(it, _)| Description {
                    // It may mention what its reader may not see.
                    replaces: None,
                    ..(*it).clone()
                })
                .collect(),
            glossary: self
                .terms(datasets, hidden)
                .map(|it| it.term.clone())
                .collect(),
            metrics: metrics.map(|(it, _)| (*it).clone()).collect(),
        }
    }

    /// The terms that are about exactly these datasets.
    pub(super) fn of_all(&self, set: &BTreeSet<&str>, hidden: &Hidden) -> Meaning {
        let datasets = Names::only(set.iter().copied());
        let terms = self.terms(&datasets, hidden);
        let terms = terms.filter(|it| it.datasets == *set);
        Meaning {
            glossary: terms.map(|it| it.term.clone()).collect(),
            ..Meaning::default()
        }
    }

    fn terms<'s>(
        &'s self,
        datasets: &'s Names,
        hidden: &'s Hidden,
    ) -> impl Iterator<Item = &'s Tabled<'a>> {
        self.glossary.iter().filter(|it| {
            let Term {
                term,
                meaning,
                error,
                ..
            } = it.term;
            let texts = [Some(term.as_str()), Some(meaning), error.as_deref()];
            it.datasets.iter().all(|id| datasets.contain(id)) && shows(&texts, &it.tables, hidden)
        })
    }
}

/// Whether texts about tables mention nothing hidden.
fn shows(texts: &[Option<&str>], tables: &[&Table], hidden: &Hidden) -> bool {
    let fields = tables.iter().map(|table| HiddenFields::of(table, hidden));
    let fields: Vec<HiddenFields> = fields.collect();
    let mut texts = texts.iter().flatten();
    !texts.any(|text| hidden.are_in(text) || fields.iter().any(|it| it.are_in(text)))
}
