//! The folder as a warehouse.

use std::path::Path;

use schema::document::{DriftKind, Table, TableKind};
use warehouse::source::folder::Folder;
use warehouse::{Progress, Reading, Source as _, SourceError, Unread, Usage};

use crate::Recorder;

fn write(folder: &Path, name: &str, json: &str) {
    std::fs::write(folder.join(name), json).unwrap();
}

async fn read(folder: &Path) -> Result<Reading, SourceError> {
    read_again(folder, &[]).await
}

async fn read_again(folder: &Path, known: &[Table]) -> Result<Reading, SourceError> {
    Folder::new(folder).read(known, &Usage::default()).await
}

const ONE: &str = r#"[{"name": "a", "type": "INTEGER"}]"#;

#[tokio::test]
async fn a_probe_tells_whether_the_folder_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    Folder::new(folder.path()).probe().await.expect("a folder");
    let none = Folder::new(folder.path().join("none")).probe().await;
    assert!(matches!(none, Err(SourceError::NotFound(_))), "{none:?}");
}

#[tokio::test]
async fn all_three_formats_of_schema_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.d.bare.json", ONE);
    write(
        folder.path(),
        "p.d.schema.json",
        &format!(r#"{{"fields": {ONE}}}"#),
    );
    let resource = r#"{"type": "VIEW", "description": "all of it", "numRows": "12345",
        "timePartitioning": {"type": "DAY", "field": "day", "requirePartitionFilter": true},
        "tableConstraints": {"primaryKey": {"columns": ["a"]}, "foreignKeys": [{
            "referencedTable": {"projectId": "p", "datasetId": "d", "tableId": "bare"},
            "columnReferences": [{"referencingColumn": "a", "referencedColumn": "a"}]}]},
        "schema": {"fields": [{"name": "a", "type": "RECORD", "mode": "REPEATED", "fields": [
            {"name": "b", "type": "NUMERIC", "precision": "10", "scale": "2"}]}, {"name": "day", "type": "DATE"}]}}"#;
    write(folder.path(), "p.d.resource.json", resource);

    let tables = read(folder.path()).await.unwrap().tables;

    let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["p.d.bare", "p.d.resource", "p.d.schema"]);
    assert_eq!(tables[0].columns, tables[2].columns);
    let resource = &tables[1];
    assert_eq!(
        (resource.kind, resource.rows),
        (TableKind::View, Some(12_000))
    );
    assert_eq!(
        resource.columns[0].sql_type(),
        "ARRAY<STRUCT<b NUMERIC(10, 2)>>"
    );
    assert!(resource.require_partition_filter);
    assert_eq!(resource.foreign_keys[0].references, "p.d.bare");
}

#[tokio::test]
async fn shards_become_a_family_with_drift() {
    let folder = tempfile::tempdir().unwrap();
    for day in 1..=5 {
        let two = r#"[{"name": "a", "type": "STRING"}, {"name": "b", "type": "FLOAT"}]"#;
        let schema = if day < 3 { ONE } else { two };
        write(
            folder.path(),
            &format!("p.d.events_2021010{day}.json"),
            schema,
        );
    }
    write(folder.path(), "p.d.events_intraday_20210106.json", ONE);

    let tables = read(folder.path()).await.unwrap().tables;

    assert_eq!(tables.len(), 2);
    let shards = tables[0].shards.as_ref().unwrap();
    assert_eq!((tables[0].name.as_str(), shards.count), ("p.d.events_*", 5));
    assert_eq!(
        (shards.first.as_str(), shards.last.as_str()),
        ("20210101", "20210105")
    );
    assert_eq!(shards.siblings, ["events_intraday_*"]);
    let changes: Vec<_> = shards.versions[1].changes.iter().collect();
    assert_eq!(
        (shards.versions.len(), shards.versions[1].first.as_str()),
        (2, "20210103")
    );
    assert_eq!(
        (changes[0].kind, changes[0].breaks_wildcard),
        (DriftKind::Retyped, true)
    );
    assert_eq!(
        (changes[1].kind, changes[1].path.as_str()),
        (DriftKind::Added, "b")
    );
    assert_eq!(
        tables[0].columns.len(),
        2,
        "a family has the columns of its newest shard"
    );
}

#[tokio::test]
async fn an_invalid_file_is_a_problem_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.d.good.json", ONE);
    write(folder.path(), "p.d.broken.json", "{\"fields\": [");
    write(folder.path(), "p.d.empty.json", "{\"fields\": []}");
    write(folder.path(), "nodataset.json", ONE);
    write(folder.path(), "notes.txt", "not a schema");

    let reading = read(folder.path()).await.unwrap();

    assert_eq!(reading.tables.len(), 1);
    let subjects: Vec<_> = reading
        .problems
        .iter()
        .map(|it| it.subject.as_str())
        .collect();
    assert_eq!(subjects, ["nodataset.json", "p.d.broken", "p.d.empty"]);
}

