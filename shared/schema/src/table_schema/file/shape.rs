//! The forms of a file, converted to that of a table resource of BigQuery's API.
//!
//! Terraform writes the names of the API in snake case, an object as a list of one (a block), and the columns
//! as text. `terraform show -json` and a state file hold many resources.

use serde_json::{Map, Value, json};

use super::text;
use super::{REWRITE, SchemaFileError};
use crate::name::TableName;

/// The type of a BigQuery table in Terraform.
const RESOURCE: &str = "google_bigquery_table";

/// What Terraform writes as a block, in the resource and below it.
const BLOCKS: [&str; 10] = [
    "timePartitioning",
    "rangePartitioning",
    "tableConstraints",
    "primaryKey",
    "referencedTable",
    "externalDataConfiguration",
    "hivePartitioningOptions",
    "range",
    "view",
    "materializedView",
];

/// The file in the form of a table resource. `name` is the table that the file is named for, and `repeated`
/// receives the places of repeated keys in texts that hold JSON.
pub(super) fn as_resource(
    json: Value,
    name: &TableName,
    repeated: &mut Vec<String>,
) -> Result<Value, SchemaFileError> {
    match json {
        Value::Array(fields) => block("", json!({"schema": {"fields": fields}})),
        Value::Object(object) => match attributes(object, name)? {
            object if !has(&object, "schema") && object.contains_key("fields") => {
                block("", json!({ "schema": object }))
            }
            object => resource(object, name, repeated),
        },
        Value::String(text) => {
            let inner = text::parse(&text, repeated)?;
            if inner.is_string() {
                return Err(SchemaFileError(format!("it holds only a text: {REWRITE}")));
            }
            as_resource(inner, name, repeated)
        }
        _ => Err(SchemaFileError(format!(
            "it is neither a list of columns nor a table: {REWRITE}"
        ))),
    }
}

fn has(object: &Map<String, Value>, key: &str) -> bool {
    object.get(key).is_some_and(|value| !value.is_null())
}

/// The attributes of the table, of what Terraform prints around them.
fn attributes(
    mut object: Map<String, Value>,
    name: &TableName,
) -> Result<Map<String, Value>, SchemaFileError> {
    if has(&object, "schema") || has(&object, "fields") {
        return Ok(object);
    }
    // Of a plan, the state that it leads to.
    for key in ["planned_values", "values", "attributes"] {
        if let Some(Value::Object(inner)) = object.get_mut(key) {
            return attributes(std::mem::take(inner), name);
        }
    }
    let mut all = Vec::new();
    let root = object.get("root_module").and_then(Value::as_object);
    of_module(root.unwrap_or(&object), &mut all);
    let is_of = |attributes: &&Map<String, Value>| {
        let is = |key: &str, part: &str| {
            let value = attributes.get(key).and_then(Value::as_str);
            value.is_none_or(|value| value == part)
        };
        is("table_id", &name.table)
            && is("dataset_id", &name.dataset)
            && is("project", &name.project)
    };
    let named: Vec<&Map<String, Value>> = all.iter().copied().filter(is_of).collect();
    match (named.len(), all.len()) {
        (1, _) => Ok(named[0].clone()),
        (0, 0) => Ok(object),
        (0, 1) => Ok(all[0].clone()),
        (named, count) => Err(SchemaFileError(format!(
            "it holds {count} tables of Terraform, of which {named} are named {name}: keep only the `values` of \
             this table in the file, or {REWRITE}"
        ))),
    }
}

/// Adds the attributes of each table in a module of `terraform show -json`, or in a state file.
fn of_module<'j>(module: &'j Map<String, Value>, all: &mut Vec<&'j Map<String, Value>>) {
    let list = |object: &'j Map<String, Value>, key: &str| {
        let list = object.get(key).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_object)
    };
    let is_table = |it: &&Map<String, Value>| {
        it.get("type").and_then(Value::as_str) == Some(RESOURCE)
            && it.get("mode").and_then(Value::as_str) != Some("data")
    };
    for resource in list(module, "resources").filter(is_table) {
        let attributes = list(resource, "instances").map(|it| it.get("attributes"));
        let attributes = attributes.chain([resource.get("values")]).flatten();
        all.extend(attributes.filter_map(Value::as_object));
    }
    for child in list(module, "child_modules") {
        of_module(child, all);
    }
}

