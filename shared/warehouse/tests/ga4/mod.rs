//! Every path of real schemas: the Google Analytics 4 export as its public sample has it, as a live
//! property had it in August 2026, and a family of its shards whose schema changed four times.
//!
//! `events_2026.txt` and `drift.txt` hold names and types, a column a line; in `drift.txt` a line
//! `# first last` stands before each version, which has a shard a day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kit::bigquery::BigQuery as Stub;
use platform::Env;
use schema::document::{Column, DriftKind, Mode, ShardVersion};
use schema::sql_type::parse_column;
use schema::table_schema::TableField;
use serde_json::{Value, json};
use warehouse::source::bigquery::{BigQuery, Settings};
use warehouse::source::folder::Folder;
use warehouse::{Reading, Source, Usage};

const SAMPLE: &str = include_str!("../../../../functions/metasync/samples/ga4_events.txt");
const LIVE: &str = include_str!("events_2026.txt");
const DRIFT: &str = include_str!("drift.txt");

fn columns(lines: &str) -> Vec<Column> {
    let lines = lines.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, data_type) = line.split_once(' ').expect("a name and a type");
            parse_column(name, data_type).unwrap()
        })
        .collect()
}

/// As BigQuery's API answers them.
fn fields(columns: &[Column]) -> Value {
    let fields: Vec<_> = columns.iter().cloned().map(TableField::from).collect();
    serde_json::to_value(fields).unwrap()
}

/// Every path that the API's answer has, with its type there and whether it repeats: read without a
/// line of the code under test.
fn paths(fields: &Value) -> BTreeMap<String, (String, bool)> {
    fn below(parent: &str, fields: &Value, paths: &mut BTreeMap<String, (String, bool)>) {
        for field in fields.as_array().into_iter().flatten() {
            let path = format!("{parent}{}", field["name"].as_str().unwrap());
            below(&format!("{path}."), &field["fields"], paths);
            let data_type = field["type"].as_str().unwrap().to_owned();
            paths.insert(path, (data_type, field["mode"] == "REPEATED"));
        }
    }
    let mut found = BTreeMap::new();
    below("", fields, &mut found);
    found
}

/// The same of what was read.
fn read_paths(columns: &[Column]) -> BTreeMap<String, (String, bool)> {
    fn below(parent: &str, columns: &[Column], paths: &mut BTreeMap<String, (String, bool)>) {
        for column in columns {
            let path = format!("{parent}{}", column.name);
            below(&format!("{path}."), &column.fields, paths);
            let data_type = match column.data_type.as_str() {
                "INT64" => "INTEGER",
                "FLOAT64" => "FLOAT",
                "BOOL" => "BOOLEAN",
                "STRUCT" => "RECORD",
                other => other,
            };
            let repeats = column.mode == Mode::Repeated;
            paths.insert(path, (data_type.to_owned(), repeats));
        }
    }
    let mut found = BTreeMap::new();
    below("", columns, &mut found);
    found
}

async fn read(source: &dyn Source) -> Reading {
    let reading = source.read(&[], &Usage::default()).await.unwrap();
    assert_eq!(reading.problems, []);
    reading
}

/// A table for each day, by its suffix, read from a folder, and from BigQuery by gets and by a query.
async fn readings(shards: &[(String, Value)]) -> [Reading; 3] {
    let folder = tempfile::tempdir().unwrap();
    let stub = Stub::start().await;
    for (day, fields) in shards {
        let name = format!("events_{day}");
        let path = folder.path().join(format!("acme.ga4.{name}.json"));
        std::fs::write(path, json!({"fields": fields}).to_string()).unwrap();
        stub.table("acme.ga4", &name, fields.clone());
    }
    let bigquery = |query_above| {
        let env = Env::default()
            .with("WAREHOUSE_URL", "bigquery://acme/ga4")
            .with("BIGQUERY_EMULATOR_HOST", stub.host());
        let mut settings = Settings::from_env(&env).unwrap();
        settings.query_above = query_above;
        settings.requests_per_second = 10_000;
        BigQuery::new(
            settings,
            platform::http_client::build(&platform::Env::default()).unwrap(),
        )
    };
    [
        read(&Folder::new(folder.path())).await,
        read(&bigquery(usize::MAX)).await,
        read(&bigquery(0)).await,
    ]
}

#[tokio::test]
async fn every_way_of_reading_returns_every_path() {
    for (lines, top_level, all) in [(SAMPLE, 23, 108), (LIVE, 31, 217)] {
        let fields = fields(&columns(lines));
        let there = paths(&fields);
        assert_eq!((lines.lines().count(), there.len()), (top_level, all));

        for reading in readings(&[("20260801".to_owned(), fields)]).await {
            assert_eq!(reading.tables.len(), 1);
            let table = &reading.tables[0];
            assert_eq!(table.columns.len(), top_level);
            assert_eq!(read_paths(&table.columns), there);
        }
    }
}

/// First and last suffix, and the columns of each version.
fn versions() -> Vec<(Date, Date, Vec<Column>)> {
    let day = |text: &str| Date::strptime("%Y%m%d", text).unwrap();
    let versions = DRIFT.split("# ").skip(1);
    versions
        .map(|version| {
            let (days, lines) = version.split_once('\n').unwrap();
            let (first, last) = days.split_once(' ').unwrap();
            (day(first), day(last), columns(lines))
        })
        .collect()
}

#[tokio::test]
async fn a_family_of_114_shards_with_5_schemas_is_one_table_with_its_drift() {
    let mut shards = Vec::new();
    for (first, last, columns) in versions() {
        let days = first.series(jiff::Span::new().days(1));
        for day in days.take_while(|day| *day <= last) {
            shards.push((day.strftime("%Y%m%d").to_string(), fields(&columns)));
        }
    }
    assert_eq!(shards.len(), 114);

    for reading in readings(&shards).await {
        assert_eq!(reading.tables.len(), 1);
        let table = &reading.tables[0];
        assert_eq!(table.name, "acme.ga4.events_*");
        assert_eq!(table.columns, versions()[4].2);
        let shards = table.shards.as_ref().unwrap();
        assert_eq!(shards.count, 114);
        assert_eq!(
            (shards.first.as_str(), shards.last.as_str()),
            ("20180612", "20181003")
        );
        let told: Vec<_> = shards.versions.iter().map(told).collect();
        let added = |paths: &[&str]| -> Vec<(String, DriftKind)> {
            let paths = paths.iter();
            paths
                .map(|path| ((*path).to_owned(), DriftKind::Added))
                .collect()
        };
        assert_eq!(
            told,
            [
                ("20180612", "20180626", 15, added(&[])),
                ("20180627", "20180701", 5, added(&["event_value_in_usd"])),
                (
                    "20180702",
                    "20180827",
                    57,
                    added(&["event_bundle_sequence_id", "event_server_timestamp_offset"])
                ),
                (
                    "20180828",
                    "20180921",
                    25,
                    added(&[
                        "device.browser",
                        "device.browser_version",
                        "event_dimensions",
                        "geo.metro",
                        "geo.sub_continent",
                    ])
                ),
                ("20180922", "20181003", 12, added(&["device.web_info"])),
            ]
        );
    }
}

fn told(version: &ShardVersion) -> (&str, &str, u64, Vec<(String, DriftKind)>) {
    assert!(version.changes.iter().all(|change| !change.breaks_wildcard));
    let changes = version.changes.iter();
    let mut changes: Vec<_> = changes
        .map(|change| (change.path.clone(), change.kind))
        .collect();
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    (&version.first, &version.last, version.count, changes)
}
