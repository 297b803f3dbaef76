//! Checks entries against the schema: every table, column and other identifier in them must exist.

use std::borrow::Cow;
use std::collections::HashMap;

use ground::{Fault, FaultKind, Schema};
use platform::Error;
use schema::document::{Description, Metric, Table, TableKind, Term};
use schema::mentions::Mentions;
use schema::name::{TableName, part};
use schema::render::table_name;

use super::entry::Entry;

/// How many tables that match a short name a message lists.
const MAX_NAMED: usize = 5;
/// Why the SQL of a metric is refused that is not one expression.
pub const NO_EXPRESSION: &str =
    "sql must be one expression over the columns of the table, without an alias";

/// Why an entry is not known to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is wrong.
    Wrong(String),
    /// It could not be checked now.
    Unchecked(String),
    /// Its SQL can't be read here, for this reason. The warehouse decides.
    Unread(String),
}

impl From<String> for Misfit {
    fn from(reason: String) -> Self {
        Self::Wrong(reason)
    }
}

impl From<Vec<Fault>> for Misfit {
    fn from(faults: Vec<Fault>) -> Self {
        let reasons = ground::reasons(&faults);
        if ground::is_inconclusive(&faults) {
            Self::Unchecked(reasons)
        } else {
            Self::Wrong(reasons)
        }
    }
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Wrong(reason) | Misfit::Unread(reason) => Self::Unprocessable(reason),
            Misfit::Unchecked(detail) => Self::Unavailable {
                detail,
                cause: None,
            },
        }
    }
}

/// The tables against which entries are checked.
pub struct Checker<'s, 'a> {
    schema: &'s Schema<'a>,
    by_name: HashMap<&'a str, &'a Table>,
    /// By what follows the last dot of the own name, as it is and as a joined name has it.
    by_end: HashMap<Cow<'a, str>, Vec<&'a Table>>,
}

impl<'s, 'a> Checker<'s, 'a> {
    pub fn new(schema: &'s Schema<'a>) -> Self {
        let mut by_name = HashMap::new();
        let mut by_end: HashMap<Cow<str>, Vec<&Table>> = HashMap::new();
        for table in schema.tables() {
            by_name.insert(table.name.as_str(), table);
            let own = table.own_name();
            by_end.entry(end(own).into()).or_default().push(table);
            let written = part(own);
            if end(&written) != end(own) {
                let end = end(&written).to_owned();
                by_end.entry(end.into()).or_default().push(table);
            }
        }
        Self {
            schema,
            by_name,
            by_end,
        }
    }

    /// Replaces the short names of tables in an entry by full ones.
    pub fn complete(&self, entry: &mut Entry) -> Result<(), String> {
        let full = |written: &mut String| {
            self.table(written)
                .map(|table| written.clone_from(&table.name))
        };
        match entry {
            Entry::Description(it) => full(&mut it.table),
            Entry::Metric(it) => full(&mut it.table),
            Entry::Term(it) => {
                it.tables.iter_mut().try_for_each(full)?;
                it.tables.sort();
                it.tables.dedup();
                Ok(())
            }
        }
    }

    /// Checks an entry with full names of tables.
    pub async fn check(&self, entry: &Entry) -> Result<(), Misfit> {
        match entry {
            Entry::Description(it) => self.description(it),
            Entry::Term(it) => self.term(it),
            Entry::Metric(it) => self.metric(it).await,
        }
    }

