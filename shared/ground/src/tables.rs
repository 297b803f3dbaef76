//! The tables of a schema, by the names that a query may use for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use schema::Dialect;
use schema::document::{Extension, Table};
use schema::family;
use schema::name::TableName;
use schema::render::{self, identifier, table_name};

use crate::extensions::Extensions;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::names::Names;
use crate::nearest;
use crate::parse::ParseOptions;
use crate::shard::{is_shard, may_start_with};

/// A schema to resolve queries and descriptions against. Build it once and use it for all of them.
///
/// A table is found by its full name, by its name and dataset (or Postgres schema), and by its bare
/// name if no other dataset has a table of that name. A family `events_*` is also found by a narrower
/// wildcard (`events_2021*`) and by a single shard (`events_20210131`) of its range.
pub struct Schema<'a> {
    tables: Vec<&'a Table>,
    dialect: Dialect,
    strict: bool,
    hints: bool,
    extensions: Extensions<'a>,
    by_own_name: HashMap<&'a str, Vec<&'a Table>>,
    families: Vec<(&'a Table, &'a str)>,
    names: OnceLock<Names<'a>>,
}

/// The tables that a name in a query refers to.
pub(crate) struct TableMatch<'a> {
    /// One table, or several if a wildcard matches tables that are not a family.
    pub tables: Vec<&'a Table>,
    pub wildcard: bool,
    /// The part before the `*`, without the dataset; the whole name without a `*`.
    pub prefix: String,
    /// The suffix of a single shard.
    pub suffix: Option<String>,
}

impl<'a> Schema<'a> {
    pub fn new(tables: &'a [Table], dialect: Dialect) -> Self {
        Self::of(tables.iter().collect(), dialect)
    }

    /// The schema restricted to one dataset.
    pub fn in_dataset(&self, dataset: &str) -> Self {
        let tables = self.tables.iter().copied();
        let tables = tables.filter(|table| table.dataset() == dataset);
        Self {
            extensions: self.extensions,
            hints: self.hints,
            ..Self::of(tables.collect(), self.dialect)
        }
    }

    /// For untrusted queries: tables must be named with their dataset, and comments are refused. The
    /// warehouse resolves a short name by its search path or default project, possibly to a table that
    /// is not in this schema.
    #[must_use]
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// For reasons that are stored: they suggest no name of the whole schema, because their readers may not see all
    /// of it.
    #[must_use]
    pub fn without_hints(mut self) -> Self {
        self.hints = false;
        self
    }

