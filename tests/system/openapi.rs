//! The functions' OpenAPI documents, which `metasync` serves as one.

use std::collections::BTreeMap;

use kit::TestApp;
use platform::{Env, Resources, Router};
use serde_json::Value;

type App = fn(&Resources) -> anyhow::Result<Router>;

const FUNCTIONS: [(&str, App); 7] = [
    ("cache-read", cache_read::app),
    ("message-log", message_log::app),
    ("privacy", privacy::app),
    ("schema-sync", schema_sync::app),
    ("settings", settings::app),
    ("stats-batch", stats_batch::app),
    ("metasync", metasync::app),
];

/// Nothing is there, and nothing is asked.
async fn document(app: App) -> Value {
    let key = "07".repeat(32);
    let env = Env::default()
        .with("BUCKET_URL", "memory:///")
        .with("WAREHOUSE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("MASKING_KEY", key.as_str())
        .with("PRIVACY_KEY", key);
    let app = TestApp::with_env(env).start(app).await;
    app.get("/openapi.json").await.json()
}

#[tokio::test]
async fn what_two_functions_call_by_one_name_is_the_same() {
    let mut known: BTreeMap<String, (&str, Value)> = BTreeMap::new();
    for (function, app) in FUNCTIONS {
        let document = document(app).await;
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let first = known.entry(name.clone());
            let (other, same) = first.or_insert_with(|| (function, schema.clone()));
            assert_eq!(same, schema, "{name} of {other} and {function}");
        }
    }
}

#[tokio::test]
async fn every_schema_that_is_named_is_there() {
    fn check(document: &Value, part: &Value) {
        match part {
            Value::Object(fields) => {
                if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                    let found = document.pointer(name.trim_start_matches('#'));
                    assert!(found.is_some(), "{name}");
                }
                fields.values().for_each(|field| check(document, field));
            }
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            _ => {}
        }
    }
    for (_, app) in FUNCTIONS {
        let document = document(app).await;
        check(&document, &document);
    }
}