    /// The table of a full name, or of a suffix of one that is unique.
    pub fn table(&self, written: &str) -> Result<&'a Table, String> {
        if let Some(table) = self.by_name.get(written) {
            return Ok(table);
        }
        let is_called = |table: &&Table| {
            let TableName { dataset, .. } = &table.parts;
            let (id, own) = (table.dataset(), table.own_name());
            let (dataset, id) = (dataset.as_str(), id);
            written == own
                || written == part(own)
                || written == format!("{dataset}.{own}")
                || written == format!("{}.{}", part(dataset), part(own))
                || written == format!("{id}.{own}")
        };
        let candidates = self.by_end.get(end(written)).into_iter().flatten();
        let found: Vec<&Table> = candidates.copied().filter(is_called).collect();
        match found[..] {
            [table] => Ok(table),
            [] => {
                let wanted = end(written);
                let names = self.schema.tables().map(Table::own_name);
                let hint = self.schema.hint(wanted, names);
                Err(format!("there is no table {written}{hint}"))
            }
            _ => {
                let names = found.iter().take(MAX_NAMED);
                let names: Vec<&str> = names.map(|table| table.name.as_str()).collect();
                Err(format!(
                    "{written} matches {} tables, use a full name: {}",
                    found.len(),
                    names.join(", ")
                ))
            }
        }
    }

    fn description(&self, entry: &Description) -> Result<(), Misfit> {
        let table = self.table(&entry.table)?;
        if let Some(path) = &entry.column
            && table.column_at(path).is_none()
        {
            let wanted = end(path);
            let mut paths = Vec::new();
            for column in &table.columns {
                add_paths(column, "", &mut paths);
            }
            let hint = self.schema.hint(wanted, paths.iter().map(String::as_str));
            let name = &table.name;
            return Err(format!("there is no column {path} in {name}{hint}").into());
        }
        self.text(&entry.text, table, entry.column.as_deref())
    }

    fn term(&self, entry: &Term) -> Result<(), Misfit> {
        let tables = entry.tables.iter().map(|name| self.table(name));
        let tables = tables.collect::<Result<Vec<&Table>, String>>()?;
        let of_none = Table::new(TableName::default(), TableKind::Table);
        self.text(
            &entry.meaning,
            tables.first().copied().unwrap_or(&of_none),
            None,
        )
    }

    async fn metric(&self, entry: &Metric) -> Result<(), Misfit> {
        let table = self.table(&entry.table)?;
        if let Some(description) = &entry.description {
            self.text(description, table, None)?;
        }
        // A query of the expression alone has no filter, which is for the query that uses the metric.
        let mut unfiltered = table.clone();
        unfiltered.require_partition_filter = false;
        let tables = [unfiltered];
        let only = self.schema.with_tables(&tables);
        let [enclosed, bare] = queries(entry, table, &only);
        let unread = match ground::sql_in_time(&enclosed, &only).await {
            Ok(_) => None,
            Err(faults) if is_unread(&enclosed, &faults, &only) => Some(ground::reasons(&faults)),
            Err(faults) => return Err(faults.into()),
        };
        // Parentheses that don't belong together would close the ones around the expression.
        match (ground::sql_in_time(&bare, &only).await, unread) {
            (Ok(_), None) => Ok(()),
            (Err(faults), _) if ground::is_inconclusive(&faults) => Err(Misfit::from(faults)),
            (Ok(_), Some(reason)) => Err(Misfit::Unread(reason)),
            (Err(faults), Some(reason)) if is_unread(&bare, &faults, &only) => {
                Err(Misfit::Unread(reason))
            }
            (Err(_), _) => Err(Misfit::Wrong(NO_EXPRESSION.to_owned())),
        }
    }

    fn text(&self, text: &str, table: &Table, column: Option<&str>) -> Result<(), Misfit> {
        Ok(ground::text(text, table, column, self.schema)?)
    }
}

/// What follows the last dot of a name.
fn end(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Whether the parser can't read a query that the warehouse may be able to read. What a caller may not see is no
/// part of the schema, and the review of the query decides about its names.
fn is_unread(sql: &str, faults: &[Fault], schema: &Schema) -> bool {
    let is_unread =
        |fault: &Fault| matches!(fault.kind, FaultKind::Syntax | FaultKind::Unsupported);
    faults.iter().all(is_unread)
        && ground::unread(sql, faults, schema, &Mentions::default()).is_some()
}

/// A query of the expression in parentheses, and one of the expression alone.
pub fn queries(metric: &Metric, table: &Table, schema: &Schema) -> [String; 2] {
    let from = table_name(&table.parts, schema.dialect());
    // The expression may end in a comment.
    [
        format!("select (\n{}\n) as metric from {from}", metric.sql),
        format!("select\n{}\nas metric from {from}", metric.sql),
    ]
}

fn add_paths(column: &schema::document::Column, above: &str, paths: &mut Vec<String>) {
    let path = match above {
        "" => part(&column.name).into_owned(),
        above => schema::name::path(above, &column.name),
    };
    for field in &column.fields {
        add_paths(field, &path, paths);
    }
    paths.push(path);
}