    /// `; did you mean a or b?` with names of the schema, unless reasons have no hints.
    pub fn hint<'n>(&self, wanted: &str, names: impl Iterator<Item = &'n str>) -> String {
        if self.hints {
            nearest::hint(wanted, names)
        } else {
            String::new()
        }
    }

    /// The extensions of the Postgres database, whose functions, types and operators a query may use. If
    /// they are not known, those of common extensions are accepted.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Option<&'a [Extension]>) -> Self {
        self.extensions = Extensions(extensions);
        self
    }

    pub(crate) fn extensions(&self) -> Extensions<'a> {
        self.extensions
    }

    pub fn of(tables: Vec<&'a Table>, dialect: Dialect) -> Self {
        let mut by_own_name: HashMap<&str, Vec<&Table>> = HashMap::new();
        let mut families = Vec::new();
        // A query can't refer to a table whose name is unknown.
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
            hints: true,
            extensions: Extensions::default(),
            by_own_name,
            families,
            names: OnceLock::new(),
        }
    }

    /// A schema of other tables in the same database.
    #[must_use]
    pub fn with_tables<'b>(&self, tables: &'b [Table]) -> Schema<'b>
    where
        'a: 'b,
    {
        Schema {
            strict: self.strict,
            hints: self.hints,
            extensions: self.extensions,
            ..Schema::new(tables, self.dialect)
        }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How a query against the schema is parsed.
    pub(crate) fn parse_options(&self) -> ParseOptions {
        ParseOptions {
            dialect: self.dialect,
            comments: !self.strict,
        }
    }

    pub fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().copied()
    }

    /// Every name in the schema, for descriptions. Built on first use.
    pub(crate) fn names(&self) -> &Names<'a> {
        self.names.get_or_init(|| Names::new(&self.tables))
    }

    /// Finds the tables that `parts` refers to; the last part is the table's name.
    pub(crate) fn find(&self, parts: &[String]) -> Result<TableMatch<'a>, Fault> {
        match self.look_up(parts) {
            Ok(Some(found)) if self.is_short(parts) => {
                let written = parts.join(".");
                let names = found.tables.first();
                let names = names.map_or_else(String::new, |table| self.written(table));
                let reason = match parts {
                    [_] if self.dialect == Dialect::Bigquery && !self.strict => {
                        format!("{written} has no dataset: write {names}")
                    }
                    _ => format!("{written} is short for {names}: write the full table name"),
                };
                Err(Fault::new(FaultKind::Table, written, reason))
            }
            Ok(Some(found)) => match self.blocked(&found, parts) {
                Some(fault) => Err(fault),
                None => Ok(found),
            },
            Ok(None) => Err(self.no_table(parts)),
            Err(fault) => Err(fault),
        }
    }

    /// Whether a name, with its schema, is that of no table here.
    pub(crate) fn is_unknown_table(&self, written: &str) -> bool {
        let parts: Vec<String> = written.split('.').map(str::to_owned).collect();
        parts.len() > 1 && matches!(self.look_up(&parts), Ok(None))
    }

    /// Whether a table of the schema is in the dataset that a name mentions.
    pub(crate) fn has_dataset_of(&self, parts: &[String]) -> bool {
        let Some((_, qualifiers @ [_, ..])) = parts.split_last() else {
            return false;
        };
        !self.is_short(parts) && self.tables().any(|table| self.is_in(table, qualifiers))
    }

    /// Whether the dataset or, in BigQuery, its project is missing. BigQuery finds no table without its dataset.
    fn is_short(&self, parts: &[String]) -> bool {
        let whole = match (self.dialect, self.strict) {
            (Dialect::Bigquery, true) => 3,
            (Dialect::Bigquery, false) | (Dialect::Postgres, true) => 2,
            (Dialect::Postgres, false) => 1,
        };
        parts.len() < whole
    }

    /// [`Self::find`] for words that may not be a table: none instead of a fault with a hint.
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
        // `dataset.*` is the name of a family, and matches every table of the dataset.
        let is_whole_dataset = last == "*" && exact.iter().any(|table| has_siblings(table));
        if !exact.is_empty() && !is_whole_dataset {
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

    /// A wildcard that is not a family's name: narrower than one, or over tables that are not shards.
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
                    None => last.starts_with(prefix),
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

    /// BigQuery refuses a wildcard that matches a view or an external table, whatever the query filters.
    fn blocked(&self, found: &TableMatch<'a>, parts: &[String]) -> Option<Fault> {
        let first = found.tables.first().filter(|_| found.wildcard)?;
        let of_dataset = self.tables().filter(|it| it.dataset() == first.dataset());
        let of_dataset = of_dataset.filter(|table| !family::is_read_by_wildcard(table.kind));
        let families = found.tables.iter().filter_map(|it| it.shards.as_ref());
        let names: BTreeSet<&str> = families
            .flat_map(|shards| shards.blocked_by.iter().map(String::as_str))
            .chain(of_dataset.map(Table::own_name))
            .filter(|name| name.starts_with(&found.prefix))
            .collect();
        if names.is_empty() {
            return None;
        }
        let mut families = found.tables.iter().filter(|it| it.shards.is_some());
        let instead = match (families.next(), families.next()) {
            (Some(family), None) => render::instead(family, self.dialect)
                .unwrap_or_else(|| render::one_shard(family, self.dialect)),
            _ => "write a longer prefix, or read the tables one by one".to_owned(),
        };
        let written = parts.join(".");
        let names: Vec<&str> = names.into_iter().take(4).collect();
        let reason = format!(
            "BigQuery refuses the wildcard {written}, because it matches views or external tables ({}): \
             {instead}",
            names.join(", ")
        );
        Some(Fault::new(FaultKind::Table, written, reason))
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
            // Of `events_2021*` and `events_*`, the longer name is the better match.
            .min_by_key(|(_, suffix)| suffix.len());
        let Some((table, suffix)) = family else {
            return Ok(None);
        };
        match &table.shards {
            Some(shards) if !is_shard(shards, suffix) => Err(Fault::new(
                FaultKind::Shard,
                written,
                format!(
                    "{written} is not a shard of {}: they range from {} to {}",
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
        // Postgres with the default search path resolves an unqualified name to `public`.
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
            // A BigQuery project may contain dots, which split a name even inside quotes.
            (Dialect::Bigquery, [of @ .., last]) => {
                last == dataset && (of.is_empty() || of.join(".") == *project)
            }
            (Dialect::Postgres, [schema]) => schema == dataset,
            (Dialect::Postgres, [database, schema]) => schema == dataset && database == project,
            (Dialect::Postgres, _) => false,
        }
    }

    /// The full name of a table in a query.
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
        let reason = if self.hints {
            format!("{written} could be any of {}", names.join(", "))
        } else {
            format!("{written} could be any of {} tables", found.len())
        };
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
        let hint = if elsewhere.is_empty() || !self.hints {
            self.hint(last, self.tables().map(Table::own_name))
        } else {
            format!("; there is {}", elsewhere.join(", "))
        };
        let reason = format!("there is no table {written}{hint}");
        Fault::new(FaultKind::Table, written, reason)
    }
}

fn has_siblings(table: &Table) -> bool {
    table
        .shards
        .as_ref()
        .is_some_and(|shards| !shards.siblings.is_empty())
}
