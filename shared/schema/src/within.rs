//! A document restricted to a scope: what a caller of some datasets sees.
//!
//! Everything that mentions a table of another dataset is removed, including texts, and everything that can't
//! be assigned to a dataset. Nothing of what is left depends on a change that it does not show: `version` is
//! the hash of what is left, `generated_at` the last time at which it changed, and the costs are 0.

mod clear;
mod definition;
mod extensions;
mod fields;
mod grouped;
mod hidden;
mod meaning;
mod names;
mod opened;
mod paths;
mod postgres;
mod sql;
#[cfg(test)]
mod tests;
mod unseen;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use platform::auth::Names;

use crate::document::{Document, Example, Ledger, Meaning, Source, Table};
use crate::name::TableName;
use crate::versions;

pub use self::names::names;
pub use self::unseen::{example_within, unseen_examples};

use self::fields::is_path_hidden;
use self::grouped::Grouped;
use self::hidden::{Hidden, Named};
use self::meaning::{Entries, Place};

/// The document restricted to `datasets`. If nothing is hidden, `version` is that of the whole document.
pub fn within(document: &Document, datasets: &Names) -> Document {
    if *datasets == Names::All {
        return document.clone();
    }
    Whole::of(document).within(datasets)
}

/// What a caller of these datasets would see of entries if they were those of the document.
pub fn meaning_within(meaning: &Meaning, document: &Document, datasets: &Names) -> Meaning {
    if *datasets == Names::All {
        return meaning.clone();
    }
    let whole = Whole::of(document);
    let hidden = whole.hidden(datasets);
    let entries = Entries::of(meaning, |name| whole.place(name));
    entries.within(datasets, &hidden)
}

/// A whole document, indexed to be restricted to several scopes.
pub(crate) struct Whole<'a> {
    document: &'a Document,
    named: Named,
    /// The columns and fields, if something asks for them.
    columns: OnceCell<Named>,
    /// The positions of the tables of each dataset.
    tables_of: HashMap<&'a str, Vec<usize>>,
    examples: Grouped<'a, Reading<'a>>,
    quarantined: Grouped<'a, Reading<'a>>,
    meaning: Entries<'a>,
    /// The tables by name; none if the dataset is unknown, or if tables of several datasets have the name.
    table_of: HashMap<&'a str, Option<&'a Table>>,
    /// The positions of the tables with a key, inheritance or the query of a view between datasets.
    links: BTreeMap<BTreeSet<&'a str>, BTreeSet<usize>>,
}

/// An example, and the tables that it reads.
struct Reading<'a> {
    example: &'a Example,
    tables: Vec<&'a Table>,
}

impl<'a> Whole<'a> {
    pub(crate) fn of(document: &'a Document) -> Self {
        let mut tables_of: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut links: BTreeMap<BTreeSet<&str>, BTreeSet<usize>> = BTreeMap::new();
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
        let reading = |example| reading(&table_of, example);
        let place = |name: &'a str| place(&table_of, name, document);
        let mut whole = Self {
            named: Named::of(document),
            columns: OnceCell::new(),
            tables_of,
            links,
            examples: Grouped::of(document.examples.iter().filter_map(reading)),
            quarantined: Grouped::of(document.quarantined.iter().filter_map(reading)),
            meaning: Entries::of(&document.meaning, place),
            table_of,
            document,
        };
        for (position, table) in document.tables.iter().enumerate() {
            let read = whole.datasets_of_definition(table);
            if let Some(set) = read.filter(|set| set.len() > 1) {
                whole.links.entry(set).or_default().insert(position);
            }
        }
        whole
    }

