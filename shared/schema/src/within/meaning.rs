//! What people wrote, restricted to a scope.

use std::collections::BTreeSet;

use platform::auth::Names;

use super::fields::is_path_hidden;
use super::grouped::Grouped;
use super::hidden::Hidden;
use super::postgres::qualifiers;
use super::sql::Sql;
use crate::Dialect;
use crate::document::{Description, Document, Meaning, Metric, Table, Term};
use crate::name::{dataset_id, names_of};

/// Entries, each with where it belongs. Those that belong to no dataset are missing: only callers who may see
/// everything see them.
pub(super) struct Entries<'a> {
    descriptions: Grouped<'a, (&'a Description, Place<'a>)>,
    glossary: Grouped<'a, (&'a Term, Vec<Place<'a>>)>,
    metrics: Grouped<'a, (&'a Metric, Place<'a>)>,
}

/// Where an entry belongs.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Table(&'a Table),
    /// The dataset of a table that is gone. A caller of the dataset can still remove the entry.
    Gone(&'a str),
}

impl<'a> Place<'a> {
    /// The place of a table that the document doesn't have.
    pub(super) fn gone(name: &'a str, document: &'a Document) -> Option<Self> {
        let names = names_of(name);
        // An earlier release wrote ambiguous names of Postgres.
        let is_ambiguous = document.source.dialect == Dialect::Postgres && names.len() > 3;
        let [project @ .., dataset, _] = &names[..] else {
            return None;
        };
        let id = dataset_id(&project.join("."), dataset);
        let is_prefix = name.strip_prefix(&id).is_some_and(|it| it.starts_with('.'));
        let found = if is_prefix {
            Some(&name[..id.len()])
        } else {
            // The name has quotes, which an id has not.
            let times = document.ledger.changed_at.get_key_value(&id);
            let mut ids = document.source.datasets.iter();
            let found = times
                .map(|(id, _)| id)
                .or_else(|| ids.find(|it| **it == id));
            found.map(String::as_str)
        };
        found.filter(|_| !is_ambiguous).map(Self::Gone)
    }

    fn dataset(self) -> &'a str {
        match self {
            Self::Table(table) => table.dataset(),
            Self::Gone(dataset) => dataset,
        }
    }
}

impl<'a> Entries<'a> {
    pub(super) fn of(meaning: &'a Meaning, place: impl Fn(&'a str) -> Option<Place<'a>>) -> Self {
        let descriptions = meaning.descriptions.iter().filter_map(|it| {
            let place = place(&it.table)?;
            Some((BTreeSet::from([place.dataset()]), (it, place)))
        });
        let glossary = meaning.glossary.iter().filter_map(|it| {
            let places = it.tables.iter().map(|name| place(name));
            let places: Vec<Place> = places.collect::<Option<_>>()?;
            let datasets = places.iter().map(|it| it.dataset()).collect();
            Some((datasets, (it, places)))
        });
        let metrics = meaning.metrics.iter().filter_map(|it| {
            let place = place(&it.table)?;
            Some((BTreeSet::from([place.dataset()]), (it, place)))
        });
        Self {
            descriptions: Grouped::of(descriptions),
            glossary: Grouped::of(glossary),
            metrics: Grouped::of(metrics),
        }
    }

    /// The sets of datasets that an entry is about.
    pub(super) fn sets(&self) -> impl Iterator<Item = &BTreeSet<&'a str>> {
        let sets = self.descriptions.sets().chain(self.glossary.sets());
        sets.chain(self.metrics.sets())
    }

    /// The entries within the scope that mention nothing hidden.
    pub(super) fn within<'h>(&'h self, scope: &'h Names, hidden: &Hidden<'h>) -> Meaning {
        let descriptions = self.descriptions.within(scope).into_iter();
        let descriptions = descriptions.filter(|(it, place)| {
            let texts = [Some(it.text.as_str()), it.error.as_deref()];
            let column = it.column.as_deref();
            !column.is_some_and(|path| leads_into_hidden(*place, path, hidden))
                && shows(&texts, &[*place], hidden)
        });
        let glossary = self.glossary.within(scope).into_iter();
        let glossary = glossary.filter(|(it, places)| shows_term(it, places, hidden));
        let metrics = self.metrics.within(scope).into_iter();
        let metrics = metrics.filter(|(it, place)| {
            let sql = hidden.sql(&it.sql);
            let texts = [
                Some(it.name.as_str()),
                it.description.as_deref(),
                it.error.as_deref(),
                Some(&sql.comments),
            ];
            !is_hidden_in_sql(&sql, *place, hidden) && shows(&texts, &[*place], hidden)
        });
        Meaning {
            descriptions: descriptions
                .map(|(it, _)| Description {
                    // It may mention what its reader may not see.
                    replaces: None,
                    ..(*it).clone()
                })
                .collect(),
            glossary: glossary.map(|(it, _)| (*it).clone()).collect(),
            metrics: metrics.map(|(it, _)| (*it).clone()).collect(),
        }
    }

    /// The terms that are about exactly these datasets.
    pub(super) fn of_all<'h>(&'h self, set: &BTreeSet<&'h str>, hidden: &Hidden<'h>) -> Meaning {
        let terms = self.glossary.exactly(set);
        let terms = terms.filter(|(it, places)| shows_term(it, places, hidden));
        Meaning {
            glossary: terms.map(|(it, _)| (*it).clone()).collect(),
            ..Meaning::default()
        }
    }
}

