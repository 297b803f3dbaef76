//! The types of a file, checked against those of BigQuery and their limits.

use super::faults::{Faults, shown};
use crate::document::Column;
use crate::table_schema::TableField;
use crate::table_schema::field::canonical;

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

/// Adds what is wrong with the type of a field. `has_fields` tells whether the file has fields below it.
pub(super) fn check(field: &TableField, has_fields: bool, path: &str, faults: &mut Faults) {
    let column = Column::from(TableField {
        fields: Vec::new(),
        ..field.clone()
    });
    let mut unknown = Vec::new();
    unknown_types(&column, &mut unknown);
    let is_known = unknown.is_empty();
    for name in unknown {
        let hint = if faults.has_types {
            String::new()
        } else {
            format!(": use one of {}", TYPES.join(", "))
        };
        faults.has_types = true;
        let name = shown(&name);
        faults.add(format!("column {path}: there is no type {name:.60}{hint}"));
    }
    let before = faults.count();
    properties(field, has_fields, path, faults);
    if is_known && faults.count() == before {
        parameters(&column, path, faults);
    }
}

/// Adds the properties that don't fit the type.
fn properties(field: &TableField, has_fields: bool, path: &str, faults: &mut Faults) {
    let name = canonical(&field.data_type);
    let written = shown(&field.data_type);
    let is_record = name == "STRUCT";
    if is_record && !has_fields {
        faults.add(format!(
            "column {path}: a {written} needs `fields`: add them"
        ));
    }
    if !is_record && has_fields {
        faults.add(format!(
            "column {path}: a {written:.60} has no `fields`: remove them, or make it a RECORD"
        ));
    }
    if field.max_length.is_some() && !matches!(name.as_str(), "STRING" | "BYTES") {
        faults.add(format!(
            "column {path}: only STRING and BYTES have a `maxLength`: remove it"
        ));
    }
    let is_decimal = matches!(name.as_str(), "NUMERIC" | "BIGNUMERIC");
    if (field.precision.is_some() || field.scale.is_some()) && !is_decimal {
        faults.add(format!(
            "column {path}: only NUMERIC and BIGNUMERIC have a `precision` and a `scale`: remove them"
        ));
    }
    if is_decimal && field.scale.is_some() && field.precision.is_none() {
        faults.add(format!(
            "column {path}: a `scale` needs a `precision`: add it, or remove the scale"
        ));
    }
    if name == "RANGE" && field.range_element_type.is_none() {
        faults.add(format!(
            "column {path}: a RANGE needs a `rangeElementType`: add it"
        ));
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

/// Adds the parameters that a type can't have, in a column and below it: `NUMERIC(99)`, `STRING(0)`.
fn parameters(column: &Column, path: &str, faults: &mut Faults) {
    if let Some((name, inside)) = column.data_type.split_once('(')
        && let Some(rule) = broken_rule(name, inside.trim_end_matches(')'))
    {
        let found = shown(&column.data_type);
        faults.add(format!("column {path}: {found:.60}: {rule}"));
    }
    for field in &column.fields {
        let path = crate::name::path(path, &shown(&field.name));
        parameters(field, &path, faults);
    }
}

/// What the parameters of a type must be, unless they are.
fn broken_rule(name: &str, inside: &str) -> Option<&'static str> {
    let numbers = inside
        .split(',')
        .map(|number| number.trim().parse::<u64>().ok());
    let numbers: Option<Vec<u64>> = numbers.collect();
    let is_decimal = |most_digits: u64, most_scale: u64, numbers: &[u64]| match *numbers {
        [precision] => (1..=most_digits).contains(&precision),
        [precision, scale] => {
            let least = scale.max(1);
            scale <= most_scale && (least..=scale + most_digits).contains(&precision)
        }
        _ => false,
    };
    let numbers = numbers.as_deref().unwrap_or_default();
    match name {
        "STRING" | "BYTES" => {
            let is_length = matches!(*numbers, [1..=0x7fff_ffff_ffff_ffff]);
            (!is_length).then_some("the length must be a whole number, 1 or more: correct it")
        }
        "NUMERIC" => (!is_decimal(29, 9, numbers)).then_some(
            "NUMERIC(precision, scale) has a scale from 0 to 9, and a precision from 1 to 29 more than the scale, \
             not below it: correct them, or use BIGNUMERIC",
        ),
        "BIGNUMERIC" => (!is_decimal(38, 38, numbers)).then_some(
            "BIGNUMERIC(precision, scale) has a scale from 0 to 38, and a precision from 1 to 38 more than the scale, \
             not below it: correct them",
        ),
        _ => Some(
            "only STRING, BYTES, NUMERIC and BIGNUMERIC have parameters in parentheses: remove them",
        ),
    }
}
