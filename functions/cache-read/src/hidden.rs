//! Hidden names: the names of tables and datasets out of a caller's scope, which no text may mention.

use platform::auth::Names;
use schema::document::{Document, Table};
use schema::mentions::Mentions;

/// Whether a warehouse's message mentions hidden names or denied access.
pub fn mentions_hidden(text: &str, seen: &Document, whole: &Document) -> bool {
    let lower = text.to_lowercase();
    lower.contains("access denied")
        || lower.contains("permission")
        || hidden(seen, whole).are_in(&lower)
}

/// The names of tables and datasets of the whole document that are not in its visible part, `seen`.
pub fn hidden(seen: &Document, whole: &Document) -> Mentions {
    let of_tables = seen.tables.iter().map(Table::dataset);
    let datasets = seen.source.datasets.iter().map(String::as_str);
    let scope = Names::only(datasets.chain(of_tables));
    Mentions::outside(schema::names(whole), &scope)
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
            ..builtin::document(None)
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
        let hidden = hidden(&seen, &whole);
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
            assert_eq!(hidden.are_in(text), expected, "{text}");
        }
    }
}
