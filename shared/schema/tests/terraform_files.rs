//! Files that Terraform writes: plans, states, and what they hold of a table.

use schema::document::{Column, Table, TableKind};
use schema::name::TableName;
use schema::table_schema::parse_file;
use serde_json::{Value, json};

fn read(file: &Value) -> Result<Table, String> {
    let name = TableName::from(["p", "d", "t"]);
    let file = parse_file(file.to_string().as_bytes(), &name).map_err(|error| error.to_string())?;
    Ok(file.resource.into_table(name))
}

/// The attributes of a table, as Terraform's provider for Google Cloud keeps them.
fn attributes() -> Value {
    let schema = json!([
        {"name": "day", "type": "DATE", "mode": "REQUIRED"},
        {"name": "id", "type": "STRING", "mode": "NULLABLE", "maxLength": "10"},
    ]);
    json!({
        "project": "p", "dataset_id": "d", "table_id": "t", "deletion_protection": true,
        "labels": {"made_by": "x", "madeBy": "y"}, "description": "orders", "type": "TABLE",
        "num_rows": 1200, "num_bytes": 5_000_000,
        "schema": schema.to_string(),
        "time_partitioning": [{"expiration_ms": 0, "field": "day", "require_partition_filter": null, "type": "DAY"}],
        "range_partitioning": [],
        "clustering": ["id"],
        "require_partition_filter": true,
        "view": [],
        "external_data_configuration": [],
        "table_constraints": [{
            "primary_key": [{"columns": ["id"]}],
            "foreign_keys": [{
                "name": "by_day",
                "referenced_table": [{"project_id": "p", "dataset_id": "d", "table_id": "days"}],
                "column_references": [{"referencing_column": "day", "referenced_column": "day"}],
            }],
        }],
    })
}

fn resource(name: &str, values: &Value) -> Value {
    json!({
        "address": format!("google_bigquery_table.{name}"), "mode": "managed", "type": "google_bigquery_table",
        "name": name, "schema_version": 0, "values": values,
    })
}

fn other(table: &str) -> Value {
    let mut values = attributes();
    values["table_id"] = table.into();
    values["schema"] = json!([{"name": "other", "type": "DATE"}])
        .to_string()
        .into();
    values
}

