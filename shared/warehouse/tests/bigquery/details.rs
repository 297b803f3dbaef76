//! What a writer of SQL needs besides names and types, read by gets and by the query alike.

use super::*;

fn detailed(stub: &Stub) {
    stub.table(
        SHOP,
        "t",
        json!([
            {"name": "id", "type": "INTEGER"},
            {"name": "state", "type": "STRING", "collation": "und:ci",
             "defaultValueExpression": "'new'"},
            {"name": "total", "type": "NUMERIC", "precision": "10", "scale": "2",
             "roundingMode": "ROUND_HALF_EVEN"},
            {"name": "home", "type": "RECORD", "fields": [
                {"name": "street", "type": "STRING", "collation": "und:ci"},
                {"name": "no", "type": "STRING", "collation": ""}]},
            {"name": "plain", "type": "NUMERIC", "roundingMode": "ROUNDING_MODE_UNSPECIFIED"},
        ]),
    );
}

#[tokio::test]
async fn defaults_collations_and_rounding_modes_are_read_by_gets_and_by_the_query() {
    let stub = Stub::start().await;
    detailed(&stub);
    for query_above in [500, 0] {
        let source = source(&stub, "shop", |s| s.query_above = query_above);
        let (reading, _) = read(&source, &[]).await;
        let [id, state, total, home, plain] = &reading.tables[0].columns[..] else {
            panic!("five columns");
        };
        assert_eq!(state.default.as_deref(), Some("'new'"));
        assert_eq!(state.collation.as_deref(), Some("und:ci"));
        assert_eq!(total.rounding_mode.as_deref(), Some("ROUND_HALF_EVEN"));
        assert_eq!(home.fields[0].collation.as_deref(), Some("und:ci"));
        for without in [id, &home.fields[1], plain] {
            let details = (&without.default, &without.collation, &without.rounding_mode);
            assert_eq!(details, (&None, &None, &None), "{}", without.name);
        }
    }
}

#[tokio::test]
async fn an_emulator_without_the_columns_of_details_keeps_the_known_details() {
    let stub = Stub::start().await;
    detailed(&stub);
    let (first, _) = read(&shop(&stub), &[]).await;
    for column in ["collation_name", "rounding_mode", "column_default"] {
        stub.set_without(column);
    }
    stub.reset_calls();

    let (again, _) = read(&shop(&stub), &first.tables).await;

    assert_eq!(again.problems, []);
    assert_eq!(again.tables, first.tables);
    assert_eq!(stub.calls(Method::Get), 0);
}

#[tokio::test]
async fn one_row_that_cannot_be_parsed_costs_a_get_of_its_tables_only() {
    let stub = Stub::start().await;
    stub.table(SHOP, "good", id());
    // A type that no release of this program knows.
    stub.table(SHOP, "odd", json!([column("x", "NEW<<TYPE")]));
    let source = source(&stub, "shop", |s| s.query_above = 0);

    let (reading, _) = read(&source, &[]).await;

    assert_eq!(names(&reading), ["acme.shop.good", "acme.shop.odd"]);
    assert_eq!(reading.problems, []);
    assert_eq!(stub.calls(Method::Get), 1);
}

#[tokio::test]
async fn names_of_columns_are_found_whatever_their_case() {
    let stub = Stub::start().await;
    stub.put(
        SHOP,
        "t",
        json!({
            "schema": {"fields": [column("created_at", "DATE"), column("Region", "STRING")]},
            "timePartitioning": {"type": "MONTH", "field": "Created_At"},
            "clustering": {"fields": ["REGION"]},
            "tableConstraints": {"primaryKey": {"columns": ["region"]}},
        }),
    );
    for query_above in [500, 0] {
        let source = source(&stub, "shop", |s| s.query_above = query_above);
        let (reading, _) = read(&source, &[]).await;
        let table = &reading.tables[0];
        assert_eq!(table.partitioning.as_ref().unwrap().column, "created_at");
        assert_eq!(table.clustering, ["Region"]);
        assert_eq!(table.primary_key, ["Region"]);
        let ddl = schema::render::ddl(table, schema::Dialect::Bigquery);
        assert!(
            ddl.contains("PARTITION BY DATE_TRUNC(created_at, MONTH)"),
            "{ddl}"
        );
    }
}

