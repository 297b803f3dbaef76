//! A file with the schema of a table, as `bq show`, Terraform and the client libraries write it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment};

use super::field::{TableField, canonical};
use super::{TableReference, TableResource};
use crate::document::Column;
use crate::name;

/// How deeply BigQuery nests records.
const MAX_DEPTH: usize = 15;
/// The longest name of a column, in characters.
const MAX_NAME: usize = 300;
/// How many faults of a file are listed.
const MAX_FAULTS: usize = 5;

/// How to write such a file.
const REWRITE: &str = "write the file with `bq show --format=prettyjson project:dataset.table`";

const TYPES: [&str; 17] = [
    "BIGNUMERIC",
    "BOOL",
    "BYTES",
    "DATE",
    "DATETIME",
    "FLOAT64",
    "GEOGRAPHY",
    "INT64",
    "INTERVAL",
    "JSON",
    "NUMERIC",
    "RANGE",
    "STRING",
    "STRUCT",
    "TIME",
    "TIMESTAMP",
    "FOREIGN",
];

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaFile {
    pub resource: TableResource,
    /// The table that it was written for, if it tells.
    pub reference: Option<TableReference>,
}

/// Why a file is no schema, and what to do. Each fault names the column.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaFileError(String);

/// Parses a file: a list of fields, `{"fields": [..]}`, `{"schema": ..}` with either of these, or a
/// table resource.
pub fn parse_file(bytes: &[u8]) -> Result<SchemaFile, SchemaFileError> {
    let text = decode(bytes)?;
    let json = parse_json(&text)?;
    let json = as_resource(json)?;
    let reference = json.get("tableReference").cloned();
    let reference = reference.and_then(|it| serde_json::from_value(it).ok());
    let resource: TableResource = serde_path_to_error::deserialize(&json).map_err(|error| {
        let place = place(&json, error.path());
        SchemaFileError(format!(
            "{place}: {}; correct it, or {REWRITE}",
            error.inner()
        ))
    })?;
    if resource.is_model() {
        let reason = "it is a machine-learning model, not a table: remove it";
        return Err(SchemaFileError(reason.to_owned()));
    }
    let mut faults = Faults::default();
    if resource.schema.fields.is_empty() {
        faults.add(format!("it has no columns: {REWRITE}"));
    }
    faults.fields(&resource.schema.fields, "", 1);
    faults.finish()?;
    Ok(SchemaFile {
        resource,
        reference,
    })
}

/// The text in UTF-8, or in UTF-16 with a byte order mark, which PowerShell writes.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, SchemaFileError> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        let text = String::from_utf16(&units);
        let text = text.map_err(|_| "it is not valid UTF-16: save it as UTF-8".to_owned());
        text.map(Cow::Owned).map_err(SchemaFileError)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            let text = std::str::from_utf8(rest).map_err(|error| {
                let at = bytes.len() - rest.len() + error.valid_up_to();
                SchemaFileError(format!("byte {at} is not valid UTF-8: save it as UTF-8"))
            });
            text.map(Cow::Borrowed)
        }
    }
}

fn parse_json(text: &str) -> Result<Value, SchemaFileError> {
    if text.trim().is_empty() {
        return Err(SchemaFileError(format!("it is empty: {REWRITE}")));
    }
    serde_json::from_str(text).map_err(|error| {
        let error = error.to_string();
        SchemaFileError(if error.starts_with("recursion limit") {
            format!("it is nested too deeply: BigQuery nests at most {MAX_DEPTH} records")
        } else {
            format!("invalid JSON: {error}; correct it, or {REWRITE}")
        })
    })
}

/// The file in the form of a table resource.
fn as_resource(json: Value) -> Result<Value, SchemaFileError> {
    match json {
        Value::Array(fields) => Ok(json!({"schema": {"fields": fields}})),
        Value::Object(mut object) => {
            match object.remove("schema") {
                None | Some(Value::Null) if object.contains_key("fields") => {
                    return Ok(json!({"schema": object}));
                }
                None | Some(Value::Null) => {}
                Some(Value::Array(fields)) => {
                    object.insert("schema".to_owned(), json!({"fields": fields}));
                }
                // Terraform's state holds the schema as text.
                Some(Value::String(text)) => {
                    let inner = as_resource(parse_json(&text)?)?;
                    let schema = inner.get("schema").cloned().unwrap_or_default();
                    object.insert("schema".to_owned(), schema);
                }
                Some(schema) => {
                    object.insert("schema".to_owned(), schema);
                }
            }
            Ok(Value::Object(object))
        }
        Value::String(text) => {
            let inner = parse_json(&text)?;
            if inner.is_string() {
                return Err(SchemaFileError(format!("it holds only a text: {REWRITE}")));
            }
            as_resource(inner)
        }
        _ => Err(SchemaFileError(format!(
            "it is neither a list of columns nor a table: {REWRITE}"
        ))),
    }
}

