//! The content of the stub's responses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The rows of the sync's query. Tables with equal columns, description, keys and query share a row.
pub(super) fn catalog_rows(tables: &BTreeMap<String, Value>, sql: &str) -> Vec<Value> {
    let mut groups: BTreeMap<_, Vec<&String>> = BTreeMap::new();
    for (name, resource) in tables {
        if resource["type"] == "EXTERNAL" || resource["type"] == "MODEL" {
            continue;
        }
        let columns: Vec<_> = fields(&resource["schema"])
            .map(|field| column(field, sql))
            .collect();
        let description = resource["description"]
            .as_str()
            .map(|text| json!(text).to_string());
        let keys = keys(name, &resource["tableConstraints"]);
        let query = resource["view"]["query"].as_str().map(str::to_owned);
        let query = query.filter(|_| sql.contains("INFORMATION_SCHEMA.VIEWS"));
        let group = (json!(columns).to_string(), description, keys, query);
        groups.entry(group).or_default().push(name);
    }
    groups
        .into_iter()
        .map(|((columns, description, keys, query), names)| {
            let cells = [
                Some(columns),
                description,
                keys,
                Some(json!(names).to_string()),
                query,
            ];
            let cells: Vec<_> = cells.into_iter().map(|cell| json!({"v": cell})).collect();
            json!({"f": cells})
        })
        .collect()
}

fn fields(of: &Value) -> impl Iterator<Item = &Value> {
    of["fields"].as_array().into_iter().flatten()
}

fn column(field: &Value, sql: &str) -> Value {
    let mut details = Vec::new();
    collect_details("", field, sql, &mut details);
    // BigQuery returns the text NULL.
    let filled = field["defaultValueExpression"].as_str().unwrap_or("NULL");
    json!({
        "filled": sql.contains("column_default").then_some(filled),
        "name": field["name"],
        "type": type_text(field),
        "nullable": field["mode"] != "REQUIRED" && field["mode"] != "REPEATED",
        "paths": (!details.is_empty()).then_some(details),
    })
}

/// Collects what the SQL asks for of the field and its nested fields.
fn collect_details(parent: &str, field: &Value, sql: &str, details: &mut Vec<Value>) {
    let name = field["name"].as_str().unwrap_or_default();
    let path = format!("{parent}{name}");
    let text = field["description"].as_str();
    let asked = |column: &str, value: &Value| {
        let value = sql.contains(column).then(|| value.clone());
        value.unwrap_or_default()
    };
    let tags = asked("policy_tags", &field["policyTags"]["names"]);
    let collated = asked("collation_name", &field["collation"]);
    let rounding = asked("rounding_mode", &field["roundingMode"]);
    if text.is_some() || [&tags, &collated, &rounding].iter().any(|it| !it.is_null()) {
        details.push(json!({
            "path": path, "text": text, "tags": tags, "collated": collated, "rounding": rounding}));
    }
    for nested in fields(field) {
        collect_details(&format!("{path}."), nested, sql, details);
    }
}

fn type_text(field: &Value) -> String {
    let text = |name: &str| field[name].as_str();
    let base = match text("type").unwrap_or_default() {
        "INTEGER" => "INT64",
        "FLOAT" => "FLOAT64",
        "BOOLEAN" => "BOOL",
        other => other,
    };
    let element = if matches!(base, "RECORD" | "STRUCT") {
        let fields: Vec<_> = fields(field)
            .map(|nested| {
                let name = nested["name"].as_str().unwrap_or_default();
                format!("{name} {}", type_text(nested))
            })
            .collect();
        format!("STRUCT<{}>", fields.join(", "))
    } else {
        match (text("maxLength"), text("precision"), text("scale")) {
            (Some(length), ..) => format!("{base}({length})"),
            (_, Some(precision), Some(scale)) => format!("{base}({precision}, {scale})"),
            (_, Some(precision), None) => format!("{base}({precision})"),
            _ => base.to_owned(),
        }
    };
    if field["mode"] == "REPEATED" {
        format!("ARRAY<{element}>")
    } else {
        element
    }
}

fn keys(table: &str, constraints: &Value) -> Option<String> {
    let mut keys = Vec::new();
    for key in constraints["foreignKeys"].as_array().into_iter().flatten() {
        let pairs = key["columnReferences"].as_array().into_iter().flatten();
        let columns: Vec<_> = pairs
            .enumerate()
            .map(|(at, pair)| json!({"name": pair["referencingColumn"], "position": at + 1}))
            .collect();
        let referenced = &key["referencedTable"]["tableId"];
        keys.push(json!({"is_foreign": true, "target": referenced, "columns": columns}));
    }
    if let Some(columns) = constraints["primaryKey"]["columns"].as_array() {
        let columns: Vec<_> = columns
            .iter()
            .map(|name| json!({"name": name, "position": null}))
            .collect();
        keys.push(json!({"is_foreign": false, "target": table, "columns": columns}));
    }
    (!keys.is_empty()).then(|| json!(keys).to_string())
}

/// The part of a response that `fields` selects, such as `a,b(c,d),e/f`.
pub(super) fn masked(answer: &Value, fields: Option<&String>) -> Value {
    match fields {
        Some(fields) => keep(answer, fields),
        None => answer.clone(),
    }
}

fn keep(value: &Value, mask: &str) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| keep(item, mask)).collect(),
        Value::Object(entries) => {
            let mut kept = json!({});
            for part in parts(mask) {
                let nested = part.strip_suffix(')').and_then(|part| part.split_once('('));
                let (name, below) = match nested.or_else(|| part.split_once('/')) {
                    Some((name, below)) => (name, Some(below)),
                    None => (part, None),
                };
                if let Some(entry) = entries.get(name) {
                    kept[name] = below.map_or_else(|| entry.clone(), |below| keep(entry, below));
                }
            }
            kept
        }
        plain => plain.clone(),
    }
}

/// Splits at the commas outside of parentheses.
fn parts(mask: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, c) in mask.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&mask[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&mask[start..]);
    parts
}
