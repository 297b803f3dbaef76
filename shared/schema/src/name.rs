//! Table names and column paths: their parts, and the joined forms that people read.
//!
//! A part may contain anything, including dots and quotes, so never split a joined name to get its
//! parts. Keep the parts ([`TableName`]) wherever they are known. A joined name only identifies a
//! table or path, which is why a part that contains a dot or a quote is quoted in it.

use std::borrow::Cow;
use std::fmt;

use platform::auth::{Kind, Names};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::dialect::Dialect;

/// The kind of datasets: `datasets` in the JSON of a scope, whose names are those of [`dataset_id`].
pub const DATASETS: Kind = Kind::new("datasets");

/// A table's name: `[project, dataset, table]` in JSON, or `[database, schema, table]` on Postgres.
///
/// `Display` writes the joined form, in which a dataset or table with a dot or a quote is quoted:
/// `shop."my.schema".orders`. It is unique for each table.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "[String; 3]", into = "[String; 3]")]
pub struct TableName {
    /// On Postgres, the database. Empty if a schema file in a folder names none.
    pub project: String,
    /// On Postgres, the schema.
    pub dataset: String,
    pub table: String,
    dataset_id: String,
}

impl TableName {
    pub fn new(
        project: impl Into<String>,
        dataset: impl Into<String>,
        table: impl Into<String>,
    ) -> Self {
        let (project, dataset) = (project.into(), dataset.into());
        Self {
            dataset_id: dataset_id(&project, &dataset),
            project,
            dataset,
            table: table.into(),
        }
    }

    /// The name of another table of the same dataset.
    #[must_use]
    pub fn beside(&self, table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            ..self.clone()
        }
    }

    /// The dataset as scopes name it; see [`dataset_id`].
    pub fn dataset_id(&self) -> &str {
        &self.dataset_id
    }

    /// Whether a caller with this scope may see the table. An unknown name is in no dataset.
    pub fn is_within(&self, scope: &Names) -> bool {
        match scope {
            Names::All => true,
            Names::Only(_) => !self.is_unknown() && scope.contain(&self.dataset_id),
        }
    }

    /// The parts of a name that was joined without quotes, as earlier releases did. None if dots make
    /// the parts ambiguous.
    pub fn of_unquoted(joined: &str, dialect: Dialect) -> Option<Self> {
        let mut parts = joined.rsplitn(3, '.');
        let (table, dataset) = (parts.next()?, parts.next()?);
        let project = parts.next().unwrap_or_default();
        // In BigQuery only a project may contain dots; in Postgres any part may.
        let is_open = dialect == Dialect::Postgres && project.contains('.');
        (!is_open).then(|| Self::new(project, dataset, table))
    }

    /// Whether the parts are unknown: a document of an earlier release has an ambiguous name.
    pub fn is_unknown(&self) -> bool {
        self.table.is_empty() && self.dataset.is_empty()
    }
}

impl From<[String; 3]> for TableName {
    fn from([project, dataset, table]: [String; 3]) -> Self {
        Self::new(project, dataset, table)
    }
}

impl From<[&str; 3]> for TableName {
    fn from([project, dataset, table]: [&str; 3]) -> Self {
        Self::new(project, dataset, table)
    }
}

impl From<TableName> for [String; 3] {
    fn from(name: TableName) -> Self {
        [name.project, name.dataset, name.table]
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Dots of a project need no quotes, because exactly two parts follow it.
        if self.project.contains(QUOTES) {
            write!(f, "{}.", quoted(&self.project))?;
        } else if !self.project.is_empty() {
            write!(f, "{}.", self.project)?;
        }
        write!(f, "{}.{}", part(&self.dataset), part(&self.table))
    }
}

/// A dataset's id in scopes and filters: project and dataset joined by a dot, never quoted. It is
/// unique within a document: on Postgres all datasets are of one database, and elsewhere no dataset
/// contains a dot.
pub fn dataset_id(project: &str, dataset: &str) -> String {
    if project.is_empty() {
        dataset.to_owned()
    } else {
        format!("{project}.{dataset}")
    }
}

/// A path with one more name at its end. A name that contains a dot or a quote is quoted, so that
/// paths are unique.
pub fn path(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        part(name).into_owned()
    } else {
        format!("{parent}.{}", part(name))
    }
}

