//! The columns of a file. Each is read by itself, and checked against what BigQuery allows.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::faults::{Faults, is_invisible, place, shown, steps};
use super::{MAX_DEPTH, types};
use crate::document::Column;
use crate::name;
use crate::table_schema::TableField;

/// The longest name of a column, in characters.
const MAX_NAME: usize = 300;
/// How no name of a column may begin, in any case.
const RESERVED: [&str; 6] = [
    "_COLIDENTIFIER",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "_TABLE_",
    "__ROOT__",
];

/// Reads a list of fields, and adds everything that is wrong with them. `parent` is the path of their column.
pub(super) fn read(
    list: &Value,
    parent: &str,
    depth: usize,
    faults: &mut Faults,
) -> Vec<TableField> {
    let of = match parent {
        "" => String::new(),
        parent => format!(" of {parent}"),
    };
    let items = match list {
        Value::Null => return Vec::new(),
        Value::Array(items) => items,
        other => {
            faults.wrong(&format!("`fields`{of}"), "a list of columns", other);
            return Vec::new();
        }
    };
    let mut names = Names::default();
    let mut fields = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let number = format!("column number {}{of}", position + 1);
        let Value::Object(object) = item else {
            faults.wrong(&number, "an object with `name` and `type`", item);
            continue;
        };
        let mut field = properties(object, parent, &number, faults);
        let is_named = object.get("name").is_some_and(Value::is_string);
        let path = match is_named {
            true => name::path(parent, &shown(&field.name)),
            false => number.clone(),
        };
        if is_named {
            names.add(&field.name, parent, position, faults);
        }
        let below = object.get("fields").unwrap_or(&Value::Null);
        let has_below = below.as_array().is_some_and(|below| !below.is_empty());
        if depth > MAX_DEPTH && has_below {
            faults.add(format!(
                "column {path}: BigQuery nests at most {MAX_DEPTH} records: flatten it"
            ));
        } else {
            field.fields = read(below, &path, depth + 1, faults);
        }
        if object.get("type").is_some_and(Value::is_string) {
            types::check(&field, has_below, &path, faults);
            let own = Column::from(TableField {
                fields: Vec::new(),
                ..field.clone()
            });
            columns(&own.fields, &path, depth + 1, faults);
        }
        fields.push(field);
    }
    fields
}

/// The properties of a field without those below it. Each property is read by itself.
fn properties(
    object: &Map<String, Value>,
    parent: &str,
    number: &str,
    faults: &mut Faults,
) -> TableField {
    let named = object.get("name").and_then(Value::as_str);
    let named = named.filter(|name| !name.trim().is_empty());
    let path = named.map(|name| format!("column {}", name::path(parent, &shown(name))));
    let path = path.as_deref().unwrap_or(number);
    let mut readable = Map::new();
    for key in ["name", "type"] {
        readable.insert(key.to_owned(), "".into());
        if !object.contains_key(key) {
            faults.unreadable(path, &format!("missing field `{key}`"));
        }
    }
    for (key, value) in object {
        if key == "fields" {
            continue;
        }
        let mut one = json!({"name": "", "type": ""});
        one[key.as_str()] = value.clone();
        match serde_path_to_error::deserialize::<_, TableField>(&one) {
            Ok(_) => {
                readable.insert(key.clone(), value.clone());
            }
            Err(error) => {
                let at = place(&Value::Null, &steps(error.path()));
                faults.unreadable(&format!("{path}, {at}"), error.inner());
            }
        }
    }
    serde_json::from_value(Value::Object(readable)).unwrap_or_default()
}

/// Checks the names of fields that a type tells: `STRUCT<a INT64>`.
fn columns(fields: &[Column], parent: &str, depth: usize, faults: &mut Faults) {
    let mut names = Names::default();
    for (position, field) in fields.iter().enumerate() {
        names.add(&field.name, parent, position, faults);
        let path = name::path(parent, &shown(&field.name));
        if depth > MAX_DEPTH && !field.fields.is_empty() {
            faults.add(format!(
                "column {path}: BigQuery nests at most {MAX_DEPTH} records: flatten it"
            ));
            continue;
        }
        columns(&field.fields, &path, depth + 1, faults);
    }
}

/// The names of the fields of one record, as BigQuery compares them: without case. The forms of a letter with an
/// accent are one letter.
#[derive(Default)]
struct Names(HashMap<String, String>);

impl Names {
    fn add(&mut self, name: &str, parent: &str, position: usize, faults: &mut Faults) {
        if name.trim().is_empty() {
            let number = position + 1;
            let of = match parent {
                "" => String::new(),
                parent => format!(" of {parent}"),
            };
            faults.add(format!(
                "column {number}{of} has an empty name: give it a name"
            ));
            return;
        }
        let path = name::path(parent, &shown(name));
        let folded = name::composed(&name::composed(name).to_lowercase());
        if let Some(other) = self.0.insert(folded, name.to_owned()) {
            let is_same = other.to_lowercase() == name.to_lowercase();
            let ignores = match is_same {
                true => "BigQuery ignores the case of names",
                false => "the names differ only in how an accent is encoded (Unicode NFC and NFD)",
            };
            let other = name::path(parent, &shown(&other));
            faults.add(format!(
                "column {path}: there is already a column {other}, and {ignores}: rename or remove one"
            ));
        }
        if name.chars().any(is_invisible) {
            faults.add(format!(
                "column {path:.80}: its name contains a control character or an invisible one: remove it"
            ));
        }
        let upper = name.to_uppercase();
        if let Some(prefix) = RESERVED.iter().find(|prefix| upper.starts_with(*prefix)) {
            faults.add(format!(
                "column {path:.80}: BigQuery reserves names that begin with {prefix}: rename or remove it"
            ));
        }
        if let Some(refused) = name.chars().find(|it| is_refused(*it)) {
            faults.add(format!(
                "column {path:.80}: BigQuery allows no {refused} in the name of a column: rename it"
            ));
        }
        if name.chars().count() > MAX_NAME {
            faults.add(format!(
                "column {path:.80}: its name has more than {MAX_NAME} characters: shorten it"
            ));
        }
    }
}

/// Whether BigQuery allows no such character in the name of a column: a sign other than those of flexible names, or
/// one that is neither a letter, a number nor a mark.
fn is_refused(character: char) -> bool {
    match character {
        '_' | '-' | '&' | '%' | '=' | '+' | ':' | '\'' | '<' | '>' | '#' | '|' => false,
        character if character.is_ascii() => {
            !character.is_ascii_alphanumeric()
                && !character.is_ascii_whitespace()
                && !is_invisible(character)
        }
        character => name::is_symbol(character) && !is_invisible(character),
    }
}