fn shows_term<'h>(term: &Term, places: &[Place<'h>], hidden: &Hidden<'h>) -> bool {
    let Term {
        term,
        meaning,
        error,
        ..
    } = term;
    shows(
        &[Some(term), Some(meaning), error.as_deref()],
        places,
        hidden,
    )
}

/// Whether texts about tables mention nothing hidden.
fn shows<'h>(texts: &[Option<&str>], places: &[Place<'h>], hidden: &Hidden<'h>) -> bool {
    let names_field = |place: &Place<'h>, text: &str| match *place {
        Place::Table(table) => hidden.fields(table).are_in(text),
        Place::Gone(_) => hidden.may_be_fields_in(text),
    };
    let mut texts = texts.iter().flatten();
    !texts.any(|text| hidden.are_in(text) || places.iter().any(|it| names_field(it, text)))
}

/// Whether the path of a description leads into a hidden type.
fn leads_into_hidden(place: Place, path: &str, hidden: &Hidden) -> bool {
    match place {
        Place::Table(table) => is_path_hidden(table, path, hidden),
        Place::Gone(_) => hidden.has_row_types() && names_of(path).len() > 1,
    }
}

/// Whether the SQL of a metric names something hidden. It reads no table but its own, so that a bare name is a column,
/// a function or a value, whatever else has the name.
fn is_hidden_in_sql<'h>(sql: &Sql, place: Place<'h>, hidden: &Hidden<'h>) -> bool {
    let names_field = match place {
        Place::Table(table) => hidden.fields(table).are_in_sql(sql),
        Place::Gone(_) => hidden.may_be_fields_in(sql.text),
    };
    let is_own = |name: &str| match place {
        Place::Table(table) => {
            let columns = table.columns.iter().map(|it| it.name.as_str());
            let mut own = columns.chain([table.own_name()]);
            own.any(|own| own.to_lowercase() == name.to_lowercase())
        }
        Place::Gone(_) => false,
    };
    // Quotes of BigQuery may enclose a whole path.
    let mut qualified = qualifiers(&sql.text.replace('`', "")).into_iter();
    names_field
        || qualified.any(|(schema, name)| {
            let is_of_extension = schema == "public" && hidden.is_of_extension(&name);
            let is_hidden = hidden.has_schema(&schema) && !is_of_extension
                || hidden.are_in(&schema)
                || hidden.are_in(&name);
            is_hidden && !is_own(&schema) && !is_alias(&schema, sql.text)
        })
}

/// Whether SQL gives something this name: after `as`, or after the parenthesis of a function or a subquery.
fn is_alias(name: &str, sql: &str) -> bool {
    let (name, sql) = (name.to_lowercase(), sql.to_lowercase());
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    sql.match_indices(&name).any(|(at, _)| {
        let before = sql[..at].trim_end_matches('"');
        let after = sql[at + name.len()..].trim_start_matches('"');
        let start = before.trim_end();
        let follows = start.ends_with(')')
            || start.len() < before.len()
                && start
                    .strip_suffix("as")
                    .is_some_and(|it| !it.ends_with(is_part));
        follows && !after.starts_with(|it| is_part(it) || it == '.')
    })
}
