//! `metasync describe`: what people know, from the command line and from files.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A warehouse in a folder, synced once.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        fs::create_dir(shop.0.path().join("warehouse")).unwrap();
        let orders = r#"[{"name": "id", "type": "INT64"}, {"name": "total", "type": "NUMERIC"}]"#;
        let file = "warehouse/acme.sales.orders.json";
        fs::write(shop.0.path().join(file), orders).unwrap();
        assert!(shop.run(&["sync"]).status.success());
        shop
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let url = |folder: &str| format!("file://{}/{folder}", self.0.path().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_metasync"));
        command.env_clear().args(arguments);
        command.env("WAREHOUSE_URL", url("warehouse"));
        command.env("BUCKET_URL", url("bucket"));
        command.output().unwrap()
    }

    fn describe(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.run(&[&["describe"], arguments].concat());
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        (output.status.success(), text)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Imports a file, and returns whether all of it was written, with the result.
    fn import(&self, name: &str, text: &str) -> (bool, Value) {
        let path = self.file(name, text);
        let arguments = ["describe", "--json", "--file", path.to_str().unwrap()];
        let output = self.run(&arguments);
        let result = serde_json::from_slice(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), result.expect(&error))
    }

    fn known(&self) -> Value {
        let output = self.run(&["describe", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// What an import refused.
fn entries(result: &Value) -> Vec<&str> {
    let refused = result["refused"].as_array().unwrap();
    refused
        .iter()
        .map(|it| it["entry"].as_str().unwrap())
        .collect()
}

#[test]
fn a_description_a_term_and_a_metric_are_written_listed_and_removed() {
    let shop = Shop::new();
    for (arguments, printed) in [
        (
            &["table", "orders", "One row per order."][..],
            "added: the description of acme.sales.orders\n",
        ),
        (
            &["column", "orders", "total", "Gross."],
            "added: the description of total in acme.sales.orders\n",
        ),
        (
            &["term", "churn", "No order.", "--tables", "orders"],
            "added: the term \"churn\"\n",
        ),
        (
            &["metric", "revenue", "sum(total)", "--table", "orders"],
            "added: the metric \"revenue\"\n",
        ),
        (
            &["metric", "revenue", "sum(total)", "--table", "orders"],
            "unchanged: the metric \"revenue\"\n",
        ),
        (&["term", "churn", "--remove"], "removed\n"),
        (
            &[],
            "acme.sales.orders: One row per order.\nacme.sales.orders total: Gross.\n\
             metric revenue: sum(total) of acme.sales.orders\n",
        ),
    ] {
        let (is_success, text) = shop.describe(arguments);
        assert_eq!(
            (is_success, text.as_str()),
            (true, printed),
            "{arguments:?}"
        );
    }
    let (is_success, text) = shop.describe(&["column", "orders", "totl", "Gross."]);
    assert!(
        !is_success && text.contains("did you mean total?"),
        "{text}"
    );
}

const OWN: &str = "
descriptions:
  - table: orders
    text: One row per order.
  - table: orders
    column: total
    text: |
      Gross, in euros.
glossary:
  - term: churn
    meaning: No order.
    tables: [sales.orders]
metrics:
  - {name: revenue, sql: sum(total), table: acme.sales.orders, description: Gross.}
";

const SCHEMA: &str = "
version: 2
models:
  - name: fct_orders
    config: {alias: orders}
    description: One row per order.
    columns:
      - name: total
        description: Gross, in euros.
        tests: [not_null]
      - name: id
        description: \"{{ doc('order_id') }}\"
sources:
  - name: sales
    database: acme
    tables:
      - name: orders
        columns: [{name: id, description: Number of the order.}]
";

const MANIFEST: &str = r#"{
  "metadata": {"dbt_version": "1.9.0"},
  "nodes": {
    "model.shop.fct_orders": {
      "resource_type": "model", "database": "acme", "schema": "sales", "name": "fct_orders",
      "alias": "orders", "config": {"materialized": "table"}, "description": "One row per order.",
      "columns": {"total": {"name": "total", "description": "Gross, in euros."}}
    },
    "model.shop.base": {
      "resource_type": "model", "database": "acme", "schema": "sales", "name": "base",
      "config": {"materialized": "ephemeral"}, "description": "No table."
    },
    "test.shop.not_null": {"resource_type": "test", "name": "not_null", "description": "No table."}
  },
  "sources": {},
  "semantic_models": {
    "semantic_model.shop.orders": {
      "node_relation": {"alias": "orders", "schema_name": "sales", "database": "acme"},
      "measures": [
        {"name": "total", "agg": "sum", "expr": null},
        {"name": "customers", "agg": "count_distinct", "expr": "id"}
      ]
    }
  },
  "metrics": {
    "metric.shop.revenue": {"name": "revenue", "description": "Gross.", "type": "simple", "filter": null,
      "type_params": {"measure": {"name": "total", "filter": null}}},
    "metric.shop.customers": {"name": "customers", "type": "simple",
      "type_params": {"measure": {"name": "customers"}}},
    "metric.shop.ratio": {"name": "ratio", "type": "ratio", "type_params": {"measure": null}}
  }
}"#;

/// A file that `dbt` reads, without any model.
const DBT_METRICS: &str = "
version: 2
metrics:
  - {name: revenue, label: Revenue, type: simple, type_params: {measure: total}}
";

/// A manifest with metrics whose aggregate is not all of their SQL.
const PARTIAL_METRICS: &str = r#"{
  "nodes": {"model.shop.orders": {"resource_type": "model", "database": "acme", "schema": "sales",
    "name": "orders"}},
  "semantic_models": {
    "semantic_model.shop.orders": {
      "node_relation": {"alias": "orders", "schema_name": "sales", "database": "acme"},
      "measures": [
        {"name": "total", "agg": "sum"},
        {"name": "median", "agg": "median", "expr": "total"},
        {"name": "last", "agg": "sum", "expr": "total", "non_additive_dimension": {"name": "id"}}
      ]
    }
  },
  "metrics": {
    "metric.shop.filtered": {"name": "filtered", "type": "simple", "filter": {"where_filters": []},
      "type_params": {"measure": {"name": "total"}}},
    "metric.shop.filtered_measure": {"name": "filtered_measure", "type": "simple",
      "type_params": {"measure": {"name": "total", "filter": {"where_filters": []}}}},
    "metric.shop.last": {"name": "last", "type": "simple", "type_params": {"measure": {"name": "last"}}},
    "metric.shop.median": {"name": "median", "type": "simple",
      "type_params": {"measure": {"name": "median"}}},
    "metric.shop.old": {"name": "old", "calculation_method": "sum", "expression": "total", "filters": [],
      "depends_on": {"nodes": ["model.shop.orders"]}},
    "metric.shop.window": {"name": "window", "calculation_method": "sum", "expression": "total",
      "window": {"count": 7, "period": "day"}, "depends_on": {"nodes": ["model.shop.orders"]}}
  }
}"#;

#[test]
fn a_file_of_each_format_is_imported() {
    for (name, text, refused, metrics) in [
        ("own.yaml", OWN, &[][..], &["sum(total)"][..]),
        ("schema.yml", SCHEMA, &["orders id"], &[]),
        (
            "manifest.json",
            MANIFEST,
            &["the metric \"ratio\""],
            &["count(distinct id)", "sum(total)"],
        ),
    ] {
        let shop = Shop::new();
        let (is_complete, result) = shop.import(name, text);
        assert_eq!(entries(&result), refused, "{name}: {result}");
        assert_eq!(is_complete, refused.is_empty(), "{name}");
        let known = shop.known();
        let described = known["descriptions"].as_array().unwrap();
        assert_eq!(described[0]["text"], "One row per order.", "{name}");
        let total = described.iter().find(|it| it["column"] == "total").unwrap();
        assert_eq!(total["text"], "Gross, in euros.", "{name}");
        assert_eq!(total["table"], "acme.sales.orders", "{name}");
        let sql = known["metrics"].as_array().into_iter().flatten();
        let sql: Vec<&str> = sql.map(|it| it["sql"].as_str().unwrap()).collect();
        assert_eq!(sql, metrics, "{name}");
        let (_, again) = shop.import(name, text);
        assert_eq!(again["written"], 0, "{name}: {again}");
    }
}

#[test]
fn a_file_with_a_mistake_is_refused_with_its_place_and_writes_nothing() {
    let shop = Shop::new();
    let wrong = OWN.replace("meaning:", "meening:");
    let path = shop.file("wrong.yaml", &wrong);
    let (is_success, text) = shop.describe(&["--file", path.to_str().unwrap()]);
    assert!(!is_success, "{text}");
    let fault = "line 11 column 5: unknown field `meening`";
    assert!(text.contains(fault), "{text}");
    assert_eq!(shop.known(), serde_json::json!({}));
}

#[test]
fn a_metric_of_dbt_is_imported_only_if_the_file_tells_all_of_its_sql() {
    for (name, text, refused, metrics) in [
        (
            "metrics.yml",
            DBT_METRICS,
            &["the metric \"revenue\""][..],
            Value::Null,
        ),
        (
            "manifest.json",
            PARTIAL_METRICS,
            &[
                "the metric \"filtered\"",
                "the metric \"filtered_measure\"",
                "the metric \"last\"",
                "the metric \"median\"",
                "the metric \"window\"",
            ],
            serde_json::json!([{"name": "old", "sql": "sum(total)", "table": "acme.sales.orders"}]),
        ),
    ] {
        let shop = Shop::new();
        let (is_complete, result) = shop.import(name, text);
        assert!(!is_complete, "{name}");
        assert_eq!(entries(&result), refused, "{name}: {result}");
        assert_eq!(shop.known()["metrics"], metrics, "{name}");
    }
}

#[test]
fn a_file_that_describes_nothing_or_mixes_formats_is_refused() {
    let shop = Shop::new();
    for (text, reason) in [
        ("", "it describes nothing"),
        ("version: 2\nmodel: []\n", "it describes nothing"),
        (r#"{"metadata": {}, "nodes": {}}"#, "it describes nothing"),
        ("models: []\nglossary: []\n", "models"),
        ("- table: orders\n", "can't use"),
        ("a: [", "it is not valid YAML"),
        (r#"{"nodes": []}"#, "it is not dbt's manifest.json"),
    ] {
        let path = shop.file("file", text);
        let (is_success, printed) = shop.describe(&["--file", path.to_str().unwrap()]);
        assert!(!is_success && printed.contains(reason), "{text}: {printed}");
    }
    assert_eq!(shop.known(), serde_json::json!({}));
}

#[test]
fn a_column_that_dbt_does_not_quote_is_found_in_any_case() {
    let yml = |quote: &str| {
        format!(
            "version: 2\nmodels:\n  - name: orders\n    columns:\n      - {{name: TOTAL, description: Gross.{quote}}}\n      - {{name: Id, description: Number.}}\n"
        )
    };
    let manifest = |config: &str| {
        format!(
            r#"{{"nodes": {{"seed.shop.orders": {{"resource_type": "seed", "database": "acme", "schema": "sales",
               "name": "orders", "config": {{{config}}}, "columns": {{
                 "TOTAL": {{"name": "TOTAL", "description": "Gross.", "quote": null}},
                 "Id": {{"name": "Id", "description": "Number.", "quote": false}}}}}}}}}}"#
        )
    };
    let quoted = [
        "the description of TOTAL in orders",
        "the description of TOTAL in acme.sales.orders",
    ];
    for (name, text, is_complete) in [
        ("schema.yml", yml(""), true),
        ("schema.yml", yml(", quote: true"), false),
        ("manifest.json", manifest(""), true),
        ("manifest.json", manifest("\"quote_columns\": true"), false),
    ] {
        let shop = Shop::new();
        let (is_all, result) = shop.import(name, &text);
        assert_eq!(is_all, is_complete, "{text}: {result}");
        assert!(
            entries(&result).iter().all(|it| quoted.contains(it)),
            "{result}"
        );
        let known = shop.known();
        let columns = known["descriptions"].as_array().unwrap().iter();
        let columns: Vec<&str> = columns.map(|it| it["column"].as_str().unwrap()).collect();
        let expected = if is_complete {
            &["id", "total"][..]
        } else {
            &["id"]
        };
        assert_eq!(columns, expected, "{text}");
    }
}

#[test]
fn a_file_of_metasync_spells_columns_as_they_are() {
    let shop = Shop::new();
    let own = "descriptions: [{table: orders, column: TOTAL, text: Gross.}]";
    let (is_complete, result) = shop.import("own.yaml", own);
    assert!(!is_complete, "{result}");
}

#[test]
fn an_import_prints_its_counts_in_words() {
    let shop = Shop::new();
    let path = shop.file("own.yaml", OWN);
    let (_, text) = shop.describe(&["--file", path.to_str().unwrap()]);
    assert!(text.contains("wrote 4 entries; 0 unchanged"), "{text}");
    let wrong = OWN.replace("orders", "order");
    let path = shop.file("wrong.yaml", &wrong);
    let (_, text) = shop.describe(&["--file", path.to_str().unwrap()]);
    assert!(!text.contains("entrys"), "{text}");
}
