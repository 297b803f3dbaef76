//! A document restricted to a scope: what a caller of some datasets sees.
//!
//! Everything that mentions a table of another dataset is removed, including texts, and everything that can't
//! be assigned to a dataset. Nothing of what is left depends on a change that it does not show: `version` is
//! the hash of what is left, `generated_at` the last time at which it changed, and the costs are 0.

mod clear;
mod meaning;
mod names;
mod postgres;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use platform::auth::Names;

use crate::document::{Document, Example, Extension, Ledger, Source, Table};
use crate::mentions::Mentions;
use crate::name::TableName;
use crate::versions;

pub use self::names::names;

use self::meaning::Entries;

/// The document restricted to `datasets`. If nothing is hidden, `version` is that of the whole document.
pub fn within(document: &Document, datasets: &Names) -> Document {
    if *datasets == Names::All {
        return document.clone();
    }
    Whole::of(document).within(datasets)
}

/// A whole document, indexed to be restricted to several scopes.
pub(crate) struct Whole<'a> {
    document: &'a Document,
    names: Mentions,
    /// The names in each dataset, in lower case.
    names_of: HashMap<String, Vec<String>>,
    /// The positions of the tables of each dataset.
    tables_of: HashMap<&'a str, Vec<usize>>,
    examples: Vec<Reading<'a>>,
    quarantined: Vec<Reading<'a>>,
    meaning: Entries<'a>,
    /// The positions of the tables with a key or inheritance between two datasets.
    links: BTreeMap<BTreeSet<&'a str>, BTreeSet<usize>>,
}

/// An example, and the datasets that it reads.
struct Reading<'a> {
    example: &'a Example,
    datasets: BTreeSet<&'a str>,
}

/// The names that a scope must not see.
pub(crate) struct Hidden<'a> {
    names: &'a Mentions,
    seen: HashSet<&'a str>,
    /// The database of a Postgres warehouse.
    database: Option<&'a str>,
    datasets: &'a Names,
    extensions: &'a [Extension],
}

impl Hidden<'_> {
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.names.any_in(text, |name| !self.seen.contains(name))
    }

    /// Whether a schema of Postgres is hidden. It may have no tables.
    fn has_schema(&self, schema: &str) -> bool {
        self.database
            .is_some_and(|database| postgres::is_outside(schema, database, self.datasets))
    }

    /// Whether this is a type or function of an extension, whose name is no secret.
    fn is_of_extension(&self, name: &str) -> bool {
        self.extensions.iter().any(|extension| {
            let mut names = extension.types.iter().chain(&extension.functions);
            names.any(|known| known == name)
        })
    }
}