    /// The ids of the datasets.
    pub(crate) fn datasets(&self) -> BTreeSet<&'a str> {
        let of_source = self.document.source.datasets.iter().map(String::as_str);
        let of_entries = self.meaning.sets().flatten().copied();
        let ids = of_source.chain(self.tables_of.keys().copied());
        let ids = ids.chain(of_entries);
        ids.filter(|id| !id.is_empty()).collect()
    }

    /// The sets of datasets that an example or a view reads together, that a term is about, or that a key or
    /// inheritance links.
    pub(crate) fn together(&self) -> BTreeSet<BTreeSet<&'a str>> {
        let of_examples = self.examples.sets().chain(self.quarantined.sets());
        let sets = of_examples.chain(self.meaning.sets());
        let sets = sets.filter(|set| set.len() > 1);
        sets.chain(self.links.keys()).cloned().collect()
    }

    fn hidden<'h>(&'h self, datasets: &'h Names) -> Hidden<'h> {
        Hidden::from(&self.named, &self.columns, self.document, datasets)
    }

    /// The table of a name.
    fn table(&self, name: &str) -> Option<&'a Table> {
        self.table_of.get(name).copied().flatten()
    }

    /// Where an entry about a table of this name belongs.
    fn place<'n>(&'n self, name: &'n str) -> Option<Place<'n>> {
        place(&self.table_of, name, self.document)
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
    fn content<'h>(&'h self, datasets: &'h Names, hidden: &Hidden<'h>) -> Document {
        let whole = self.document;
        let ids = match datasets {
            Names::Only(ids) => ids.iter().map(String::as_str).collect(),
            Names::All => self.datasets(),
        };
        let tables = ids.iter().filter_map(|id| self.tables_of.get(id));
        let mut tables: Vec<usize> = tables.flatten().copied().collect();
        tables.sort_unstable();
        let tables = tables.into_iter().map(|position| {
            let original = &whole.tables[position];
            let mut table = original.clone();
            if !self.shows_definition(original, datasets, hidden) {
                table.definition = None;
            }
            clear::table(&mut table, datasets, hidden);
            table
        });
        let in_scope = whole.source.datasets.iter();
        let in_scope = in_scope.filter(|dataset| datasets.contain(dataset));
        let tables: Vec<Table> = tables.collect();
        let mut content = Document {
            format: whole.format,
            version: String::new(),
            generated_at: whole.generated_at,
            source: Source {
                kind: whole.source.kind,
                dialect: whole.source.dialect,
                datasets: in_scope.cloned().collect(),
                extensions: extensions::seen(whole.source.extensions.as_deref(), &tables, hidden),
            },
            tables,
            examples: visible(self.examples.within(datasets).into_iter(), hidden),
            quarantined: visible(self.quarantined.within(datasets).into_iter(), hidden),
            meaning: self.meaning.within(datasets, hidden),
            ledger: Ledger::default(),
        };
        // What is hidden may need a newer format.
        content.format = content.format.min(content.least_format());
        content
    }

    fn ledger<'h>(&'h self, datasets: &Names, hidden: &Hidden<'h>) -> Ledger {
        let whole = &self.document.ledger;
        let sees = |dataset: &Option<String>| {
            let dataset = dataset.as_deref();
            dataset.is_some_and(|dataset| datasets.contain(dataset))
        };
        let times = whole.changed_at.iter();
        let times = times.filter(|(dataset, _)| datasets.contain(dataset));
        let together = whole.changed_together.iter();
        let together = together.filter(|it| it.datasets.iter().all(|id| datasets.contain(id)));
        let names_fields = |table: Option<&'h Table>, texts: &[&str]| {
            let fields = table.map(|table| hidden.fields(table));
            fields.is_some_and(|fields| texts.iter().any(|text| fields.are_in(text)))
        };
        let dropped = whole.dropped.iter().filter(|dropped| {
            let table = dropped.table.as_deref();
            let table = table.and_then(|name| self.table(name));
            let path = table.zip(dropped.path.as_deref());
            let texts = [dropped.text.as_str(), &dropped.reason];
            sees(&dropped.dataset)
                && !path.is_some_and(|(table, path)| is_path_hidden(table, path, hidden))
                && !texts.iter().any(|text| hidden.are_in(text))
                && !names_fields(table, &texts)
        });
        let problems = whole.problems.iter().filter(|it| {
            let table = self.table(&it.subject);
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

    /// The hash of what only a caller of all of these datasets sees: the examples and views that read them all, the
    /// terms about all of them, and the keys and the inheritance between two of them.
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
            let definition = table.definition.as_ref().filter(|_| {
                self.datasets_of_definition(table).as_ref() == Some(set)
                    && self.shows_definition(table, &datasets, &hidden)
            });
            Table {
                definition: definition.cloned(),
                foreign_keys: keys.cloned().collect(),
                inherits: names(&table.inherits),
                inherited_by: names(&table.inherited_by),
                ..Table::new(table.parts.clone(), table.kind)
            }
        });
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
            examples: visible(self.examples.exactly(set), &hidden),
            quarantined: visible(self.quarantined.exactly(set), &hidden),
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

/// The datasets and the tables that an example reads, if all of them are known.
fn reading<'a>(
    table_of: &HashMap<&str, Option<&'a Table>>,
    example: &'a Example,
) -> Option<(BTreeSet<&'a str>, Reading<'a>)> {
    let tables = example.tables.iter();
    let tables = tables.map(|name| table_of.get(name.as_str()).copied().flatten());
    let tables: Vec<&Table> = tables.collect::<Option<_>>()?;
    let datasets = tables.iter().map(|it| it.dataset()).collect();
    Some((datasets, Reading { example, tables }))
}

/// Where an entry about a table of this name belongs.
fn place<'a>(
    table_of: &HashMap<&'a str, Option<&'a Table>>,
    name: &'a str,
    document: &'a Document,
) -> Option<Place<'a>> {
    match table_of.get(name) {
        Some(table) => table.map(Place::Table),
        None => Place::gone(name, document),
    }
}

/// The examples that mention nothing hidden.
fn visible<'h>(
    readings: impl Iterator<Item = &'h Reading<'h>>,
    hidden: &Hidden<'h>,
) -> Vec<Example> {
    let is_visible = |reading: &&Reading<'h>| {
        let Example {
            question,
            sql,
            error,
            ..
        } = reading.example;
        let sql = hidden.sql(sql);
        let error = error.as_deref().unwrap_or_default();
        let texts = [question.as_str(), error, &sql.comments];
        let names_field = |table: &'h Table| {
            let fields = hidden.fields(table);
            fields.are_in_sql(&sql) || texts.iter().any(|text| fields.are_in(text))
        };
        !texts.iter().any(|text| hidden.are_in(text))
            && !hidden.is_named_in(&sql, &reading.tables)
            && !reading.tables.iter().any(|table| names_field(table))
    };
    let readings = readings.filter(is_visible);
    readings.map(|it| cleared(it, hidden)).collect()
}

fn cleared<'h>(reading: &Reading<'h>, hidden: &Hidden<'h>) -> Example {
    let mut example = reading.example.clone();
    if let Some(verified) = &mut example.verified {
        // `(record).*` names the fields in the result, and not in the query.
        let is_field = |name: &str| reading.tables.iter().any(|it| hidden.fields(it).have(name));
        if verified.columns.iter().any(|column| is_field(&column.name)) {
            verified.columns.clear();
        }
        clear::columns(&mut verified.columns, hidden);
    }
    example
}