/// The resource in the names and objects of the API.
fn resource(
    object: Map<String, Value>,
    name: &TableName,
    repeated: &mut Vec<String>,
) -> Result<Value, SchemaFileError> {
    let mut resource = Map::new();
    for (key, value) in object {
        let api = camel_case(&key);
        let value = match (api.as_str(), value) {
            // Names of columns, and of people.
            ("labels" | "resourceTags" | "effectiveLabels" | "terraformLabels", _) => continue,
            ("schema", value) => schema(value, name, repeated)?,
            ("clustering", Value::Array(fields)) => clustering(fields),
            (api, value) => block(api, value)?,
        };
        insert(&mut resource, &key, api, value)?;
    }
    if !resource.get("schema").is_some_and(Value::is_object) {
        // Terraform declares the columns of an external table here.
        let external = resource.get("externalDataConfiguration");
        if let Some(own) = external.and_then(|it| it.get("schema")).cloned() {
            let own = schema(own, name, repeated)?;
            resource.insert("schema".to_owned(), own);
        }
    }
    // The type is not known before a table is created.
    if !has(&resource, "type")
        && let Some(kind) = kind(&resource)
    {
        resource.insert("type".to_owned(), kind.into());
    }
    Ok(Value::Object(resource))
}

/// The object with the columns, which may be a list, or a text that holds either.
fn schema(
    schema: Value,
    name: &TableName,
    repeated: &mut Vec<String>,
) -> Result<Value, SchemaFileError> {
    match schema {
        Value::Array(fields) => block("", json!({ "fields": fields })),
        Value::String(text) if !text.trim().is_empty() => {
            let inner = text::parse(&text, repeated)?;
            let inner = as_resource(inner, name, repeated)?;
            Ok(inner.get("schema").cloned().unwrap_or_default())
        }
        Value::String(_) => Ok(Value::Null),
        schema => block("", schema),
    }
}

/// `["a", "b"]` in Terraform; a state of the provider's tests has the API's form as a block.
fn clustering(mut fields: Vec<Value>) -> Value {
    match fields[..] {
        [] => Value::Null,
        [Value::Object(_)] => fields.remove(0),
        _ => json!({ "fields": fields }),
    }
}

/// A value with the names of the API, in which a block is an object.
fn block(key: &str, value: Value) -> Result<Value, SchemaFileError> {
    Ok(match value {
        Value::Array(mut list) if BLOCKS.contains(&key) => match list.len() {
            0 => Value::Null,
            1 => block(key, list.remove(0))?,
            count => {
                return Err(SchemaFileError(format!(
                    "`{key}` is a list of {count}: keep one"
                )));
            }
        },
        Value::Array(list) => {
            let list = list.into_iter().map(|item| block("", item));
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => {
            let mut entries = Map::new();
            for (key, value) in object {
                let api = camel_case(&key);
                let value = block(&api, value)?;
                insert(&mut entries, &key, api, value)?;
            }
            Value::Object(entries)
        }
        // Terraform writes "" for what is not set.
        Value::String(text) if text.is_empty() && key == "field" => Value::Null,
        value => value,
    })
}

/// Adds a value by its name in the API. `key` is the name in the file.
fn insert(
    entries: &mut Map<String, Value>,
    key: &str,
    api: String,
    value: Value,
) -> Result<(), SchemaFileError> {
    match entries.insert(api, value) {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(SchemaFileError(format!(
            "`{key:.80}` is there in two spellings, in snake case and in camel case: remove one"
        ))),
    }
}

/// What a table is that tells no type.
fn kind(resource: &Map<String, Value>) -> Option<&'static str> {
    let has = |key: &str| match resource.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::Array(blocks)) => !blocks.is_empty(),
        Some(_) => true,
    };
    if has("view") {
        Some("VIEW")
    } else if has("materializedView") {
        Some("MATERIALIZED_VIEW")
    } else if has("externalDataConfiguration") {
        Some("EXTERNAL")
    } else {
        None
    }
}

/// `time_partitioning` as the API spells it.
fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}
