//! The published JSON Schema of the schema document is that of the code. Documents of all tests are checked against it
//! by `kit::document_schema`.

use std::fs;

use schema::document::{Document, FORMAT, NEWEST_FORMAT};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::root;

/// If it is set, the test writes the file.
const WRITE: &str = "WRITE_DOCUMENT_SCHEMA";

/// The JSON Schema of a document, derived from its type.
fn derived() -> Value {
    let mut schemas = Vec::new();
    Document::schemas(&mut schemas);
    let mut definitions = Map::new();
    for (name, schema) in schemas {
        definitions.insert(name, serde_json::to_value(schema).expect("JSON"));
    }
    let mut whole = serde_json::to_value(Document::schema()).expect("JSON");
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    whole["$id"] = json!(format!("urn:metasync:schema-document:v{FORMAT}"));
    whole["title"] = json!(format!(
        "Schema document of MetaSync, formats {FORMAT} and {NEWEST_FORMAT}"
    ));
    whole["description"] = json!(
        "What a sync writes to schema/metadata_cache.json, and GET /v1/schema returns. A release may add fields within \
         a format, so ignore fields that you don't know. A reader refuses a format that it does not know."
    );
    whole["properties"]["format"] = json!({"enum": [FORMAT, NEWEST_FORMAT]});
    whole["$defs"] = Value::Object(definitions);
    point_to_definitions(&mut whole);
    whole
}

fn point_to_definitions(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = target.replace("#/components/schemas/", "#/$defs/");
            }
            fields.values_mut().for_each(point_to_definitions);
        }
        Value::Array(items) => items.iter_mut().for_each(point_to_definitions),
        _ => {}
    }
}

#[test]
fn the_published_schema_of_the_document_is_that_of_the_code() {
    let path = root().join(format!("docs/schema/document.v{FORMAT}.schema.json"));
    let expected = derived();
    if std::env::var_os(WRITE).is_some() {
        let text = serde_json::to_string_pretty(&expected).expect("JSON") + "\n";
        fs::write(&path, text).expect("a writable file");
    }
    let published = fs::read(&path).unwrap_or_default();
    assert!(
        serde_json::from_slice::<Value>(&published).ok() == Some(expected),
        "{} is not that of the code: run this test with {WRITE}=1, and commit the file",
        path.display()
    );
}

#[test]
fn the_stored_document_of_the_first_release_is_valid() {
    let path = root().join("tests/system/upgrade/0.1.0/bucket/schema/metadata_cache.json");
    let document = fs::read(path).expect("the document");
    kit::document_schema::assert_valid(&serde_json::from_slice(&document).expect("JSON"));
}

#[test]
#[should_panic(expected = "/tables/0/columns/0")]
fn a_document_with_a_column_of_another_shape_is_not_valid() {
    let path = root().join("tests/system/upgrade/0.1.0/bucket/schema/metadata_cache.json");
    let document = fs::read(path).expect("the document");
    let mut document: Value = serde_json::from_slice(&document).expect("JSON");
    document["tables"][0]["columns"][0]["type"] = json!(7);
    kit::document_schema::assert_valid(&document);
}
