//! No response exceeds its limit, and omissions are marked.

use kit::{Reply, TestApp};
use proptest::prelude::*;
use schema::bounds::{MAX_FIELDS, MAX_TABLE_BYTES, bytes, fit};
use schema::diff::kept;
use schema::document::{Column, Table};
use serde_json::Value;

use crate::common::{Moody, document, level, names, sealed, start, table};

/// The limit of a page.
const PAGE: usize = 1 << 20;
/// The limit of a response with one table, and of one with changes.
const ANSWER: usize = 6 << 20;

/// A table with the given number of columns, fields and levels.
fn wide(name: &str, columns: usize, fields: usize, depth: usize) -> Table {
    fn nest(column: Column, fields: usize, depth: usize) -> Column {
        if depth == 0 {
            return column;
        }
        let below = (0..fields).map(|n| {
            let field = Column::leaf(format!("a_field_with_a_long_name_{n}"), "STRING");
            nest(field, fields, depth - 1)
        });
        Column {
            data_type: "STRUCT".into(),
            fields: below.collect(),
            ..column
        }
    }
    let mut table = table(name, &[]);
    let column = |n| Column::leaf(format!("c{n}"), "STRING");
    table.columns = (0..columns)
        .map(|n| nest(column(n), fields, depth))
        .collect();
    table
}

/// The response once the store has been read, which for a large document takes longer than a reader waits.
async fn settled(app: &TestApp, path: &str) -> Reply {
    for _ in 0..100 {
        let reply = app.get(path).await;
        if reply.status == 200 && level(&reply) == "fresh" {
            return reply;
        }
    }
    panic!("{path} is not answered from the store");
}

#[tokio::test]
async fn a_page_of_tables_ends_at_its_byte_limit_and_skips_no_table() {
    let described = |n: usize| {
        let mut table = table(&format!("p.d.t{n:03}"), &["id"]);
        table.description = Some("설명 ".repeat(1_400));
        table
    };
    let all = document((0..150).map(described).collect());
    let store = Moody::new();
    store.sync(&all).await;
    let app = start(&store).await;

    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/schema/tables?limit=1000&after={after}");
        let page = settled(&app, &path).await;
        assert!(page.text().len() <= PAGE + 100, "{}", page.text().len());
        seen.extend(names(&page));
        let page: Value = page.json();
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let all: Vec<String> = all.tables.iter().map(|table| table.name.clone()).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_table_with_more_fields_than_the_limit_is_cut_and_marked_in_every_format() {
    let mut table = wide("p.d.huge", 4, 6, 6);
    fit(&mut table);
    assert!(table.cut);
    let store = Moody::new();
    store.sync(&sealed(document(vec![table]))).await;
    let app = start(&store).await;

    for format in ["json", "ddl", "text"] {
        let reply = settled(&app, &format!("/v1/schema/tables/huge?format={format}")).await;
        let text = reply.text();
        assert!(text.len() <= ANSWER, "{format}: {}", text.len());
        let note = if format == "json" {
            "\"cut\":true"
        } else {
            "some fields are omitted here"
        };
        assert!(text.contains(note), "{format}");
    }
    let page: Value = app.get("/v1/schema/tables").await.json();
    assert_eq!(page["items"][0]["cut"], true);
}

#[tokio::test]
async fn changes_beyond_what_an_answer_holds_are_counted() {
    let store = Moody::new();
    let before = document(vec![table("p.d.t", &["id"])]);
    let tables = (0..1_300).map(|n| table(&format!("p.d.{}{n}", "x".repeat(2_000)), &["id"]));
    let after = document(tables.collect());
    store.sync(&before).await;
    store.sync(&after).await;
    let app = start(&store).await;

    let path = format!("/v1/schema/changes?since={}", before.version);
    let reply = settled(&app, &path).await;

    assert!(reply.text().len() <= ANSWER, "{}", reply.text().len());
    let told: Value = reply.json();
    let listed = told["changes"].as_array().unwrap().len();
    let left_out = told["changes_left_out"].as_u64().unwrap();
    assert!(listed > 0 && left_out > 0);
    assert_eq!(listed as u64 + left_out, 1_301);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_table_exceeds_its_limit_in_any_format(
        columns in 1_usize..40, fields in 1_usize..9, depth in 0_usize..5, text in "\\PC{0,40}",
    ) {
        let mut table = wide("p.d.t", columns, fields, depth);
        table.description = Some(text.repeat(2_000));
        fit(&mut table);
        prop_assert!(bytes(&table) <= MAX_TABLE_BYTES);
        let mut left = table.columns.iter().collect::<Vec<_>>();
        let mut count = 0;
        let mut is_cut = false;
        while let Some(column) = left.pop() {
            count += 1;
            is_cut |= column.cut;
            left.extend(&column.fields);
        }
        prop_assert!(count <= MAX_FIELDS);
        let all: usize = (0..=depth).map(|level| columns * fields.pow(u32::try_from(level).unwrap())).sum();
        prop_assert_eq!(table.cut, count < all);
        prop_assert_eq!(is_cut, count < all);
        for dialect in [schema::Dialect::Bigquery, schema::Dialect::Postgres] {
            prop_assert!(schema::render::text(&table, dialect).len() <= ANSWER);
            prop_assert!(schema::render::ddl(&table, dialect).len() <= ANSWER);
        }
    }

    #[test]
    fn an_answer_holds_changes_up_to_its_limit(lengths in prop::collection::vec(0_usize..200_000, 0..40)) {
        let old: Vec<Table> = Vec::new();
        let tables = lengths.iter().enumerate();
        let tables: Vec<Table> =
            tables.map(|(n, length)| table(&format!("p.d.{}{n}", "x".repeat(*length)), &["id"])).collect();
        let changes = schema::diff::tables(&old, &tables);
        let kept = kept(&changes);
        let size = |count: usize| bytes(&changes[..count].to_vec());
        prop_assert!(size(kept) <= (2 << 20) + 1);
        prop_assert!(kept == changes.len() || size(kept + 1) > 2 << 20, "more would fit");
    }
}
