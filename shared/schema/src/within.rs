//! A document restricted to a scope: what a caller of some datasets sees.
//!
//! Everything that mentions a table of another dataset is removed, including texts, and everything that can't
//! be assigned to a dataset. Nothing of what is left depends on a change that it does not show: `version` is
//! the hash of what is left, `generated_at` the last time at which it changed, and the costs are 0.

mod clear;
mod fields;
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

use self::fields::{HiddenFields, is_path_hidden};
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
    /// The tables by name, without those of unknown dataset, and of several datasets.
    table_of: HashMap<&'a str, &'a Table>,
    /// The positions of the tables with a key or inheritance between two datasets.
    links: BTreeMap<BTreeSet<&'a str>, BTreeSet<usize>>,
}

/// An example, and the tables and datasets that it reads.
struct Reading<'a> {
    example: &'a Example,
    tables: Vec<&'a Table>,
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
        // None if the dataset is unknown, or if tables of two datasets have the name.
        let mut table_of: HashMap<&str, Option<&Table>> = HashMap::new();
        for (position, table) in document.tables.iter().enumerate() {
            let dataset = (!table.parts.is_unknown()).then(|| table.dataset());
            if let Some(dataset) = dataset {
                tables_of.entry(dataset).or_default().push(position);
                for other in linked(table).filter(|other| *other != dataset) {
                    let set = BTreeSet::from([dataset, other]);
                    links.entry(set).or_default().insert(position);
                }
            }
            let known = table_of
                .entry(&table.name)
                .or_insert(dataset.map(|_| table));
            if known.map(Table::dataset) != dataset {
                *known = None;
            }
        }
        let table_of: HashMap<&str, &Table> = table_of
            .into_iter()
            .filter_map(|(name, table)| Some((name, table?)))
            .collect();
        let table = |name: &str| table_of.get(name).copied();
        let reading = |example: &'a Example| {
            let tables = example.tables.iter().map(|name| table(name));
            let tables: Vec<&Table> = tables.collect::<Option<_>>()?;
            let datasets: BTreeSet<&str> = tables.iter().map(|it| it.dataset()).collect();
            (!datasets.is_empty()).then_some(Reading {
                example,
                tables,
                datasets,
            })
        };
        Self {
            names,
            names_of,
            tables_of,
            links,
            examples: document.examples.iter().filter_map(reading).collect(),
            quarantined: document.quarantined.iter().filter_map(reading).collect(),
            meaning: Entries::of(&document.meaning, table),
            table_of,
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
        let mut content = Document {
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
        };
        // What is hidden may need a newer format.
        content.format = content.format.min(content.least_format());
        content
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
        let names_fields = |table: Option<&&Table>, texts: &[&str]| {
            let fields = table.map(|table| HiddenFields::of(table, hidden));
            fields.is_some_and(|fields| texts.iter().any(|text| fields.are_in(text)))
        };
        let dropped = whole.dropped.iter().filter(|dropped| {
            let table = dropped.table.as_deref();
            let table = table.and_then(|name| self.table_of.get(name));
            let path = table.zip(dropped.path.as_deref());
            let texts = [dropped.text.as_str(), &dropped.reason];
            sees(&dropped.dataset)
                && !path.is_some_and(|(table, path)| is_path_hidden(table, path, hidden))
                && !texts.iter().any(|text| hidden.are_in(text))
                && !names_fields(table, &texts)
        });
        let problems = whole.problems.iter().filter(|it| {
            let table = self.table_of.get(it.subject.as_str());
            sees(&it.dataset) && !hidden.are_in(&it.detail) && !names_fields(table, &[&it.detail])
        });
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
        let mut together = Document {
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
        };
        together.format = together.format.min(together.least_format());
        versions::content_hash(&together)
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
        let Example {
            question,
            sql,
            error,
            ..
        } = reading.example;
        let texts = [question, error.as_deref().unwrap_or_default()];
        let fields = |table: &&Table| {
            let fields = HiddenFields::of(table, hidden);
            fields.are_in_sql(sql) || texts.iter().any(|text| fields.are_in(text))
        };
        reading.datasets.iter().all(|id| datasets.contain(id))
            && !texts.iter().any(|text| hidden.are_in(text))
            && !reading.tables.iter().any(fields)
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
