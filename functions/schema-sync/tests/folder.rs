//! The folder as a warehouse.

use std::path::Path;

use schema_sync::document::{DriftKind, TableKind};
use schema_sync::source::folder::Folder;
use schema_sync::source::{Reading, Run, Source as _, SourceError};
use serde_json::{Value, json};

fn write(folder: &Path, name: &str, json: &str) {
    std::fs::write(folder.join(name), json).unwrap();
}

async fn read(folder: &Path) -> Result<Reading, SourceError> {
    Folder::new(folder).read(&[], &Run::default()).await
}

const ONE: &str = r#"[{"name": "a", "type": "INTEGER"}]"#;

#[tokio::test]
async fn the_three_forms_that_bigquery_writes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.d.bare.json", ONE);
    write(
        folder.path(),
        "p.d.schema.json",
        &format!(r#"{{"fields": {ONE}}}"#),
    );
    let resource = r#"{"type": "VIEW", "description": "all of it", "numRows": "12345",
        "timePartitioning": {"type": "DAY", "field": "a", "requirePartitionFilter": true},
        "tableConstraints": {"primaryKey": {"columns": ["a"]}, "foreignKeys": [{
            "referencedTable": {"projectId": "p", "datasetId": "d", "tableId": "bare"},
            "columnReferences": [{"referencingColumn": "a", "referencedColumn": "a"}]}]},
        "schema": {"fields": [{"name": "a", "type": "RECORD", "mode": "REPEATED", "fields": [
            {"name": "b", "type": "NUMERIC", "precision": "10", "scale": "2"}]}]}}"#;
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
async fn shards_become_a_family_with_its_drift() {
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

/// A family that grew four times in 114 days, once in the middle of a struct.
#[tokio::test]
async fn a_hundred_shards_with_five_schemas_are_one_family_that_says_what_changed_when() {
    let folder = tempfile::tempdir().unwrap();
    let field = |name: &str, data_type: &str| json!({"name": name, "type": data_type});
    let schema = |shard: usize| {
        let mut device = vec![field("category", "STRING")];
        let mut fields = vec![field("event_date", "STRING"), field("event_name", "STRING")];
        if shard >= 15 {
            fields.push(field("event_value_in_usd", "FLOAT"));
        }
        if shard >= 20 {
            fields.push(field("event_bundle_sequence_id", "INTEGER"));
            fields.push(field("event_server_timestamp_offset", "INTEGER"));
        }
        if shard >= 77 {
            fields.push(field("event_dimensions", "STRING"));
            device.push(field("browser", "STRING"));
        }
        if shard >= 102 {
            device.push(field("browser_version", "STRING"));
        }
        fields.push(json!({"name": "device", "type": "RECORD", "fields": device}));
        Value::Array(fields).to_string()
    };
    let days = jiff::civil::date(2018, 6, 12).series(jiff::Span::new().days(1));
    for (shard, day) in days.take(114).enumerate() {
        let name = format!("p.analytics.events_{}.json", day.strftime("%Y%m%d"));
        write(folder.path(), &name, &schema(shard));
    }

    let tables = read(folder.path()).await.unwrap().tables;

    assert_eq!(tables.len(), 1);
    let versions = &tables[0].shards.as_ref().unwrap().versions;
    let told: Vec<(&str, u64, Vec<&str>)> = versions
        .iter()
        .map(|it| {
            let paths = it
                .changes
                .iter()
                .map(|change| change.path.as_str())
                .collect();
            (it.first.as_str(), it.count, paths)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("20180612", 15, vec![]),
            ("20180627", 5, vec!["event_value_in_usd"]),
            (
                "20180702",
                57,
                vec!["event_bundle_sequence_id", "event_server_timestamp_offset"]
            ),
            ("20180828", 25, vec!["event_dimensions", "device.browser"]),
            ("20180922", 12, vec!["device.browser_version"]),
        ]
    );
}

#[tokio::test]
async fn a_broken_file_is_a_problem_and_the_rest_is_read() {
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
    assert_eq!(subjects, ["nodataset", "p.d.broken", "p.d.empty"]);
}

#[tokio::test]
async fn a_folder_that_gives_nothing_is_an_error_that_says_why() {
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
