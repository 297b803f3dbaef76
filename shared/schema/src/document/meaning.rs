//! What people wrote about the tables: meaning that no catalog has.
//!
//! A description of a person replaces that of the warehouse or the LLM in the tables, and keeps it, so that
//! removing the person's restores it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Column, DescriptionSource, Table};
use crate::description::short;
use crate::name::names_of;

/// What people wrote. An entry with an `error` no longer fits the schema: it is kept, but not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Meaning {
    /// In the order of tables and columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub descriptions: Vec<Description>,
    /// In the order of terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub glossary: Vec<Term>,
    /// In the order of names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// A description of a table, column or nested field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Description {
    /// The full name of the table, like [`Table::name`].
    pub table: String,
    /// The path of the column or nested field; none for the table itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub text: String,
    /// The description that it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaced>,
    /// Why it is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A description that a person replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replaced {
    pub text: String,
    pub source: DescriptionSource,
}

/// A word of the business, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Term {
    pub term: String,
    pub meaning: String,
    /// The tables that it is about, by [`Table::name`]. Without any, only callers who may see every
    /// dataset see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Why it is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A number that the business knows by name, as SQL over one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    pub name: String,
    /// One expression over the columns of the table: `sum(total) - sum(refunded)`.
    pub sql: String,
    /// The full name of the table, like [`Table::name`].
    pub table: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Why it is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the last sync that had to check it could not. The next sync tries again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchecked: bool,
}

impl Meaning {
    pub fn is_empty(&self) -> bool {
        self.descriptions.is_empty() && self.glossary.is_empty() && self.metrics.is_empty()
    }

    /// Puts the descriptions into the tables, and keeps those that they replace.
    pub fn apply(&mut self, tables: &mut [Table]) {
        let positions = self.positions(tables);
        for entry in &mut self.descriptions {
            entry.replaces = None;
            if entry.error.is_some() {
                continue;
            }
            let table = positions.get(&entry.table).map(|at| &mut tables[*at]);
            let slot = table.and_then(|table| slot(table, entry.column.as_deref()));
            if let Some((text, source)) = slot {
                let before = text.replace(entry.text.clone());
                let source = source.replace(DescriptionSource::Person);
                let before = before.zip(source);
                let before = before.filter(|(_, source)| *source != DescriptionSource::Person);
                // A comment on Postgres has no limit.
                entry.replaces = before.map(|(text, source)| Replaced {
                    text: short(&text),
                    source,
                });
            }
        }
    }

    /// Takes the descriptions of people out of tables, and restores those that they replaced.
    pub fn restore(&self, tables: &mut [Table]) {
        let positions = self.positions(tables);
        for entry in &self.descriptions {
            let table = positions.get(&entry.table).map(|at| &mut tables[*at]);
            let slot = table.and_then(|table| slot(table, entry.column.as_deref()));
            if let Some((text, source)) = slot
                && *source == Some(DescriptionSource::Person)
            {
                let before = entry.replaces.as_ref();
                *text = before.map(|it| it.text.clone());
                *source = before.map(|it| it.source);
            }
        }
    }

    /// The positions of tables by name, if a description needs them.
    fn positions(&self, tables: &[Table]) -> HashMap<String, usize> {
        if self.descriptions.is_empty() {
            return HashMap::new();
        }
        let names = tables.iter().map(|table| table.name.clone());
        names.zip(0_usize..).collect()
    }

    /// Sorts the entries for a document.
    pub fn sort(&mut self) {
        self.descriptions
            .sort_by(|a, b| (&a.table, &a.column).cmp(&(&b.table, &b.column)));
        self.glossary.sort_by(|a, b| a.term.cmp(&b.term));
        self.metrics.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

type Slot<'a> = (&'a mut Option<String>, &'a mut Option<DescriptionSource>);

/// The description of a table or of one of its paths.
fn slot<'a>(table: &'a mut Table, column: Option<&str>) -> Option<Slot<'a>> {
    let Some(path) = column else {
        return Some((&mut table.description, &mut table.description_source));
    };
    let names = names_of(path);
    let (last, above) = names.split_last()?;
    let mut columns = &mut table.columns;
    for name in above {
        columns = &mut columns.iter_mut().find(|it| it.name == *name)?.fields;
    }
    let column = columns.iter_mut().find(|it| it.name == *last)?;
    Some((&mut column.description, &mut column.description_source))
}

impl Table {
    /// The column or nested field at a path, as [`names_of`] splits it.
    pub fn column_at(&self, path: &str) -> Option<&Column> {
        let names = names_of(path);
        let (last, above) = names.split_last()?;
        let mut columns = &self.columns;
        for name in above {
            columns = &columns.iter().find(|it| it.name == *name)?.fields;
        }
        columns.iter().find(|it| it.name == *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::TableKind;

    #[test]
    fn a_replaced_description_is_stored_up_to_the_limit_of_a_description() {
        let mut table = Table::new(["p", "d", "t"], TableKind::Table);
        let long = "x".repeat(1 << 20);
        table.description = Some(long.clone());
        table.description_source = Some(DescriptionSource::Warehouse);
        let mut meaning = Meaning {
            descriptions: vec![Description {
                table: table.name.clone(),
                column: None,
                text: "Mine.".to_owned(),
                replaces: None,
                error: None,
            }],
            ..Meaning::default()
        };
        for _ in 0..2 {
            meaning.apply(std::slice::from_mut(&mut table));
            let replaced = meaning.descriptions[0].replaces.as_ref();
            assert_eq!(replaced.map(|it| &it.text), Some(&short(&long)));
            meaning.restore(std::slice::from_mut(&mut table));
        }
    }
}
