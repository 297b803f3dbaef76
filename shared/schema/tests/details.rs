//! What a writer of SQL needs besides names and types, from its source to each rendering.

use schema::Dialect;
use schema::diff::{self, ChangeKind};
use schema::document::{Column, Document, Mode, Table, TableKind};
use schema::name::TableName;
use schema::render::{ddl, text};
use schema::table_schema::TableResource;
use schema::versions;
use serde_json::json;

fn mood() -> Column {
    Column {
        enum_labels: ["sad", "it's ok", "happy"].map(str::to_owned).to_vec(),
        ..Column::leaf("mood", "shop.mood")
    }
}

fn postgres() -> Table {
    let name = |table: &str| TableName::new("p", "shop", table);
    let raw = Column {
        collation: Some("C".to_owned()),
        default: Some("'x'::text".to_owned()),
        mode: Mode::Required,
        ..Column::leaf("raw", "text")
    };
    let own = Column {
        collation: Some("shop.\"de.utf8\"".to_owned()),
        ..Column::leaf("own", "text")
    };
    let place = Column {
        fields: vec![Column::leaf("street", "text"), mood()],
        ..Column::leaf("place", "shop.place")
    };
    Table {
        columns: vec![mood(), raw, own, place],
        inherits: vec![name("base")],
        inherited_by: vec![name("Child A"), name("child_b")],
        ..Table::new(name("t"), TableKind::Table)
    }
}

#[test]
fn ddl_of_postgres_tells_labels_collations_defaults_and_inheritance() {
    assert_eq!(
        ddl(&postgres(), Dialect::Postgres),
        r#"-- inherited by: shop."Child A", shop.child_b; a query reads their rows as well, unless it says FROM ONLY
CREATE TABLE shop.t (
  mood shop.mood, -- one of 'sad', 'it''s ok', 'happy'
  raw text COLLATE "C" DEFAULT 'x'::text NOT NULL,
  own text COLLATE shop."de.utf8",
  place shop.place -- fields: street text, mood shop.mood (one of 'sad', 'it''s ok', 'happy')
) INHERITS (shop.base);
"#
    );
}

#[test]
fn a_card_tells_labels_collations_and_inheritance() {
    assert_eq!(
        text(&postgres(), Dialect::Postgres),
        r#"table: shop.t
inherits: shop.base
inherited by: shop."Child A", shop.child_b; a query reads their rows as well, unless it says FROM ONLY
mood shop.mood [one of 'sad', 'it''s ok', 'happy']
raw text [COLLATE "C"]
own text [COLLATE shop."de.utf8"]
place shop.place [(place).street]
place.street text
place.mood shop.mood [one of 'sad', 'it''s ok', 'happy']
"#
    );
}

#[test]
fn a_label_cannot_end_a_line_a_comment_or_a_literal() {
    let table = Table {
        columns: vec![Column {
            enum_labels: vec!["a'\n); DROP".to_owned(), "b */ --".to_owned()],
            ..Column::leaf("e", "e")
        }],
        ..Table::new(["p", "s", "t"], TableKind::Table)
    };
    let rendered = ddl(&table, Dialect::Postgres);
    assert!(
        rendered.contains(r"one of E'a''\n); DROP', E'b *\x2f --'"),
        "{rendered}"
    );
    assert_eq!(text(&table, Dialect::Postgres).lines().count(), 2);
}

#[test]
fn many_labels_are_counted_rather_than_all_written() {
    let table = Table {
        columns: vec![Column {
            enum_labels: (0..900).map(|n| format!("label{n:03}")).collect(),
            ..Column::leaf("e", "e")
        }],
        ..Table::new(["p", "s", "t"], TableKind::Table)
    };
    let card = text(&table, Dialect::Postgres);
    assert!(card.contains("[one of 'label000', "), "{card}");
    assert!(card.contains("more]") && card.len() < 1_300, "{card}");
}

/// A table as `tables.get` returns it.
fn bigquery() -> Table {
    let resource = json!({
        "type": "EXTERNAL",
        "schema": {"fields": [
            {"name": "Day", "type": "DATE"},
            {"name": "state", "type": "STRING", "collation": "und:ci", "mode": "REQUIRED",
             "defaultValueExpression": "'new'", "description": "of it"},
            {"name": "tags", "type": "STRING", "mode": "REPEATED", "collation": "und:ci"},
            {"name": "total", "type": "NUMERIC", "precision": "10", "scale": "2",
             "roundingMode": "ROUND_HALF_EVEN"},
        ]},
        "externalDataConfiguration": {"hivePartitioningOptions": {
            "fields": ["day"], "requirePartitionFilter": true}},
    });
    let resource: TableResource = serde_json::from_value(resource).unwrap();
    resource.into_table(TableName::new("p", "d", "t"))
}