impl<'a> Whole<'a> {
    pub(crate) fn of(document: &'a Document) -> Self {
        let mut names_of: HashMap<String, Vec<String>> = HashMap::new();
        for (dataset, name) in names(document) {
            names_of
                .entry(dataset)
                .or_default()
                .push(name.to_lowercase());
        }
        let distinct: HashSet<&String> = names_of.values().flatten().collect();
        let names = Mentions::of(distinct.into_iter().cloned());
        let mut tables_of: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut links: BTreeMap<BTreeSet<&str>, BTreeSet<usize>> = BTreeMap::new();
        // The dataset of a table; none if it is unknown, or if two tables have the name.
        let mut dataset_of: HashMap<&str, Option<&str>> = HashMap::new();
        for (position, table) in document.tables.iter().enumerate() {
            let dataset = (!table.parts.is_unknown()).then(|| table.dataset());
            if let Some(dataset) = dataset {
                tables_of.entry(dataset).or_default().push(position);
                for other in linked(table).filter(|other| *other != dataset) {
                    let set = BTreeSet::from([dataset, other]);
                    links.entry(set).or_default().insert(position);
                }
            }
            let known = dataset_of.entry(&table.name).or_insert(dataset);
            if *known != dataset {
                *known = None;
            }
        }
        let dataset = |table: &str| dataset_of.get(table).copied().flatten();
        let reading = |example: &'a Example| {
            let datasets = example.tables.iter().map(|table| dataset(table));
            let datasets: Option<BTreeSet<&str>> = datasets.collect();
            let datasets = datasets.filter(|datasets| !datasets.is_empty())?;
            Some(Reading { example, datasets })
        };
        Self {
            names,
            names_of,
            tables_of,
            links,
            examples: document.examples.iter().filter_map(reading).collect(),
            quarantined: document.quarantined.iter().filter_map(reading).collect(),
            meaning: Entries::of(&document.meaning, dataset),
            document,
        }
    }

    /// The ids of the datasets.
    pub(crate) fn datasets(&self) -> BTreeSet<&'a str> {
        let of_source = self.document.source.datasets.iter().map(String::as_str);
        let ids = of_source.chain(self.tables_of.keys().copied());
        ids.filter(|id| !id.is_empty()).collect()
    }

    /// The sets of datasets that an example reads together, that a term is about, or that a key or
    /// inheritance links.
    pub(crate) fn together(&self) -> BTreeSet<BTreeSet<&'a str>> {
        let readings = self.examples.iter().chain(&self.quarantined);
        let sets = readings.map(|reading| &reading.datasets);
        let sets = sets.filter(|set| set.len() > 1);
        let sets = sets.chain(self.meaning.together());
        sets.chain(self.links.keys()).cloned().collect()
    }

    fn hidden<'h>(&'h self, datasets: &'h Names) -> Hidden<'h> {
        let seen: HashSet<&str> = match datasets {
            Names::All => self
                .names_of
                .values()
                .flatten()
                .map(String::as_str)
                .collect(),
            Names::Only(ids) => {
                let seen = ids.iter().filter_map(|id| self.names_of.get(id.as_str()));
                seen.flatten().map(String::as_str).collect()
            }
        };
        let source = &self.document.source;
        Hidden {
            names: &self.names,
            seen,
            database: postgres::database(self.document),
            datasets,
            extensions: source.extensions.as_deref().unwrap_or_default(),
        }
    }

    pub(crate) fn within(&self, datasets: &Names) -> Document {
        let hidden = self.hidden(datasets);
        let mut within = Document {
            ledger: self.ledger(datasets, &hidden),
            ..self.content(datasets, &hidden)
        };
        let Ledger {
            changed_at,
            changed_together,
            ..
        } = &within.ledger;
        // An earlier release wrote no times of datasets.
        if !self.document.ledger.changed_at.is_empty() {
            let together = changed_together.iter().map(|it| it.at);
            let last = changed_at.values().copied().chain(together).max();
            within.generated_at = last.unwrap_or(Timestamp::UNIX_EPOCH);
        }
        within.version = versions::content_hash(&within);
        within
    }

    /// The hash of what a caller of these datasets sees.
    pub(crate) fn hash(&self, datasets: &Names) -> String {
        versions::content_hash(&self.content(datasets, &self.hidden(datasets)))
    }

    /// The restricted document without a ledger.
    fn content(&self, datasets: &Names, hidden: &Hidden) -> Document {
        let whole = self.document;
        let ids = match datasets {
            Names::Only(ids) => ids.iter().map(String::as_str).collect(),
            Names::All => self.datasets(),
        };
        let tables = ids.iter().filter_map(|id| self.tables_of.get(id));
        let mut tables: Vec<usize> = tables.flatten().copied().collect();
        tables.sort_unstable();
        let tables = tables.into_iter().map(|position| {
            let mut table = whole.tables[position].clone();
            clear::table(&mut table, datasets, hidden);
            table
        });
        let in_scope = whole.source.datasets.iter();
        let in_scope = in_scope.filter(|dataset| datasets.contain(dataset));
        let mut extensions = whole.source.extensions.clone();
        // The functions of an extension can be called without its schema.
        for extension in extensions.iter_mut().flatten() {
            let is_default = extension.schema == "public";
            if hidden.are_in(&extension.schema)
                || (hidden.has_schema(&extension.schema) && !is_default)
            {
                extension.schema.clear();
            }
        }
        Document {
            format: whole.format,
            version: String::new(),
            generated_at: whole.generated_at,
            source: Source {
                kind: whole.source.kind,
                dialect: whole.source.dialect,
                datasets: in_scope.cloned().collect(),
                extensions,
            },
            tables: tables.collect(),
            examples: visible(&self.examples, datasets, hidden),
            quarantined: visible(&self.quarantined, datasets, hidden),
            meaning: self.meaning.within(datasets, hidden),
            ledger: Ledger::default(),
        }
    }

    fn ledger(&self, datasets: &Names, hidden: &Hidden) -> Ledger {
        let whole = &self.document.ledger;
        let sees = |dataset: &Option<String>| {
            let dataset = dataset.as_deref();
            dataset.is_some_and(|dataset| datasets.contain(dataset))
        };
        let times = whole.changed_at.iter();
        let times = times.filter(|(dataset, _)| datasets.contain(dataset));
        let together = whole.changed_together.iter();
        let together = together.filter(|it| it.datasets.iter().all(|id| datasets.contain(id)));
        let dropped = whole.dropped.iter().filter(|dropped| {
            sees(&dropped.dataset)
                && !hidden.are_in(&dropped.text)
                && !hidden.are_in(&dropped.reason)
        });
        let problems = whole.problems.iter();
        let problems = problems.filter(|it| sees(&it.dataset) && !hidden.are_in(&it.detail));
        Ledger {
            changed_at: times.map(|(dataset, at)| (dataset.clone(), *at)).collect(),
            changed_together: together.cloned().collect(),
            dropped: dropped.cloned().collect(),
            problems: problems.cloned().collect(),
            ..Ledger::default()
        }
    }

    /// The hash of what only a caller of all of these datasets sees: the examples that read them all, the terms
    /// about all of them, and the keys and the inheritance between two of them.
    pub(crate) fn hash_together(&self, set: &BTreeSet<&str>) -> String {
        let datasets = Names::only(set.iter().copied());
        let hidden = self.hidden(&datasets);
        let between = |name: &TableName, table: &Table| {
            name.dataset_id() != table.dataset() && set.contains(name.dataset_id())
        };
        let linked = self.links.get(set).into_iter().flatten().map(|position| {
            let table = &self.document.tables[*position];
            let names = |names: &[TableName]| {
                let names = names.iter().filter(|name| between(name, table));
                names.cloned().collect()
            };
            let keys = table.foreign_keys.iter();
            let keys = keys.filter(|key| between(&key.references_parts, table));
            Table {
                foreign_keys: keys.cloned().collect(),
                inherits: names(&table.inherits),
                inherited_by: names(&table.inherited_by),
                ..Table::new(table.parts.clone(), table.kind)
            }
        });
        let all = |readings: &[Reading]| {
            let mut readings = visible_readings(readings, &datasets, &hidden);
            readings.retain(|reading| reading.datasets == *set);
            readings
                .into_iter()
                .map(|it| cleared(it.example, &hidden))
                .collect()
        };
        versions::content_hash(&Document {
            format: self.document.format,
            version: String::new(),
            generated_at: self.document.generated_at,
            source: Source {
                kind: self.document.source.kind,
                dialect: self.document.source.dialect,
                datasets: Vec::new(),
                extensions: None,
            },
            tables: linked.collect(),
            examples: all(&self.examples),
            quarantined: all(&self.quarantined),
            meaning: self.meaning.of_all(set, &hidden),
            ledger: Ledger::default(),
        })
    }
}

