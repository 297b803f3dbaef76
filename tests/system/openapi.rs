//! The functions' OpenAPI documents, which `metasync` merges into one.

use std::collections::BTreeMap;
use std::path::Path;

use kit::TestApp;
use platform::Env;
use serde_json::Value;
use tests::{App, apps};

/// The document of an app whose database and warehouse don't exist.
async fn document(app: App) -> Value {
    let key = "07".repeat(32);
    let env = Env::default()
        .with("BUCKET_URL", "memory:///")
        .with("WAREHOUSE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("MASKING_KEY", key.as_str())
        .with("METASYNC_KEYS", key.as_str())
        .with("PRIVACY_KEY", key);
    let app = TestApp::with_env(env).start(app).await;
    app.get("/openapi.json").await.json()
}

#[test]
fn no_function_reads_requests_with_extractors_whose_errors_repeat_the_words_of_a_library() {
    fn check(folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                check(&path);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let imports = source.lines().filter(|line| line.starts_with("use axum::"));
                for line in imports {
                    let names = line.split(|c: char| !c.is_alphanumeric() && c != '_');
                    for name in names {
                        let is_ours = ["Bytes", "Form", "Json", "Path", "Query"].contains(&name);
                        assert!(
                            !is_ours,
                            "{}: take that of `platform`: {line}",
                            path.display()
                        );
                    }
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (function, _) in apps() {
        check(&root.join("functions").join(function).join("src"));
    }
}

#[tokio::test]
async fn every_operation_documents_the_responses_that_every_operation_has() {
    for (function, app) in apps() {
        let document = document(app).await;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let responses = &operation["responses"];
                for status in ["400", "401", "403", "500", "503"] {
                    let text = responses[status]["description"].as_str();
                    let is_described = text.is_some_and(|text| !text.is_empty());
                    assert!(is_described, "{function}: {method} {path} lacks {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn schemas_of_the_same_name_are_the_same_in_every_function() {
    let mut known: BTreeMap<String, (&str, Value)> = BTreeMap::new();
    for (function, app) in apps() {
        let document = document(app).await;
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let first = known.entry(name.clone());
            let (other, same) = first.or_insert_with(|| (function, schema.clone()));
            assert_eq!(same, schema, "{name} of {other} and {function}");
        }
    }
}

#[tokio::test]
async fn every_schema_that_a_document_refers_to_exists() {
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
    for (_, app) in apps() {
        let document = document(app).await;
        check(&document, &document);
    }
}

#[tokio::test]
async fn a_document_is_about_its_function_and_not_about_the_library_that_writes_it() {
    for (function, app) in apps() {
        let info = document(app).await["info"].clone();
        let fields: Vec<&String> = info.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["title", "version"], "{function}: {info}");
    }
}
