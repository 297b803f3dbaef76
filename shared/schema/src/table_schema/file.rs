//! A file with the schema of a table, as `bq show`, Terraform and the client libraries write it.
//!
//! A file is read in steps: [`text`] parses it, [`shape`] converts it to a table resource, and [`fields`] reads the
//! columns one by one, so that one fault hides no other.

mod faults;
mod fields;
mod shape;
mod text;
mod types;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use self::faults::{Faults, place, steps};
use super::{TableReference, TableResource};
use crate::document::{Column, Mode};
use crate::name::TableName;

/// How deeply BigQuery nests records.
const MAX_DEPTH: usize = 15;

/// How to write such a file.
const REWRITE: &str = "write the file with `bq show --format=prettyjson project:dataset.table`";

/// The columns by which BigQuery partitions a table that has none for it.
const PSEUDO_COLUMNS: [&str; 2] = ["_PARTITIONTIME", "_PARTITIONDATE"];

/// The types of columns by which BigQuery clusters a table.
const CLUSTERED: [&str; 10] = [
    "BIGNUMERIC",
    "BOOL",
    "DATE",
    "DATETIME",
    "GEOGRAPHY",
    "INT64",
    "NUMERIC",
    "RANGE",
    "STRING",
    "TIMESTAMP",
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

/// Parses a file: a list of fields, `{"fields": [..]}`, `{"schema": ..}` with either of these, a table
/// resource, or what Terraform writes. Of several tables of Terraform, it is the one of this name.
pub fn parse_file(bytes: &[u8], name: &TableName) -> Result<SchemaFile, SchemaFileError> {
    let text = text::decode(bytes)?;
    let mut repeated = Vec::new();
    let json = text::parse(&text, &mut repeated)?;
    let json = shape::as_resource(json, name, &mut repeated)?;
    let mut faults = Faults::default();
    for key in repeated {
        faults.add(format!("{key} is there twice: remove one"));
    }
    let reference = json.get("tableReference").cloned();
    let reference = reference.and_then(|it| serde_json::from_value(it).ok());
    let mut resource = resource(&json, &mut faults);
    if resource.is_model() {
        let reason = "it is a machine-learning model, not a table: remove it";
        return Err(SchemaFileError(reason.to_owned()));
    }
    let before = faults.count();
    let fields = match json.get("schema") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(schema)) => {
            let list = schema.get("fields").unwrap_or(&Value::Null);
            fields::read(list, "", 1, &mut faults)
        }
        Some(other) => {
            faults.wrong("`schema`", "a list of columns", other);
            Vec::new()
        }
    };
    resource.schema.fields = fields;
    if resource.schema.fields.is_empty() && faults.count() == before {
        faults.add(format!("it has no columns: {REWRITE}"));
    }
    keys(&resource, &mut faults);
    key_types(&resource, &mut faults);
    faults.finish()?;
    Ok(SchemaFile {
        resource,
        reference,
    })
}

/// The resource without its columns. Each key is read by itself.
fn resource(json: &Value, faults: &mut Faults) -> TableResource {
    let mut readable = Map::new();
    for (key, value) in json.as_object().into_iter().flatten() {
        if key == "schema" {
            continue;
        }
        let one = json!({ key: value });
        match serde_path_to_error::deserialize::<_, TableResource>(&one) {
            Ok(_) => {
                readable.insert(key.clone(), value.clone());
            }
            Err(error) => faults.unreadable(&place(&one, &steps(error.path())), error.inner()),
        }
    }
    serde_json::from_value(Value::Object(readable)).unwrap_or_default()
}

/// Adds the columns by which BigQuery partitions or clusters no table, because of their type.
fn key_types(resource: &TableResource, faults: &mut Faults) {
    let mut check = |place: &str, name: &str, types: &[&str]| {
        let mut fields = resource.schema.fields.iter();
        let Some(field) = fields.find(|it| it.name.to_lowercase() == name.to_lowercase()) else {
            return;
        };
        let column = Column::from(field.clone());
        let end = column.data_type.find(['(', '<']);
        let data_type = &column.data_type[..end.unwrap_or(column.data_type.len())];
        let place = format!("{place}: column {:.80}", faults::shown(&field.name));
        if column.mode == Mode::Repeated {
            faults.add(format!("{place} is repeated: name another column"));
        } else if !types.contains(&data_type) {
            faults.add(format!(
                "{place} is a {data_type:.60}: name a column of one of the types {}",
                types.join(", ")
            ));
        }
    };
    let by_time = resource.time_partitioning.iter();
    for name in by_time.filter_map(|by| by.field.as_deref()) {
        check(
            "`timePartitioning`, `field`",
            name,
            &["DATE", "DATETIME", "TIMESTAMP"],
        );
    }
    if let Some(by) = &resource.range_partitioning {
        check("`rangePartitioning`, `field`", &by.field, &["INT64"]);
    }
    for name in resource.clustering.iter().flat_map(|by| &by.fields) {
        check("`clustering`", name, &CLUSTERED);
    }
}

/// Adds the names in partitioning, clustering and keys that are no columns.
fn keys(resource: &TableResource, faults: &mut Faults) {
    let fields = resource.schema.fields.iter();
    let known: HashSet<String> = fields.map(|it| it.name.to_lowercase()).collect();
    if known.is_empty() {
        return;
    }
    let mut check = |place: &str, name: &str| {
        if !known.contains(&name.to_lowercase()) {
            let name = faults::shown(name);
            faults.add(format!(
                "{place}: there is no column {name:.80}: correct it, or add the column"
            ));
        }
    };
    let by_time = resource.time_partitioning.as_ref();
    if let Some(name) = by_time.and_then(|by| by.field.as_deref())
        && !PSEUDO_COLUMNS.contains(&name.to_ascii_uppercase().as_str())
    {
        check("`timePartitioning`, `field`", name);
    }
    if let Some(by) = &resource.range_partitioning {
        check("`rangePartitioning`, `field`", &by.field);
    }
    for name in resource.clustering.iter().flat_map(|by| &by.fields) {
        check("`clustering`", name);
    }
    let constraints = resource.table_constraints.iter();
    for constraints in constraints {
        let primary = constraints.primary_key.iter();
        for name in primary.flat_map(|key| &key.columns) {
            check("`primaryKey`", name);
        }
        let foreign = constraints.foreign_keys.iter();
        for pair in foreign.flat_map(|key| &key.column_references) {
            check("`foreignKeys`", &pair.referencing_column);
        }
    }
}
