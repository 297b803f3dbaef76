//! What a person writes, before it is checked against the schema.

use platform::{Error, Result};
use schema::document::{Description, Meaning, Metric, Term};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest text, in characters.
pub const MAX_TEXT: usize = 4_000;
/// The longest term or name of a metric, in characters.
pub const MAX_NAME: usize = 200;
/// The longest SQL of a metric, in bytes.
const MAX_SQL: usize = 10_000;
/// The most tables of a term.
const MAX_TABLES: usize = 100;
/// The most entries of a file.
pub const MAX_ENTRIES: usize = 10_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Entry {
    Description(Description),
    Term(Term),
    Metric(Metric),
}

/// What identifies an entry. Terms and names of metrics are compared without case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Description {
        table: String,
        column: Option<String>,
    },
    Term(String),
    Metric(String),
}

/// A file of entries, in YAML or JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = MeaningFile)]
pub struct File {
    pub descriptions: Vec<FileDescription>,
    pub glossary: Vec<FileTerm>,
    pub metrics: Vec<FileMetric>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDescription {
    /// The full name, or a suffix that is unique: `dataset.table` or `table`.
    pub table: String,
    /// The path of a column or nested field; omit it to describe the table.
    pub column: Option<String>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileTerm {
    pub term: String,
    pub meaning: String,
    #[serde(default)]
    pub tables: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileMetric {
    pub name: String,
    /// One expression over the columns of the table.
    pub sql: String,
    pub table: String,
    pub description: Option<String>,
}

impl File {
    pub fn into_entries(self) -> Vec<Entry> {
        let descriptions = self.descriptions.into_iter();
        let descriptions = descriptions.map(|it| Entry::description(it.table, it.column, it.text));
        let glossary = self.glossary.into_iter();
        let glossary = glossary.map(|it| Entry::term(it.term, it.meaning, it.tables));
        let metrics = self.metrics.into_iter();
        let metrics = metrics.map(|it| Entry::metric(it.name, it.sql, it.table, it.description));
        descriptions.chain(glossary).chain(metrics).collect()
    }
}

impl Entry {
    /// A new description of a table, or of a column or nested field.
    pub fn description(table: String, column: Option<String>, text: String) -> Self {
        Self::Description(Description {
            table,
            column,
            text,
            replaces: None,
            error: None,
        })
    }

    pub fn term(term: String, meaning: String, tables: Vec<String>) -> Self {
        Self::Term(Term {
            term,
            meaning,
            tables,
            error: None,
        })
    }

    pub fn metric(name: String, sql: String, table: String, description: Option<String>) -> Self {
        Self::Metric(Metric {
            name,
            sql,
            table,
            description,
            error: None,
            unchecked: false,
        })
    }

    pub fn all_of(meaning: Meaning) -> Vec<Self> {
        let descriptions = meaning.descriptions.into_iter().map(Self::Description);
        let glossary = meaning.glossary.into_iter().map(Self::Term);
        let metrics = meaning.metrics.into_iter().map(Self::Metric);
        descriptions.chain(glossary).chain(metrics).collect()
    }

    pub fn key(&self) -> Key {
        match self {
            Self::Description(it) => Key::Description {
                table: it.table.clone(),
                column: it.column.clone(),
            },
            Self::Term(it) => Key::Term(it.term.clone()),
            Self::Metric(it) => Key::Metric(it.name.clone()),
        }
    }

    /// The same entry with the spaces around its texts removed.
    ///
    /// # Errors
    /// `Invalid` if a text is empty or too long.
    pub fn trimmed(mut self) -> Result<Self> {
        match &mut self {
            Self::Description(it) => text("text", &mut it.text, MAX_TEXT)?,
            Self::Term(it) => {
                text("term", &mut it.term, MAX_NAME)?;
                text("meaning", &mut it.meaning, MAX_TEXT)?;
                if it.tables.len() > MAX_TABLES {
                    return Err(Error::Invalid(format!(
                        "tables has {} entries: name at most {MAX_TABLES}",
                        it.tables.len()
                    )));
                }
            }
            Self::Metric(it) => {
                text("name", &mut it.name, MAX_NAME)?;
                if let Some(description) = &mut it.description {
                    text("description", description, MAX_TEXT)?;
                }
                it.sql = it.sql.trim().to_owned();
                if it.sql.is_empty() || it.sql.len() > MAX_SQL || it.sql.contains('\0') {
                    return Err(Error::Invalid(format!(
                        "sql must have 1 to {MAX_SQL} bytes and no NUL; it has {}",
                        it.sql.len()
                    )));
                }
            }
        }
        Ok(self)
    }

    /// Why it is not used.
    pub fn error_mut(&mut self) -> &mut Option<String> {
        match self {
            Self::Description(it) => &mut it.error,
            Self::Term(it) => &mut it.error,
            Self::Metric(it) => &mut it.error,
        }
    }

    /// Whether the last sync that had to check it could not.
    pub fn is_unchecked(&self) -> bool {
        matches!(self, Self::Metric(it) if it.unchecked)
    }

    /// Marks it to be checked by the next sync, or not. Only the SQL of a metric may be left unchecked.
    pub fn set_unchecked(&mut self, unchecked: bool) {
        if let Self::Metric(it) = self {
            it.unchecked = unchecked;
        }
    }

    /// Without what it replaces.
    #[must_use]
    pub fn alone(mut self) -> Self {
        if let Self::Description(it) = &mut self {
            it.replaces = None;
        }
        self
    }

    /// Whether it says the same, whatever it replaces.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.clone().alone() == other.clone().alone()
    }

    /// Adds it to entries that don't have its key.
    pub fn add_to(self, meaning: &mut Meaning) {
        match self {
            Self::Description(it) => meaning.descriptions.push(it),
            Self::Term(it) => meaning.glossary.push(it),
            Self::Metric(it) => meaning.metrics.push(it),
        }
    }
}

fn text(field: &str, text: &mut String, most: usize) -> Result<()> {
    *text = text.trim().to_owned();
    let length = text.chars().count();
    if length == 0 || length > most || text.contains('\0') {
        return Err(Error::Invalid(format!(
            "{field} must have 1 to {most} characters and no NUL; it has {length}"
        )));
    }
    Ok(())
}

/// A term or the name of a metric without case.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

impl Key {
    /// The key by which entries are compared: without case, except names of tables and columns.
    #[must_use]
    pub fn folded(self) -> Self {
        match self {
            Self::Description { .. } => self,
            Self::Term(term) => Self::Term(folded(&term)),
            Self::Metric(name) => Self::Metric(folded(&name)),
        }
    }

    /// The entry of this key.
    pub fn find(&self, meaning: &Meaning) -> Option<Entry> {
        match self.clone().folded() {
            Self::Description { table, column } => {
                let mut all = meaning.descriptions.iter();
                let found = all.find(|it| it.table == table && it.column == column);
                found.cloned().map(Entry::Description)
            }
            Self::Term(term) => {
                let found = meaning.glossary.iter().find(|it| folded(&it.term) == term);
                found.cloned().map(Entry::Term)
            }
            Self::Metric(name) => {
                let found = meaning.metrics.iter().find(|it| folded(&it.name) == name);
                found.cloned().map(Entry::Metric)
            }
        }
    }

    /// The list of a file that has such entries.
    pub fn list(&self) -> &'static str {
        match self {
            Self::Description { .. } => "descriptions",
            Self::Term(_) => "glossary",
            Self::Metric(_) => "metrics",
        }
    }

    /// The error if there is no such entry.
    pub fn not_found(&self) -> Error {
        Error::NotFound(match self {
            Self::Description { table, column } => {
                let column = column.as_ref().map(|it| format!(" {it} in"));
                let column = column.unwrap_or_default();
                format!("no person described{column} {table}")
            }
            Self::Term(term) => format!("the glossary has no term {term:?}"),
            Self::Metric(name) => format!("there is no metric {name:?}"),
        })
    }

    /// What it is, in messages.
    pub fn noun(&self) -> String {
        match self {
            Self::Description {
                table,
                column: None,
            } => format!("the description of {table}"),
            Self::Description {
                table,
                column: Some(column),
            } => format!("the description of {column} in {table}"),
            Self::Term(term) => format!("the term {term:?}"),
            Self::Metric(name) => format!("the metric {name:?}"),
        }
    }
}
