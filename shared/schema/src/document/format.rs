//! The format number of a document: the oldest one that has all of its fields.

use super::{Column, DescriptionSource, Document, Table};

/// The first format. Release 0.1.0 reads no other.
pub const FORMAT: u32 = 1;

/// The newest format, with what people wrote and with details that the first one lacks. A reader of the first format
/// would take such a document for a damaged one, and replace it: the fields that it does not know are part of the hash.
pub const NEWEST_FORMAT: u32 = 2;

impl Document {
    /// The oldest format that has all fields of this document.
    pub fn least_format(&self) -> u32 {
        let examples = self.examples.iter().chain(&self.quarantined);
        let mut results = examples.filter_map(|it| it.verified.as_ref());
        let is_new = !self.meaning.is_empty()
            || self.source.extensions.is_some()
            || self.tables.iter().any(is_table_new)
            || results.any(|it| it.columns.iter().any(is_column_new));
        if is_new { NEWEST_FORMAT } else { FORMAT }
    }
}

fn is_table_new(table: &Table) -> bool {
    let shards = table.shards.as_ref();
    table.description_source == Some(DescriptionSource::Person)
        || !table.inherits.is_empty()
        || !table.inherited_by.is_empty()
        || table.definition.is_some()
        || shards.is_some_and(|it| !it.blocked_by.is_empty() || it.wildcard.is_some())
        || table.columns.iter().any(is_column_new)
}

fn is_column_new(column: &Column) -> bool {
    column.description_source == Some(DescriptionSource::Person)
        || !column.enum_labels.is_empty()
        || column.default.is_some()
        || column.collation.is_some()
        || column.rounding_mode.is_some()
        || column.fields.iter().any(is_column_new)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::versions;

    fn document() -> Value {
        json!({
            "format": 1, "version": "", "generated_at": "2026-01-01T00:00:00Z",
            "source": {"kind": "postgres", "dialect": "postgres", "datasets": ["p.shop"]},
            "tables": [{
                "name": "p.shop.t", "parts": ["p", "shop", "t"], "kind": "table", "require_partition_filter": true,
                "shards": {"count": 1, "first": "20260101", "last": "20260101"},
                "columns": [{"name": "a", "type": "record", "description": "x", "description_source": "llm",
                             "fields": [{"name": "b", "type": "text", "policy_tags": ["x"]}]}],
            }],
            "examples": [{"question": "q", "sql": "select 1", "tables": [], "origin": "person", "id": "kept",
                          "verified": {"how": "dry_run", "at": "2026-01-01T00:00:00Z",
                                       "columns": [{"name": "n", "type": "int"}]}}],
            "ledger": {"requests": 0, "bytes_billed": 0, "llm_calls": 0, "llm_input_tokens": 0,
                       "llm_output_tokens": 0},
        })
    }

    #[test]
    fn what_the_first_release_does_not_know_makes_the_next_format() {
        let least = |document: Value| {
            let mut document: Document = serde_json::from_value(document).unwrap();
            versions::seal(&mut document);
            let stored = serde_json::to_vec(&document).unwrap();
            assert_eq!(
                versions::parse(&stored).unwrap(),
                document,
                "it can be read"
            );
            document.format
        };
        assert_eq!(least(document()), FORMAT);
        let column = "/tables/0/columns/0";
        let field = "/tables/0/columns/0/fields/0";
        let result = "/examples/0/verified/columns/0";
        let metric =
            json!([{"name": "n", "sql": "count(*)", "table": "p.shop.t", "unchecked": true}]);
        for (place, name, value) in [
            ("", "meaning", json!({"metrics": metric})),
            ("/source", "extensions", json!([])),
            ("/tables/0", "description_source", json!("person")),
            ("/tables/0", "inherits", json!([["p", "shop", "u"]])),
            ("/tables/0", "inherited_by", json!([["p", "shop", "u"]])),
            ("/tables/0", "definition", json!({"sql": "select 1"})),
            ("/tables/0/shards", "blocked_by", json!(["t_view"])),
            ("/tables/0/shards", "wildcard", json!("t_2*")),
            (column, "description_source", json!("person")),
            (column, "enum_labels", json!(["x"])),
            (field, "default", json!("now()")),
            (field, "collation", json!("C")),
            (field, "rounding_mode", json!("ROUND_HALF_EVEN")),
            (result, "enum_labels", json!(["x"])),
        ] {
            let mut document = document();
            document.pointer_mut(place).unwrap()[name] = value;
            assert_eq!(least(document), NEWEST_FORMAT, "{place}/{name}");
        }
    }

    #[test]
    fn a_document_of_an_unknown_format_is_refused_by_its_number() {
        let mut document: Document = serde_json::from_value(document()).unwrap();
        document.format = NEWEST_FORMAT + 1;
        document.version = versions::content_hash(&document);
        let refused = versions::parse(&serde_json::to_vec(&document).unwrap()).unwrap_err();
        assert!(matches!(refused, versions::Damaged::Format(3)), "{refused}");
    }
}