#[test]
fn every_form_in_which_terraform_writes_a_table_holds_all_of_it() {
    let table = attributes();
    let bucket =
        json!({"mode": "managed", "type": "google_storage_bucket", "values": {"schema": null}});
    let root = json!({"resources": [bucket, resource("a", &other("a"))],
        "child_modules": [{"resources": [resource("b", &other("b"))], "child_modules": [
            {"address": "module.x.module.y", "resources": [resource("t", &table)]}]}]});
    let state = json!({"version": 4, "resources": [
        {"mode": "data", "type": "google_bigquery_table", "name": "t", "instances": [{"attributes": other("t")}]},
        {"mode": "managed", "type": "google_bigquery_table", "name": "t", "instances": [
            {"schema_version": 0, "attributes": other("a")}, {"schema_version": 0, "attributes": table}]}]});
    let mut elsewhere = table.clone();
    elsewhere["table_id"] = "renamed".into();
    for file in [
        table.clone(),
        json!({ "values": table }),
        resource("t", &table),
        json!({"schema_version": 0, "attributes": table}),
        json!({"format_version": "1.0", "values": {"root_module": root}}),
        json!({"format_version": "1.2", "planned_values": {"root_module": root},
            "prior_state": {"values": {"root_module": {}}}}),
        state,
        // The only table of the file.
        json!({"values": {"root_module": {"resources": [resource("t", &elsewhere)]}}}),
    ] {
        let table = read(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let columns: Vec<String> = table.columns.iter().map(Column::sql_type).collect();
        assert_eq!(columns, ["DATE", "STRING(10)"], "{file}");
        let by = table.partitioning.as_ref().expect("a partition");
        assert_eq!((by.column.as_str(), by.unit.as_str()), ("day", "DAY"));
        assert_eq!(table.clustering, ["id"]);
        assert!(table.require_partition_filter);
        assert_eq!(table.primary_key, ["id"]);
        assert_eq!(table.foreign_keys[0].references, "p.d.days");
        assert_eq!(table.foreign_keys[0].columns, ["day"]);
        assert_eq!(table.description.as_deref(), Some("orders"));
        assert_eq!((table.kind, table.rows), (TableKind::Table, Some(1_200)));
    }
}

#[test]
fn a_block_is_an_object_and_an_empty_one_is_absent() {
    let mut table = attributes();
    table["table_constraints"] = json!([]);
    table["clustering"] = Value::Null;
    table["time_partitioning"] = json!([]);
    table["schema"] = json!([{"name": "id", "type": "INT64"}]);
    table["range_partitioning"] =
        json!([{"field": "id", "range": [{"start": 0, "end": 10, "interval": 1}]}]);
    let by = read(&table).unwrap().partitioning.expect("a partition");
    assert_eq!((by.column.as_str(), by.unit.as_str()), ("id", "RANGE"));

    table["range_partitioning"] = json!([]);
    table["clustering"] = json!([]);
    let plain = read(&table).unwrap();
    assert_eq!((plain.partitioning, plain.clustering.len()), (None, 0));

    table["time_partitioning"] = json!([{"type": "hour", "field": ""}]);
    let by = read(&table).unwrap().partitioning.expect("a partition");
    assert_eq!(
        (by.column.as_str(), by.unit.as_str()),
        ("_PARTITIONTIME", "HOUR")
    );

    table["time_partitioning"] = json!([{"type": "DAY"}, {"type": "HOUR"}]);
    let error = read(&table).unwrap_err();
    assert!(
        error.contains("`timePartitioning` is a list of 2: keep one"),
        "{error}"
    );
}

#[test]
fn a_planned_table_has_the_kind_of_its_blocks() {
    let options = json!([{"mode": "AUTO", "require_partition_filter": true}]);
    for (key, block, kind) in [
        ("view", json!([{"query": "select 1"}]), TableKind::View),
        (
            "materialized_view",
            json!([{"query": "select 1"}]),
            TableKind::MaterializedView,
        ),
        (
            "external_data_configuration",
            json!([{"hive_partitioning_options": options}]),
            TableKind::External,
        ),
    ] {
        let mut table = attributes();
        table["type"] = Value::Null;
        table["require_partition_filter"] = Value::Null;
        table[key] = block;
        let table = read(&table).unwrap();
        assert_eq!(table.kind, kind, "{key}");
        assert_eq!(table.require_partition_filter, kind == TableKind::External);
    }
    let schema = json!([{"name": "x", "type": "DATE"}]).to_string();
    let external = json!({"external_data_configuration": [{"schema": schema}], "schema": ""});
    assert_eq!(read(&external).unwrap().columns[0].name, "x");
}

#[test]
fn properties_in_snake_case_are_those_in_camel_case() {
    let fields = json!([
        {"name": "a", "type": "STRING", "max_length": 5, "policy_tags": {"names": ["x"]}},
        {"name": "b", "type": "RANGE", "range_element_type": {"type": "DATE"}},
    ]);
    for file in [
        fields.clone(),
        json!({ "fields": fields }),
        json!({ "schema": fields }),
    ] {
        let table = read(&file).unwrap();
        assert_eq!(table.columns[0].sql_type(), "STRING(5)");
        assert_eq!(table.columns[0].policy_tags, ["x"]);
        assert_eq!(table.columns[1].sql_type(), "RANGE<DATE>");
    }
    let both = json!({"schema": fields, "time_partitioning": [{"type": "DAY"}], "timePartitioning": {"type": "DAY"}});
    let error = read(&both).unwrap_err();
    assert!(error.contains("in two spellings"), "{error}");
}

#[test]
fn several_tables_of_which_none_is_meant_are_refused_with_what_to_do() {
    let all = [other("a"), other("b")];
    let all: Vec<Value> = all.iter().map(|values| resource("x", values)).collect();
    let file = json!({"values": {"root_module": {"resources": all}}});
    let error = read(&file).unwrap_err();
    assert!(
        error.contains("2 tables of Terraform, of which 0 are named p.d.t"),
        "{error}"
    );
    assert!(error.contains("keep only the `values`"), "{error}");
}