/// A place in the JSON by the names of its columns: ``column items.price, `precision` ``.
fn place(json: &Value, path: &Path) -> String {
    let mut value = Some(json);
    let mut column = String::new();
    let mut rest: Vec<String> = Vec::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                value = value.and_then(|it| it.get(index));
                let named = value.and_then(|it| it.get("name")).and_then(Value::as_str);
                match named.filter(|name| !name.trim().is_empty()) {
                    Some(name) => {
                        column = name::path(&column, name);
                        rest.clear();
                    }
                    None => rest.push(format!("number {}", index + 1)),
                }
            }
            Segment::Map { key } => {
                value = value.and_then(|it| it.get(key));
                rest.push(format!("`{key}`"));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    match (column.is_empty(), rest.is_empty()) {
        (true, true) => "the file".to_owned(),
        (true, false) => rest.join(", "),
        (false, true) => format!("column {column}"),
        (false, false) => format!("column {column}, {}", rest.join(", ")),
    }
}

#[derive(Default)]
struct Faults {
    first: Vec<String>,
    more: usize,
    /// Whether a fault lists the types, which is enough once.
    has_types: bool,
}

impl Faults {
    fn add(&mut self, fault: String) {
        if self.first.len() < MAX_FAULTS {
            self.first.push(fault);
        } else {
            self.more += 1;
        }
    }

    fn finish(self) -> Result<(), SchemaFileError> {
        if self.first.is_empty() {
            return Ok(());
        }
        let more = match self.more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Err(SchemaFileError(format!("{}{more}", self.first.join("; "))))
    }

    fn fields(&mut self, fields: &[TableField], parent: &str, depth: usize) {
        let mut known: HashMap<String, &str> = HashMap::new();
        for (position, field) in fields.iter().enumerate() {
            if field.name.trim().is_empty() {
                let number = position + 1;
                let of = match parent {
                    "" => String::new(),
                    parent => format!(" of {parent}"),
                };
                self.add(format!(
                    "column {number}{of} has an empty name: give it a name"
                ));
                continue;
            }
            let path = name::path(parent, &field.name);
            if let Some(other) = known.insert(field.name.to_lowercase(), &field.name) {
                let other = name::path(parent, other);
                self.add(format!(
                    "column {path}: there is already a column {other}, and BigQuery ignores the case of \
                     names: rename or remove one"
                ));
            }
            if field.name.chars().count() > MAX_NAME {
                self.add(format!(
                    "column {path:.80}: its name has more than {MAX_NAME} characters: shorten it"
                ));
            }
            self.data_type(field, &path);
            if depth > MAX_DEPTH && !field.fields.is_empty() {
                self.add(format!(
                    "column {path}: BigQuery nests at most {MAX_DEPTH} records: flatten it"
                ));
                continue;
            }
            self.fields(&field.fields, &path, depth + 1);
        }
    }

    fn data_type(&mut self, field: &TableField, path: &str) {
        let column = Column::from(TableField {
            fields: Vec::new(),
            ..field.clone()
        });
        let mut unknown = Vec::new();
        unknown_types(&column, &mut unknown);
        for name in unknown {
            let hint = if self.has_types {
                String::new()
            } else {
                format!(": use one of {}", TYPES.join(", "))
            };
            self.has_types = true;
            self.add(format!("column {path}: there is no type {name:.60}{hint}"));
        }
        let is_record = canonical(&field.data_type) == "STRUCT";
        if is_record && field.fields.is_empty() {
            self.add(format!(
                "column {path}: a {} needs `fields`: add them",
                field.data_type
            ));
        }
        if !is_record && !field.fields.is_empty() {
            self.add(format!(
                "column {path}: a {:.60} has no `fields`: remove them, or make it a RECORD",
                field.data_type
            ));
        }
        let name = canonical(&field.data_type);
        if field.max_length.is_some() && !matches!(name.as_str(), "STRING" | "BYTES") {
            self.add(format!(
                "column {path}: only STRING and BYTES have a `maxLength`: remove it"
            ));
        }
        let is_decimal = matches!(name.as_str(), "NUMERIC" | "BIGNUMERIC");
        if (field.precision.is_some() || field.scale.is_some()) && !is_decimal {
            self.add(format!(
                "column {path}: only NUMERIC and BIGNUMERIC have a `precision` and a `scale`: remove them"
            ));
        }
        if is_decimal && field.scale.is_some() && field.precision.is_none() {
            self.add(format!(
                "column {path}: a `scale` needs a `precision`: add it, or remove the scale"
            ));
        }
        if name == "RANGE" && field.range_element_type.is_none() {
            self.add(format!(
                "column {path}: a RANGE needs a `rangeElementType`: add it"
            ));
        }
    }
}

/// The names of types that BigQuery does not have, in a column and below it.
fn unknown_types(column: &Column, unknown: &mut Vec<String>) {
    let end = column.data_type.find(['(', '<']);
    let name = &column.data_type[..end.unwrap_or(column.data_type.len())];
    let elements = [
        "RANGE<DATE>",
        "RANGE<DATETIME>",
        "RANGE<TIMESTAMP>",
        "RANGE",
    ];
    let is_known = match name {
        "RANGE" => elements.contains(&column.data_type.as_str()),
        "STRUCT" if end.is_some() => false,
        name => TYPES.contains(&name),
    };
    if !is_known {
        unknown.push(column.data_type.clone());
    }
    for field in &column.fields {
        unknown_types(field, unknown);
    }
}
