//! What a caller must not hear of: the names of tables and datasets out of their scope, in whatever
//! text they stand.

use std::collections::HashSet;

use schema_sync::document::{Document, dataset_of};

/// The own names of tables and datasets that are in a document, and in no part that is seen.
pub struct Hidden {
    names: HashSet<String>,
    /// Of date shards, what stands before the date.
    families: HashSet<String>,
}

impl Hidden {
    /// What is in `whole` and not in the part of it that is `seen`.
    pub fn of(seen: &Document, whole: &Document) -> Self {
        let visible: HashSet<String> = names(seen).collect();
        let names: HashSet<String> = names(whole)
            .filter(|name| !visible.contains(name))
            .collect();
        let families = names.iter().filter_map(|name| name.strip_suffix('*'));
        Self {
            families: families.map(str::to_owned).collect(),
            names,
        }
    }

    /// Whether a text has one of the names as a word. A name that is a word of every day hides
    /// texts that only use the word: nobody can tell them apart.
    pub fn is_named_in(&self, text: &str) -> bool {
        if self.names.is_empty() {
            return false;
        }
        text.to_lowercase()
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-' || c == '*'))
            .any(|word| {
                let base = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '*');
                self.names.contains(word) || self.families.contains(base)
            })
    }
}

/// Whether a warehouse's words name what is hidden, or speak of what somebody has no access to.
pub fn tells_of_hidden(text: &str, seen: &Document, whole: &Document) -> bool {
    let lower = text.to_lowercase();
    lower.contains("access denied")
        || lower.contains("permission")
        || Hidden::of(seen, whole).is_named_in(&lower)
}

/// The own names of tables and datasets.
fn names(document: &Document) -> impl Iterator<Item = String> {
    let tables = document.tables.iter();
    let of_tables = tables.flat_map(|table| [last(&table.name), last(dataset_of(&table.name))]);
    of_tables.chain(document.source.datasets.iter().map(|name| last(name)))
}

fn last(name: &str) -> String {
    let last = name.rsplit_once('.').map_or(name, |(_, last)| last);
    last.to_lowercase()
}

#[cfg(test)]
mod tests {
    use schema_sync::document::{Table, TableKind};

    use super::*;
    use crate::builtin;

    fn document(tables: &[&str]) -> Document {
        let tables = tables
            .iter()
            .map(|name| Table::new(*name, TableKind::Table));
        Document {
            tables: tables.collect(),
            ..builtin::document()
        }
    }

    #[test]
    fn a_text_that_names_what_is_hidden_is_found() {
        let seen = document(&["p.shop.orders"]);
        let whole = document(&[
            "p.shop.orders",
            "p.hr.people",
            "p.hr.visits_*",
            "p.hr.orders",
        ]);
        for (text, tells) in [
            ("Unrecognized name: totl at [1:8]", false),
            ("relation \"shop.orders\" has no column id", false),
            ("Not found: Table p:hr.nobody", true),
            ("view reads People", true),
            ("no table visits_20210101", true),
            ("a wildcard over `p.hr.visits_*`", true),
            ("visits_total", false),
            ("peopled", false),
            ("Access Denied: Table p:x.y", true),
            ("permission denied for table z", true),
        ] {
            assert_eq!(tells_of_hidden(text, &seen, &whole), tells, "{text}");
        }
    }
}
