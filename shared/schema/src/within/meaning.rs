//! What people wrote, restricted to a scope.

use std::collections::BTreeSet;

use platform::auth::Names;

use super::Hidden;
use crate::document::{Description, Meaning, Metric, Term};

/// Entries, each with the datasets of its tables. Those that belong to no dataset, or whose table is gone, are
/// missing: only callers who may see everything see them.
#[derive(Default)]
pub(super) struct Entries<'a> {
    descriptions: Vec<(&'a Description, &'a str)>,
    glossary: Vec<(&'a Term, BTreeSet<&'a str>)>,
    metrics: Vec<(&'a Metric, &'a str)>,
}

impl<'a> Entries<'a> {
    pub(super) fn of(meaning: &'a Meaning, dataset: impl Fn(&str) -> Option<&'a str>) -> Self {
        let descriptions = meaning.descriptions.iter();
        let glossary = meaning.glossary.iter();
        let metrics = meaning.metrics.iter();
        Self {
            descriptions: descriptions
                .filter_map(|it| Some((it, dataset(&it.table)?)))
                .collect(),
            glossary: glossary
                .filter_map(|it| {
                    let datasets = it.tables.iter().map(|table| dataset(table));
                    let datasets: Option<BTreeSet<&str>> = datasets.collect();
                    Some((it, datasets.filter(|all| !all.is_empty())?))
                })
                .collect(),
            metrics: metrics
                .filter_map(|it| Some((it, dataset(&it.table)?)))
                .collect(),
        }
    }

    /// The sets of datasets that a term is about together.
    pub(super) fn together(&self) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        let sets = self.glossary.iter().map(|(_, datasets)| datasets);
        sets.filter(|set| set.len() > 1)
    }

    /// The entries within `datasets` that mention nothing hidden.
    pub(super) fn within(&self, datasets: &Names, hidden: &Hidden) -> Meaning {
        let shows = |texts: &[Option<&str>]| {
            let mut texts = texts.iter().flatten();
            !texts.any(|text| hidden.are_in(text))
        };
        let descriptions = self.descriptions.iter().filter(|(it, dataset)| {
            datasets.contain(dataset) && shows(&[Some(&it.text), it.error.as_deref()])
        });
        let metrics = self.metrics.iter().filter(|(it, dataset)| {
            let texts = [
                Some(it.name.as_str()),
                Some(&it.sql),
                it.description.as_deref(),
                it.error.as_deref(),
            ];
            datasets.contain(dataset) && shows(&texts)
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
                .map(|(term, _)| term.clone())
                .collect(),
            metrics: metrics.map(|(it, _)| (*it).clone()).collect(),
        }
    }

    /// The terms that are about exactly these datasets.
    pub(super) fn of_all(&self, set: &BTreeSet<&str>, hidden: &Hidden) -> Meaning {
        let datasets = Names::only(set.iter().copied());
        let terms = self.terms(&datasets, hidden).filter(|(_, of)| *of == set);
        Meaning {
            glossary: terms.map(|(term, _)| term.clone()).collect(),
            ..Meaning::default()
        }
    }

    fn terms<'s>(
        &'s self,
        datasets: &'s Names,
        hidden: &'s Hidden,
    ) -> impl Iterator<Item = (&'a Term, &'s BTreeSet<&'a str>)> {
        let all = self.glossary.iter().map(|(term, of)| (*term, of));
        all.filter(|(term, of)| {
            let error = term.error.as_deref().unwrap_or_default();
            let texts = [term.term.as_str(), &term.meaning, error];
            of.iter().all(|id| datasets.contain(id))
                && !texts.iter().any(|text| hidden.are_in(text))
        })
    }
}
