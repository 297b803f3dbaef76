//! The tables of a warehouse by the names under which a query may read them.

use std::collections::HashMap;
use std::sync::OnceLock;

use schema::Dialect;
use schema::document::{Table, TableKind};
use schema::name::TableName;
use schema::render::{identifier, table_name};

use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::names::Names;
use crate::nearest;
use crate::parse::ParseOptions;
use crate::shard::{is_shard, may_start_with};

/// A schema made ready to be resolved against; built once, used for every query and description.
///
/// A table is found by its name in full, by its name and dataset (or Postgres schema), and by its
/// bare name where no other dataset has that name. A family `events_*` is also found by a narrower
/// wildcard (`events_2021*`) and by a single shard (`events_20210131`) of its range.
pub struct Schema<'a> {
    tables: Vec<&'a Table>,
    dialect: Dialect,
    strict: bool,
    by_own_name: HashMap<&'a str, Vec<&'a Table>>,
    families: Vec<(&'a Table, &'a str)>,
    names: OnceLock<Names<'a>>,
}

/// The tables that one name in a query reads.
pub(crate) struct TableMatch<'a> {
    /// One; several where a wildcard reaches over tables that are no family.
    pub tables: Vec<&'a Table>,
    pub wildcard: bool,
    /// What stands before the `*`, without dataset; the whole name where there is none.
    pub prefix: String,
    /// Of a single shard.
    pub suffix: Option<String>,
}

impl<'a> Schema<'a> {
    pub fn new(tables: &'a [Table], dialect: Dialect) -> Self {
        Self::of(tables.iter().collect(), dialect)
    }

    /// What is left of it where only one dataset is known.
    pub fn in_dataset(&self, dataset: &str) -> Self {
        let tables = self.tables.iter().copied();
        let tables = tables.filter(|table| table.dataset() == dataset);
        Self::of(tables.collect(), self.dialect)
    }

    /// For queries that nobody vouches for: each table is to be named with its dataset, and there
    /// may be no comments. A short name means to the warehouse what its search path or its default
    /// project makes of it, among tables that may not be in the schema at all.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    pub fn of(tables: Vec<&'a Table>, dialect: Dialect) -> Self {
        let mut by_own_name: HashMap<&str, Vec<&Table>> = HashMap::new();
        let mut families = Vec::new();
        // Of an unknown name no query can be told to mean it.
        let known = tables.iter().copied();
        for table in known.filter(|table| !table.parts.is_unknown()) {
            let own = table.own_name();
            by_own_name.entry(own).or_default().push(table);
            if let Some(base) = own.strip_suffix('*') {
                families.push((table, base));
            }
        }
        Self {
            tables,
            dialect,
            strict: false,
            by_own_name,
            families,
            names: OnceLock::new(),
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How a query of it is read.
    pub(crate) fn parse_options(&self) -> ParseOptions {
        ParseOptions {
            dialect: self.dialect,
            comments: !self.strict,
        }
    }

    pub fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().copied()
    }