/// The datasets that a table's keys and inheritance refer to.
fn linked(table: &Table) -> impl Iterator<Item = &str> {
    let keys = table.foreign_keys.iter().map(|key| &key.references_parts);
    let names = keys.chain(&table.inherits).chain(&table.inherited_by);
    names.map(TableName::dataset_id).filter(|id| !id.is_empty())
}

fn visible_readings<'r, 'a>(
    readings: &'r [Reading<'a>],
    datasets: &Names,
    hidden: &Hidden,
) -> Vec<&'r Reading<'a>> {
    let is_visible = |reading: &&Reading| {
        let error = reading.example.error.as_deref().unwrap_or_default();
        reading.datasets.iter().all(|id| datasets.contain(id))
            && !hidden.are_in(&reading.example.question)
            && !hidden.are_in(error)
    };
    readings.iter().filter(is_visible).collect()
}

fn visible(readings: &[Reading], datasets: &Names, hidden: &Hidden) -> Vec<Example> {
    let readings = visible_readings(readings, datasets, hidden).into_iter();
    readings.map(|it| cleared(it.example, hidden)).collect()
}

fn cleared(example: &Example, hidden: &Hidden) -> Example {
    let mut example = example.clone();
    if let Some(verified) = &mut example.verified {
        clear::columns(&mut verified.columns, hidden);
    }
    example
}
