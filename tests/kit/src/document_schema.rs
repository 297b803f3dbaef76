//! Checks schema documents against the published JSON Schema.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

const PUBLISHED: &str = include_str!("../../../docs/schema/document.v1.schema.json");

static STRICT: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema = serde_json::from_str(PUBLISHED).expect("the schema is JSON");
    close(&mut schema);
    jsonschema::validator_for(&schema).expect("a JSON Schema")
});

/// Panics unless the document is valid, and has no field that the schema lacks.
pub fn assert_valid(document: &Value) {
    let faults: Vec<String> = STRICT
        .iter_errors(document)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "the document doesn't match docs/schema/document.v1.schema.json: {faults:#?}; if its type has changed, run \
         `WRITE_DOCUMENT_SCHEMA=1 cargo test -p tests --test system document_schema` and commit the file"
    );
}

/// Forbids fields that an object doesn't declare. Readers ignore them, but a writer must publish them.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