#[tokio::test]
async fn a_folder_without_any_readable_file_is_an_error_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("missing")).await.unwrap_err();
    assert!(
        missing.to_string().contains("check WAREHOUSE_URL"),
        "{missing}"
    );
    let empty = read(folder.path()).await.unwrap_err();
    assert!(
        empty.to_string().contains("project.dataset.table.json"),
        "{empty}"
    );
    write(folder.path(), "p.d.broken.json", "[");
    let broken = read(folder.path()).await.unwrap_err();
    assert!(broken.to_string().contains("p.d.broken"), "{broken}");
}

const TWO: &str = r#"[{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "STRING"}]"#;

/// Five days, of which the last two have a column more.
fn grown(folder: &Path) {
    for day in 1..=5 {
        let schema = if day < 4 { ONE } else { TWO };
        let name = format!("p.d.events_2021010{day}.json");
        write(folder, &name, schema);
    }
}

#[tokio::test]
async fn an_invalid_newest_shard_leaves_a_known_family_unread() {
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path());
    let known = read(folder.path()).await.unwrap().tables;
    write(folder.path(), "p.d.events_20210106.json", "{");

    let again = read_again(folder.path(), &known).await.unwrap();

    assert_eq!(again.unread, [Unread::Table("p.d.events_*".to_owned())]);
    assert_eq!(again.problems[0].subject, "p.d.events_20210106");
    assert!(again.tables.is_empty(), "{:?}", again.tables);

    let anew = read(folder.path()).await.unwrap();
    let events = &anew.tables[0];
    assert_eq!(
        (events.name.as_str(), events.columns.len()),
        ("p.d.events_*", 2)
    );
    let shards = events.shards.as_ref().unwrap();
    assert_eq!((shards.last.as_str(), shards.count), ("20210105", 5));
}

#[tokio::test]
async fn a_new_family_begins_and_ends_with_a_readable_shard() {
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path());
    for day in ["20201230", "20201231", "20210103", "20210106", "20210107"] {
        write(folder.path(), &format!("p.d.events_{day}.json"), "{");
    }

    let first = read(folder.path()).await.unwrap();
    let shards = first.tables[0].shards.as_ref().unwrap();
    assert_eq!(
        (shards.first.as_str(), shards.last.as_str(), shards.count),
        ("20210101", "20210105", 5)
    );
    assert_eq!(shards.versions.iter().map(|it| it.count).sum::<u64>(), 5);
    assert_eq!(first.problems.len(), 5);

    // A known family keeps a shard whose file broke.
    let known = {
        let folder = tempfile::tempdir().unwrap();
        grown(folder.path());
        read(folder.path()).await.unwrap().tables
    };
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path());
    write(folder.path(), "p.d.events_20210101.json", "{");
    let again = read_again(folder.path(), &known).await.unwrap();
    let shards = again.tables[0].shards.as_ref().unwrap();
    assert_eq!((shards.first.as_str(), shards.count), ("20210101", 5));
}

#[tokio::test]
async fn an_invalid_older_shard_counts_as_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    grown(folder.path());
    let known = read(folder.path()).await.unwrap().tables;
    write(folder.path(), "p.d.events_20210102.json", "{");

    let again = read_again(folder.path(), &known).await.unwrap();

    assert_eq!(again.tables, known);
    assert_eq!(again.problems[0].subject, "p.d.events_20210102");
}

#[tokio::test]
async fn a_family_with_only_invalid_shards_is_unread() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.d.good.json", ONE);
    grown(folder.path());
    let known = read(folder.path()).await.unwrap().tables;
    for day in 1..=5 {
        write(folder.path(), &format!("p.d.events_2021010{day}.json"), "{");
    }

    for known in [&known[..], &[]] {
        let reading = read_again(folder.path(), known).await.unwrap();
        assert_eq!(reading.unread, [Unread::Table("p.d.events_*".to_owned())]);
        assert_eq!((reading.tables.len(), reading.problems.len()), (1, 5));
    }
}

#[tokio::test]
async fn an_invalid_view_is_not_a_shard() {
    let folder = tempfile::tempdir().unwrap();
    let view = format!(r#"{{"type": "VIEW", "schema": {{"fields": {ONE}}}}}"#);
    write(folder.path(), "p.d.t_20210101.json", ONE);
    write(folder.path(), "p.d.t_20210102.json", &view);
    let known = read(folder.path()).await.unwrap().tables;
    write(folder.path(), "p.d.t_20210102.json", "{");

    let again = read_again(folder.path(), &known).await.unwrap();

    assert_eq!(again.unread, [Unread::Table("p.d.t_20210102".to_owned())]);
    assert_eq!(again.tables[0].name, "p.d.t_*");
}

#[tokio::test]
async fn every_file_counts_as_a_request_and_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.d.a.json", ONE);
    write(folder.path(), "p.d.b.json", ONE);
    let (usage, observer) = (Usage::default(), Recorder::default());

    Folder::new(folder.path()).read(&[], &usage).await.unwrap();
    Folder::new(folder.path())
        .read(&[], &observer)
        .await
        .unwrap();

    assert_eq!(usage.requests(), 2);
    let expected = [0, 1].map(|tables_done| Progress::Reading {
        tables_done,
        tables: 2,
    });
    assert_eq!(observer.progress(), expected);
}