#[test]
fn renderings_of_bigquery_tell_collation_rounding_defaults_and_the_required_folder_filter() {
    assert_eq!(
        ddl(&bigquery(), Dialect::Bigquery),
        r#"-- external table
CREATE TABLE `p.d.t` (
  Day DATE,
  state STRING COLLATE "und:ci" DEFAULT 'new' NOT NULL OPTIONS(description="of it"),
  tags ARRAY<STRING COLLATE "und:ci">,
  total NUMERIC(10, 2) OPTIONS(rounding_mode="ROUND_HALF_EVEN")
)
-- partitioned by HIVE of Day
OPTIONS(require_hive_partition_filter=TRUE);
"#
    );
    assert_eq!(
        text(&bigquery(), Dialect::Bigquery),
        r#"external table: `p.d.t`
partition: HIVE of Day, filter required
Day DATE
state STRING [COLLATE "und:ci"] — of it
tags STRING REPEATED [UNNEST(tags) AS t] [COLLATE "und:ci"]
total NUMERIC(10, 2) [ROUND_HALF_EVEN]
"#
    );
}

#[test]
fn a_changed_detail_is_a_change_and_breaks_only_if_queries_may() {
    let change = |old: Column, new: Column| {
        let table = |column| Table {
            columns: vec![column],
            ..Table::new(["p", "d", "t"], TableKind::Table)
        };
        let changes = diff::tables(&[table(old)], &[table(new)]);
        let changes: Vec<_> = changes.iter().map(|it| (it.kind, it.breaking)).collect();
        changes
    };
    let mut more = mood();
    more.enum_labels.push("elated".to_owned());
    assert_eq!(
        change(mood(), more.clone()),
        [(ChangeKind::EnumLabels, false)]
    );
    assert_eq!(change(more, mood()), [(ChangeKind::EnumLabels, true)]);
    let plain = || Column::leaf("mood", "text");
    assert_eq!(change(mood(), plain()), [(ChangeKind::Type, true)]);
    let collated = |collation: &str| Column {
        collation: Some(collation.to_owned()),
        ..plain()
    };
    let collation = ChangeKind::Collation;
    assert_eq!(change(plain(), collated("C")), [(collation, false)]);
    assert_eq!(
        change(collated("C"), collated("POSIX")),
        [(collation, true)]
    );
    let filled = Column {
        default: Some("''".to_owned()),
        ..plain()
    };
    assert_eq!(change(plain(), filled), [(ChangeKind::Default, false)]);
    let rounded = |mode: &str| Column {
        rounding_mode: Some(mode.to_owned()),
        ..plain()
    };
    let even = rounded("ROUND_HALF_EVEN");
    assert_eq!(change(plain(), even), [(ChangeKind::RoundingMode, false)]);
    assert_eq!(change(plain(), rounded("ROUND_HALF_AWAY_FROM_ZERO")), []);
}

#[test]
fn a_new_heir_is_a_change_of_inheritance() {
    let old = Table {
        inherited_by: Vec::new(),
        ..postgres()
    };
    let changes = diff::tables(&[old], &[postgres()]);
    assert_eq!(changes[0].kind, ChangeKind::Inheritance);
    assert_eq!(
        changes[0].to.as_deref(),
        Some("inherits p.shop.base, inherited by p.shop.Child A, p.shop.child_b")
    );
}

#[test]
fn a_table_without_details_has_the_json_of_earlier_releases() {
    let table = Table {
        columns: vec![Column::leaf("a", "text")],
        ..Table::new(["p", "s", "t"], TableKind::Table)
    };
    assert_eq!(
        serde_json::to_value(&table).unwrap(),
        json!({
            "name": "p.s.t", "parts": ["p", "s", "t"], "kind": "table",
            "columns": [{"name": "a", "type": "text"}]
        })
    );
}

#[test]
fn details_survive_a_store() {
    let document = json!({
        "format": 1, "version": "", "generated_at": "2026-01-01T00:00:00Z",
        "source": {"kind": "postgres", "dialect": "postgres", "datasets": ["p.shop"]},
        "tables": [postgres(), bigquery()], "examples": [],
        "ledger": {"requests": 0, "bytes_billed": 0, "llm_calls": 0, "llm_input_tokens": 0,
                   "llm_output_tokens": 0},
    });
    let mut document: Document = serde_json::from_value(document).unwrap();
    document.version = versions::content_hash(&document);
    let bytes = serde_json::to_vec(&document).unwrap();
    assert_eq!(versions::parse(&bytes).unwrap().tables, document.tables);
}