#[tokio::test]
async fn the_required_filter_on_the_folders_of_an_external_table_is_kept_with_their_columns() {
    let stub = Stub::start().await;
    stub.put(
        SHOP,
        "logs",
        json!({
            "type": "EXTERNAL",
            "schema": {"fields": [
                column("line", "STRING"), column("dt", "DATE"), column("region", "STRING")]},
            "externalDataConfiguration": {
                "sourceUris": ["gs://acme/logs/*"],
                "hivePartitioningOptions": {
                    "mode": "AUTO", "requirePartitionFilter": true, "fields": ["dt", "region"]},
            },
        }),
    );
    for query_above in [500, 0] {
        let source = source(&stub, "shop", |s| s.query_above = query_above);
        let (reading, _) = read(&source, &[]).await;
        let table = &reading.tables[0];
        let by = table.partitioning.as_ref().unwrap();
        assert_eq!(
            (by.unit.as_str(), by.column.as_str()),
            ("HIVE", "dt, region")
        );
        let columns = table.partition_columns().into_iter();
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        assert_eq!(columns, ["dt", "region"]);
        assert!(table.require_partition_filter);
    }
}

#[tokio::test]
async fn a_machine_learning_model_is_not_a_table() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.put(SHOP, "churn", json!({"type": "MODEL"}));

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(names(&reading), ["acme.shop.t"]);
    assert_eq!(reading.problems, []);
}

/// The queries of the views in a reading, by name.
fn queries(reading: &Reading) -> Vec<(&str, Option<&str>)> {
    let views = reading.tables.iter().filter(|it| it.kind.is_view());
    let with_query = views.map(|view| {
        let definition = view.definition.as_ref();
        (view.own_name(), definition.map(|it| it.sql.as_str()))
    });
    with_query.collect()
}

fn views(stub: &Stub, of_view: &str, of_summary: &str) {
    let resource = |kind: &str, key: &str, query: &str| {
        let mut resource = json!({"type": kind, "schema": {"fields": [column("id", "INTEGER")]}});
        resource[key]["query"] = query.into();
        resource
    };
    stub.table(SHOP, "t", id());
    stub.put(SHOP, "seen", resource("VIEW", "view", of_view));
    let summary = resource("MATERIALIZED_VIEW", "materializedView", of_summary);
    stub.put(SHOP, "summary", summary);
}

#[tokio::test]
async fn the_queries_of_views_are_read_by_gets_and_by_the_query() {
    let stub = Stub::start().await;
    views(&stub, "select 1 as id;\n", "select 2 as id");
    let expected = [
        ("seen", Some("select 1 as id")),
        ("summary", Some("select 2 as id")),
    ];
    let by_gets = source(&stub, "shop", |_| {});
    let (first, _) = read(&by_gets, &[]).await;
    assert_eq!(queries(&first), expected);
    stub.reset_calls();
    let by_query = source(&stub, "shop", |s| s.query_above = 0);
    let (reading, _) = read(&by_query, &[]).await;
    assert_eq!(queries(&reading), expected);
    assert_eq!(stub.calls(Method::Get), 1, "the materialized view");

    views(&stub, "select 3 as id", "select 4 as id");
    stub.reset_calls();
    let (again, _) = read(&by_gets, &first.tables).await;
    let changed = [
        ("seen", Some("select 3 as id")),
        ("summary", Some("select 4 as id")),
    ];
    assert_eq!(queries(&again), changed);
    assert_eq!(stub.calls(Method::Get), 1, "the materialized view");
}

#[tokio::test]
async fn without_the_list_of_views_their_queries_are_read_by_gets() {
    let stub = Stub::start().await;
    views(&stub, "select 1 as id", "select 2 as id");
    stub.set_without("INFORMATION_SCHEMA.VIEWS");
    let source = source(&stub, "shop", |s| s.query_above = 0);

    let (reading, _) = read(&source, &[]).await;

    let expected = [
        ("seen", Some("select 1 as id")),
        ("summary", Some("select 2 as id")),
    ];
    assert_eq!(queries(&reading), expected);
    assert_eq!(reading.problems, []);
    assert_eq!(stub.calls(Method::Get), 2);
}