    /// Every name in the schema, for descriptions; made when first asked for.
    pub(crate) fn names(&self) -> &Names<'a> {
        self.names.get_or_init(|| Names::new(&self.tables))
    }

    /// Finds what `parts` (the last one the table's) reads.
    pub(crate) fn find(&self, parts: &[String]) -> Result<TableMatch<'a>, Fault> {
        match self.look_up(parts) {
            Ok(Some(found)) if self.is_short(parts) => {
                let written = parts.join(".");
                let names = found.tables.first();
                let names = names.map_or_else(String::new, |table| self.written(table));
                let reason =
                    format!("{written} is short for {names}: write the table's whole name");
                Err(Fault::new(FaultKind::Table, written, reason))
            }
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(self.no_table(parts)),
            Err(fault) => Err(fault),
        }
    }

    /// Without a dataset, or in BigQuery without its project.
    fn is_short(&self, parts: &[String]) -> bool {
        let whole = match self.dialect {
            Dialect::Bigquery => 3,
            Dialect::Postgres => 2,
        };
        self.strict && parts.len() < whole
    }

    /// Like `find`, for words that need not be a table: without a search for what is near.
    pub(crate) fn look_up(&self, parts: &[String]) -> Result<Option<TableMatch<'a>>, Fault> {
        let written = parts.join(".");
        if parts
            .iter()
            .any(|part| part.eq_ignore_ascii_case("information_schema"))
        {
            let reason = format!("{written} is metadata, which is not part of the schema");
            return Err(Fault::new(FaultKind::Table, written, reason));
        }
        let Some((last, qualifiers)) = parts.split_last() else {
            return Err(Fault::new(FaultKind::Table, "", "a table has no name"));
        };
        let exact: Vec<&Table> = self
            .by_own_name
            .get(last.as_str())
            .into_iter()
            .flatten()
            .copied()
            .filter(|table| self.is_in(table, qualifiers))
            .collect();
        if !exact.is_empty() {
            return self.only(exact, &written).map(|table| {
                Some(TableMatch {
                    tables: vec![table],
                    wildcard: last.ends_with('*'),
                    prefix: last.trim_end_matches('*').to_owned(),
                    suffix: None,
                })
            });
        }
        match (self.dialect, last.strip_suffix('*')) {
            (Dialect::Bigquery, Some(prefix)) => self.find_wildcard(prefix, qualifiers, &written),
            (Dialect::Bigquery, None) => self.find_shard(last, qualifiers, &written),
            (Dialect::Postgres, _) => Ok(None),
        }
    }

    /// A wildcard that is no family's own: narrower than one, or over tables that are no shards.
    fn find_wildcard(
        &self,
        prefix: &str,
        qualifiers: &[String],
        written: &str,
    ) -> Result<Option<TableMatch<'a>>, Fault> {
        let matched: Vec<&Table> = self
            .tables()
            .filter(|table| {
                let last = table.own_name();
                let is_read = match last.strip_suffix('*') {
                    Some(base) => {
                        base.starts_with(prefix)
                            || prefix.strip_prefix(base).is_some_and(|start| {
                                table
                                    .shards
                                    .as_ref()
                                    .is_some_and(|shards| may_start_with(shards, start))
                            })
                    }
                    None => last.starts_with(prefix) && table.kind != TableKind::View,
                };
                is_read && self.is_in(table, qualifiers)
            })
            .collect();
        let Some(first) = matched.first() else {
            return Ok(None);
        };
        if matched
            .iter()
            .any(|table| table.dataset() != first.dataset())
        {
            return Err(self.ambiguous(written, &matched));
        }
        Ok(Some(TableMatch {
            tables: matched,
            wildcard: true,
            prefix: prefix.to_owned(),
            suffix: None,
        }))
    }

    fn find_shard(
        &self,
        last: &str,
        qualifiers: &[String],
        written: &str,
    ) -> Result<Option<TableMatch<'a>>, Fault> {
        let family = self
            .families
            .iter()
            .filter(|(table, _)| self.is_in(table, qualifiers))
            .filter_map(|(table, base)| {
                let suffix = last.strip_prefix(base)?;
                let is_suffix = !suffix.is_empty() && suffix.bytes().all(|b| b.is_ascii_digit());
                is_suffix.then_some((*table, suffix))
            })
            // `events_2021*` beside `events_*`: the longer name is the nearer one.
            .min_by_key(|(_, suffix)| suffix.len());
        let Some((table, suffix)) = family else {
            return Ok(None);
        };
        match &table.shards {
            Some(shards) if !is_shard(shards, suffix) => Err(Fault::new(
                FaultKind::Shard,
                written,
                format!(
                    "{written} is no shard of {}: they run from {} to {}",
                    self.written(table),
                    shards.first,
                    shards.last
                ),
            )),
            _ => Ok(Some(TableMatch {
                tables: vec![table],
                wildcard: false,
                prefix: last.to_owned(),
                suffix: Some(suffix.to_owned()),
            })),
        }
    }

    fn only(&self, mut found: Vec<&'a Table>, written: &str) -> Result<&'a Table, Fault> {
        // What an unqualified name means to a Postgres with the default search path.
        if self.dialect == Dialect::Postgres
            && found.len() > 1
            && let Some(public) = found
                .iter()
                .find(|table| self.is_in(table, &["public".to_owned()]))
        {
            return Ok(public);
        }
        match (found.pop(), found.is_empty()) {
            (Some(table), true) => Ok(table),
            (last, _) => {
                found.extend(last);
                Err(self.ambiguous(written, &found))
            }
        }
    }

    fn is_in(&self, table: &Table, qualifiers: &[String]) -> bool {
        let TableName {
            project, dataset, ..
        } = &table.parts;
        match (self.dialect, qualifiers) {
            (_, []) => !table.parts.is_unknown(),
            // A project of BigQuery may hold dots, which part a name however it is quoted.
            (Dialect::Bigquery, [of @ .., last]) => {
                last == dataset && (of.is_empty() || of.join(".") == *project)
            }
            (Dialect::Postgres, [schema]) => schema == dataset,
            (Dialect::Postgres, [database, schema]) => schema == dataset && database == project,
            (Dialect::Postgres, _) => false,
        }
    }

    /// A table as a query may name it, in full.
    fn written(&self, table: &Table) -> String {
        match self.dialect {
            Dialect::Bigquery => table.name.clone(),
            Dialect::Postgres => {
                let database = identifier(&table.parts.project, self.dialect);
                format!("{database}.{}", table_name(&table.parts, self.dialect))
            }
        }
    }

    fn ambiguous(&self, written: &str, found: &[&Table]) -> Fault {
        let names = found.iter().map(|table| self.written(table));
        let names: Vec<String> = names.take(4).collect();
        let reason = format!("{written} could be any of {}", names.join(", "));
        Fault::new(FaultKind::Ambiguous, written, reason)
    }

    fn no_table(&self, parts: &[String]) -> Fault {
        let written = parts.join(".");
        let last = parts.last().map_or("", |last| last.trim_end_matches('*'));
        let elsewhere: Vec<String> = self
            .tables()
            .filter(|table| table.own_name().trim_end_matches('*') == last)
            .map(|table| self.written(table))
            .take(3)
            .collect();
        let hint = if elsewhere.is_empty() {
            nearest::hint(last, self.tables().map(Table::own_name))
        } else {
            format!("; there is {}", elsewhere.join(", "))
        };
        let reason = format!("there is no table {written}{hint}");
        Fault::new(FaultKind::Table, written, reason)
    }
}