/// Splits a [`path`] into its names.
pub fn names_of(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut rest = path.chars().peekable();
    let mut is_quoted = false;
    while let Some(character) = rest.next() {
        match character {
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => names.push(std::mem::take(&mut name)),
            other => name.push(other),
        }
    }
    names.push(name);
    names
}

/// The name with accents as part of their letters (Unicode NFC). Some file systems and editors take them apart.
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// Whether BigQuery allows no such character in names: none of a letter, a number, a mark, a space, and a sign that
/// connects (Unicode categories L, N, M, Zs, Pd and Pc).
pub fn is_symbol(character: char) -> bool {
    let connects = matches!(
        character,
        '-' | '_'
            | '\u{58a}' | '\u{5be}' | '\u{1400}' | '\u{1806}' | '\u{2010}'..='\u{2015}' | '\u{203f}' | '\u{2040}'
            | '\u{2054}' | '\u{2e17}' | '\u{2e1a}' | '\u{2e3a}' | '\u{2e3b}' | '\u{2e40}' | '\u{2e5d}' | '\u{301c}'
            | '\u{3030}' | '\u{30a0}' | '\u{fe31}'..='\u{fe34}' | '\u{fe4d}'..='\u{fe4f}' | '\u{fe58}' | '\u{fe63}'
            | '\u{ff0d}' | '\u{ff3f}' | '\u{10ead}'
    );
    !(connects
        || character.is_alphanumeric()
        || character.is_whitespace()
        || is_combining_mark(character))
}

const QUOTES: [char; 2] = ['"', '`'];

/// A part of a joined name, quoted if it must be.
pub fn part(name: &str) -> Cow<'_, str> {
    if name.is_empty() || name.contains('.') || name.contains(QUOTES) {
        Cow::Owned(quoted(name))
    } else {
        Cow::Borrowed(name)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Names of few characters, so that joined forms would often collide.
    const NAME: &str = "[ab.\"`]{0,4}";

    #[test]
    fn a_part_is_quoted_only_if_joining_would_hide_it() {
        for (name, joined) in [
            (["shop", "my.schema", "t.x"], r#"shop."my.schema"."t.x""#),
            (["shop", "my", "schema.t"], r#"shop.my."schema.t""#),
            (["shop", "public", "Order Lines"], "shop.public.Order Lines"),
            (["a.com:b", "d", "events_*"], "a.com:b.d.events_*"),
            (["", "d", "t"], "d.t"),
            (["p", "d", "a\"b"], r#"p.d."a""b""#),
        ] {
            assert_eq!(TableName::from(name).to_string(), joined);
        }
    }

    #[test]
    fn a_name_joined_without_quotes_is_split_only_if_its_parts_are_unambiguous() {
        let parts = |joined, dialect| {
            let name = TableName::of_unquoted(joined, dialect)?;
            Some(<[String; 3]>::from(name).join("|"))
        };
        let bigquery = |joined| parts(joined, Dialect::Bigquery);
        assert_eq!(bigquery("a.com:b.d.t").as_deref(), Some("a.com:b|d|t"));
        let postgres = |joined| parts(joined, Dialect::Postgres);
        assert_eq!(postgres("shop.my.t").as_deref(), Some("shop|my|t"));
        assert_eq!(postgres("shop.my.schema.t"), None);
        assert_eq!(postgres("t"), None);
    }

    proptest! {
        #[test]
        fn joined_names_are_unique(
            names in prop::collection::hash_set((NAME, NAME, NAME), 2..60),
        ) {
            let mut known = HashMap::new();
            for (project, dataset, table) in names {
                let name = TableName::new(project, dataset, table);
                if let Some(other) = known.insert(name.to_string(), name.clone()) {
                    prop_assert_eq!(other, name);
                }
            }
        }

        #[test]
        fn a_path_splits_into_the_names_it_was_joined_from(names in prop::collection::vec("\\PC{0,5}|[ab.\"`]{0,4}", 1..5)) {
            let joined = names.iter().fold(None, |parent: Option<String>, name| {
                Some(match parent {
                    None => path("", name),
                    Some(parent) => path(&parent, name),
                })
            });
            prop_assert_eq!(names_of(&joined.unwrap()), names);
        }
    }
}
