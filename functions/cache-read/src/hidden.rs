//! Hidden names: the names of tables and datasets out of a caller's scope, which no text may mention.

use std::collections::{HashMap, HashSet};

use schema::document::{Document, Table};

/// The names of tables and datasets of a document that are not in its visible part.
pub struct Hidden {
    /// The words after the first one, by the first word: a name may have several words.
    names: HashMap<String, Vec<Vec<String>>>,
    /// The same for the prefixes of date shards.
    families: HashMap<String, Vec<Vec<String>>>,
    /// Names without any word.
    signs: Vec<String>,
}

impl Hidden {
    /// The names in `whole` that are not in its visible part, `seen`.
    pub fn of(seen: &Document, whole: &Document) -> Self {
        let visible: HashSet<String> = names(seen).collect();
        let mut hidden = Self {
            names: HashMap::new(),
            families: HashMap::new(),
            signs: Vec::new(),
        };
        let names: HashSet<String> = names(whole)
            .filter(|name| !visible.contains(name))
            .collect();
        for name in names {
            if let Some(prefix) = name.strip_suffix('*') {
                add(&mut hidden.families, prefix);
            }
            if !add(&mut hidden.names, &name) && !name.trim().is_empty() {
                hidden.signs.push(name);
            }
        }
        hidden
    }

    /// Whether a text contains one of the names as a word or as consecutive words. A name that is a common
    /// word also hides texts that merely use the word, because the two can't be distinguished.
    pub fn is_named_in(&self, text: &str) -> bool {
        if self.names.is_empty() && self.signs.is_empty() {
            return false;
        }
        let lower = text.to_lowercase();
        let words: Vec<&str> = words(&lower).collect();
        let without_date = |word: &'_ str| {
            word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '*')
                .to_owned()
        };
        (0..words.len()).any(|at| {
            let rest = &words[at + 1..];
            let is_name = |follows: &Vec<String>| {
                rest.len() >= follows.len() && follows.iter().zip(rest).all(|(a, b)| a == b)
            };
            if self
                .names
                .get(words[at])
                .is_some_and(|all| all.iter().any(is_name))
            {
                return true;
            }
            // The date is at the end of the last word.
            let is_family = |follows: &Vec<String>| {
                let Some((last, before)) = follows.split_last() else {
                    return true;
                };
                rest.len() >= follows.len()
                    && before.iter().zip(rest).all(|(a, b)| a == b)
                    && without_date(rest[before.len()]) == *last
            };
            let alone = self.families.get(&without_date(words[at]));
            let first = self.families.get(words[at]);
            alone.is_some_and(|all| all.iter().any(Vec::is_empty))
                || first.is_some_and(|all| {
                    let mut longer = all.iter().filter(|follows| !follows.is_empty());
                    longer.any(is_family)
                })
        }) || self.signs.iter().any(|name| lower.contains(name))
    }
}

/// Adds a name; false if it has no words.
fn add(names: &mut HashMap<String, Vec<Vec<String>>>, name: &str) -> bool {
    let mut words = words(name).map(str::to_owned);
    let Some(first) = words.next() else {
        return false;
    };
    names.entry(first).or_default().push(words.collect());
    true
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '*';
    text.split(move |c| !is_part(c))
        .filter(|word| !word.is_empty())
}

/// Whether a warehouse's message mentions hidden names or denied access.
pub fn mentions_hidden(text: &str, seen: &Document, whole: &Document) -> bool {
    let lower = text.to_lowercase();
    lower.contains("access denied")
        || lower.contains("permission")
        || Hidden::of(seen, whole).is_named_in(&lower)
}

/// The names of tables and datasets, in lower case.
fn names(document: &Document) -> impl Iterator<Item = String> {
    let tables = document.tables.iter();
    let of_tables = tables.flat_map(|table| [table.own_name(), table.parts.dataset.as_str()]);
    let of_tables = of_tables.filter(|name| !name.is_empty());
    // Only the id of a dataset without tables is known; its name may be any suffix of it.
    let with_tables: HashSet<&str> = document.tables.iter().map(Table::dataset).collect();
    let of_source = document.source.datasets.iter().map(String::as_str);
    let of_source = of_source.filter(move |id| !with_tables.contains(id));
    let last = of_source
        .clone()
        .map(|name| name.rsplit_once('.').map_or(name, |(_, last)| last));
    let of_source = of_source
        .map(|name| name.split_once('.').map_or(name, |(_, rest)| rest))
        .chain(last);
    of_tables.chain(of_source).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use schema::Dialect;
    use schema::document::TableKind;
    use schema::name::TableName;

    use super::*;
    use crate::builtin;

    fn document(tables: &[&str]) -> Document {
        let tables = tables.iter().map(|name| {
            let parts = TableName::of_unquoted(name, Dialect::Bigquery).unwrap();
            Table::new(parts, TableKind::Table)
        });
        Document {
            tables: tables.collect(),
            ..builtin::document()
        }
    }

    #[test]
    fn a_text_that_mentions_a_hidden_name_is_found() {
        let seen = document(&["p.shop.orders"]);
        let whole = document(&[
            "p.shop.orders",
            "p.hr.people",
            "p.hr.visits_*",
            "p.hr.orders",
        ]);
        for (text, expected) in [
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
            assert_eq!(mentions_hidden(text, &seen, &whole), expected, "{text}");
        }
    }

    #[test]
    fn a_hidden_name_of_several_words_is_found_as_consecutive_words() {
        let seen = document(&["p.shop.orders"]);
        let mut whole = document(&["p.shop.orders", "p.hr.Order Lines", "p.hr.pay roll_*"]);
        let dotted = Table::new(["p", "my.schema", "t.x"], TableKind::Table);
        whole.tables.push(dotted);
        whole
            .tables
            .push(Table::new(["p", "hr", "😀"], TableKind::Table));
        let hidden = Hidden::of(&seen, &whole);
        for (text, expected) in [
            ("joins \"Order Lines\" by id", true),
            ("the order of lines", false),
            ("see my.schema", true),
            ("my own schema", false),
            ("as in \"t.x\"", true),
            ("a x t", false),
            ("from `pay roll_20240101`", true),
            ("the 😀 table", true),
        ] {
            assert_eq!(hidden.is_named_in(text), expected, "{text}");
        }
    }
}
