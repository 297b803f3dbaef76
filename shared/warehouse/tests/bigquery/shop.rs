//! BigQuery stubs with a shop, for the tests of warehouses and of syncs.

use std::time::Duration;

use kit::bigquery::BigQuery as Stub;
use platform::Env;
use serde_json::{Value, json};
use warehouse::source::bigquery::{BigQuery, Settings};

pub const SHOP: &str = "acme.shop";

/// A warehouse of these datasets, with settings that a test may change; no wait is long.
pub fn source(stub: &Stub, datasets: &str, change: impl FnOnce(&mut Settings)) -> BigQuery {
    let env = Env::default()
        .with("WAREHOUSE_URL", format!("bigquery://acme/{datasets}"))
        .with("BIGQUERY_EMULATOR_HOST", stub.host());
    let mut settings = Settings::from_env(&env).unwrap();
    settings.retries.first_backoff = Duration::from_millis(1);
    settings.requests_per_second = 10_000;
    change(&mut settings);
    BigQuery::new(
        settings,
        platform::http_client::build(&platform::Env::default()).unwrap(),
    )
}

pub fn shop(stub: &Stub) -> BigQuery {
    source(stub, "shop", |_| {})
}

pub fn column(name: &str, data_type: &str) -> Value {
    json!({"name": name, "type": data_type})
}

/// So many day shards from 1 January 2021 on, each with the columns that `fields` gives it.
pub fn shards(stub: &Stub, prefix: &str, count: usize, fields: impl Fn(usize) -> Value) {
    let days = jiff::civil::date(2021, 1, 1).series(jiff::Span::new().days(1));
    for (at, day) in days.take(count).enumerate() {
        let name = format!("{prefix}{}", day.strftime("%Y%m%d"));
        stub.table(SHOP, &name, fields(at));
    }
}

/// Tables with all that a query can tell as well as a get, and a nested field that is required,
/// which it can't.
pub fn rich(stub: &Stub) {
    stub.put(
        SHOP,
        "customers",
        json!({
            "description": "People who \"buy\"\nthings",
            "schema": {"fields": [
                {"name": "id", "type": "INTEGER", "mode": "REQUIRED", "description": "the id"},
                {"name": "name", "type": "STRING", "maxLength": "10"},
                {"name": "balance", "type": "NUMERIC", "precision": "10", "scale": "2",
                 "roundingMode": "ROUND_HALF_EVEN"},
                {"name": "tags", "type": "STRING", "mode": "REPEATED", "description": "of them"},
                {"name": "mail", "type": "STRING", "description": "personal",
                 "policyTags": {"names": ["projects/acme/policyTags/1"]}},
                {"name": "home", "type": "RECORD", "fields": [
                    {"name": "street", "type": "STRING",
                     "policyTags": {"names": ["projects/acme/policyTags/1"]}},
                    {"name": "country", "type": "STRING", "mode": "REQUIRED"}]},
                {"name": "state", "type": "STRING", "collation": "und:ci",
                 "defaultValueExpression": "'new'"},
            ]},
            "tableConstraints": {"primaryKey": {"columns": ["id"]}},
        }),
    );
    stub.put(
        SHOP,
        "orders",
        json!({
            "schema": {"fields": [
                column("customer", "INTEGER"),
                column("at", "TIMESTAMP"),
                {"name": "items", "type": "RECORD", "mode": "REPEATED", "description": "bought",
                 "fields": [
                    {"name": "sku", "type": "STRING", "description": "what"},
                    {"name": "price", "type": "RECORD", "fields": [
                        {"name": "amount", "type": "FLOAT", "description": "in euros"}]},
                 ]},
            ]},
            "timePartitioning": {"type": "DAY", "field": "at"},
            "clustering": {"fields": ["customer"]},
            "requirePartitionFilter": true,
            "tableConstraints": {"foreignKeys": [{
                "referencedTable":
                    {"projectId": "acme", "datasetId": "shop", "tableId": "customers"},
                "columnReferences":
                    [{"referencingColumn": "customer", "referencedColumn": "id"}],
            }]},
        }),
    );
    stub.put(
        SHOP,
        "hits",
        json!({"schema": {"fields": [column("n", "INTEGER")]}, "timePartitioning": {"type": "HOUR"}}),
    );
    stub.put(
        SHOP,
        "by_range",
        json!({
            "schema": {"fields": [column("n", "INTEGER")]},
            "rangePartitioning": {"field": "n"},
        }),
    );
    stub.put(
        SHOP,
        "recent",
        json!({
            "type": "VIEW",
            "schema": {"fields": [column("id", "INTEGER")]},
            "view": {"query": "select id\nfrom `acme.shop.customers`", "useLegacySql": false},
        }),
    );
    shards(stub, "events_", 3, |_| json!([column("day", "STRING")]));
}
