//! Families in a folder: which tables belong together, and what their wildcards match.

use std::path::Path;

use schema::document::{Shards, Table, TableKind};
use warehouse::source::folder::Folder;
use warehouse::{Reading, Source as _, Unread, Usage};

/// Writes a table with these columns.
fn table(folder: &Path, name: &str, columns: &[&str]) {
    of_kind(folder, name, "TABLE", columns);
}

fn of_kind(folder: &Path, name: &str, kind: &str, columns: &[&str]) {
    let field = |name: &&str| format!(r#"{{"name": "{name}", "type": "STRING"}}"#);
    let fields: Vec<String> = columns.iter().map(field).collect();
    let json = format!(r#"{{"type": "{kind}", "schema": [{}]}}"#, fields.join(","));
    std::fs::write(folder.join(format!("p.{name}.json")), json).unwrap();
}

async fn read_again(folder: &Path, known: &[Table]) -> Reading {
    let folder = Folder::new(folder);
    folder.read(known, &Usage::default()).await.unwrap()
}

async fn read(folder: &Path) -> Vec<Table> {
    read_again(folder, &[]).await.tables
}

fn names(tables: &[Table]) -> Vec<&str> {
    tables.iter().map(|table| table.name.as_str()).collect()
}

fn shards<'t>(tables: &'t [Table], name: &str) -> &'t Shards {
    let table = tables.iter().find(|table| table.name == name).expect(name);
    table.shards.as_ref().expect(name)
}

#[tokio::test]
async fn a_family_knows_the_views_that_block_its_wildcard() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for day in ["d.t_20240101", "d.t_20240102", "d.t_fresh_20240103"] {
        table(folder, day, &["a"]);
    }
    of_kind(folder, "d.t_latest", "VIEW", &["a"]);
    of_kind(folder, "d.t_sheet", "EXTERNAL", &["a"]);
    of_kind(folder, "d.t_sums", "MATERIALIZED_VIEW", &["a"]);
    of_kind(folder, "d.other", "VIEW", &["a"]);

    let tables = read(folder).await;

    let family = shards(&tables, "p.d.t_*");
    assert_eq!(family.blocked_by, ["t_latest", "t_sheet", "t_sums"]);
    assert_eq!(family.siblings, ["t_fresh_*"]);
    assert_eq!(family.wildcard.as_deref(), Some("t_2*"));
    let fresh = shards(&tables, "p.d.t_fresh_*");
    assert!(fresh.blocked_by.is_empty() && fresh.wildcard.is_none());
}

#[tokio::test]
async fn a_view_whose_file_is_broken_still_blocks_the_wildcard() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "d.t_20240101", &["a"]);
    of_kind(folder, "d.t_latest", "VIEW", &["a"]);
    let known = read(folder).await;
    std::fs::write(folder.join("p.d.t_latest.json"), "{").unwrap();

    let again = read_again(folder, &known).await;

    assert_eq!(again.unread, [Unread::Table("p.d.t_latest".to_owned())]);
    assert_eq!(shards(&again.tables, "p.d.t_*").blocked_by, ["t_latest"]);
}

#[tokio::test]
async fn tables_named_only_by_a_date_are_a_family_of_their_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for day in 1..=3 {
        table(folder, &format!("day.2024010{day}"), &["type"]);
    }
    table(folder, "day.events_20240101", &["id"]);
    table(folder, "month.202401", &["type"]);
    table(folder, "month.202402", &["type"]);
    of_kind(folder, "day.latest", "VIEW", &["type"]);

    let tables = read(folder).await;

    assert_eq!(
        names(&tables),
        ["p.day.*", "p.day.events_*", "p.day.latest", "p.month.*"]
    );
    let day = shards(&tables, "p.day.*");
    assert_eq!(
        (day.count, day.first.as_str(), day.last.as_str()),
        (3, "20240101", "20240103")
    );
    assert_eq!(day.siblings, ["events_*"]);
    assert_eq!(day.blocked_by, ["latest"]);
    assert_eq!(day.wildcard.as_deref(), Some("2*"));
    let month = shards(&tables, "p.month.*");
    assert_eq!((month.count, month.wildcard.as_deref()), (2, None));
    assert_eq!(
        tables[0].parts,
        ["p", "day", "*"].into(),
        "its name has three parts"
    );
}

#[tokio::test]
async fn tables_without_common_columns_are_not_a_family() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "d.report_20240101", &["a", "b"]);
    table(folder, "d.report_20240102", &["x", "y"]);
    table(folder, "d.chain_20240101", &["a", "b"]);
    table(folder, "d.chain_20240102", &["b", "c"]);
    table(folder, "d.chain_20240103", &["c", "d"]);
    table(folder, "d.odd_20240101", &["x"]);
    table(folder, "d.odd_20240102", &["a"]);
    table(folder, "d.odd_20240103", &["a", "b"]);

    let tables = read(folder).await;

    assert_eq!(
        names(&tables),
        [
            "p.d.chain_*",
            "p.d.odd_*",
            "p.d.odd_20240101",
            "p.d.report_20240101",
            "p.d.report_20240102"
        ]
    );
    let odd = shards(&tables, "p.d.odd_*");
    assert_eq!((odd.count, odd.first.as_str()), (2, "20240102"));
    assert_eq!(odd.siblings, ["odd_20240101"]);
}

#[tokio::test]
async fn a_broken_file_makes_no_family_of_tables_that_were_known_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    table(folder, "d.t_20240101", &["a"]);
    table(folder, "d.t_20240102", &["x"]);
    let known = read(folder).await;
    assert_eq!(names(&known), ["p.d.t_20240101", "p.d.t_20240102"]);
    std::fs::write(folder.join("p.d.t_20240101.json"), "{").unwrap();

    let again = read_again(folder, &known).await;

    assert_eq!(again.unread, [Unread::Table("p.d.t_20240101".to_owned())]);
    assert!(again.tables.iter().all(|it| it.kind == TableKind::Table));
    assert_eq!(shards(&again.tables, "p.d.t_*").first, "20240102");
}
