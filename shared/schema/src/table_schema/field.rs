//! A field of a schema, converted to a column and back.

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::document::{Column, DescriptionSource, Mode};
use crate::sql_type;

/// A field as `tables.get` returns it: legacy type names, and 64-bit numbers as strings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableField {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(
        default,
        deserialize_with = "lenient::mode",
        skip_serializing_if = "Option::is_none"
    )]
    pub mode: Option<Mode>,
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub fields: Vec<TableField>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_tags: Option<PolicyTags>,
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_length: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub precision: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub scale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_element_type: Option<RangeElementType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value_expression: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    #[serde(
        default,
        deserialize_with = "lenient::upper_case",
        skip_serializing_if = "Option::is_none"
    )]
    pub rounding_mode: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PolicyTags {
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RangeElementType {
    #[serde(rename = "type")]
    pub data_type: String,
}

/// The legacy type names of the API, and those of SQL.
const NAMES: [(&str, &str); 4] = [
    ("INTEGER", "INT64"),
    ("FLOAT", "FLOAT64"),
    ("BOOLEAN", "BOOL"),
    ("RECORD", "STRUCT"),
];

/// Other names that BigQuery accepts in SQL.
const ALIASES: [(&str, &str); 7] = [
    ("INT", "INT64"),
    ("SMALLINT", "INT64"),
    ("BIGINT", "INT64"),
    ("TINYINT", "INT64"),
    ("BYTEINT", "INT64"),
    ("DECIMAL", "NUMERIC"),
    ("BIGDECIMAL", "BIGNUMERIC"),
];

/// The name of a type in SQL, in capitals.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    let mut all = NAMES.iter().chain(&ALIASES);
    match all.find(|(alias, _)| *alias == name) {
        Some((_, sql)) => (*sql).to_owned(),
        None => name,
    }
}

/// A type with its parameters or elements: `numeric(10, 2)`, `ARRAY<STRUCT<a int64>>`.
fn parsed(text: &str) -> Option<Column> {
    fn fold(column: &mut Column) {
        let end = column.data_type.find(['(', '<']);
        let (name, rest) = column
            .data_type
            .split_at(end.unwrap_or(column.data_type.len()));
        column.data_type = format!("{}{}", canonical(name), rest.to_ascii_uppercase());
        column.fields.iter_mut().for_each(fold);
    }
    let mut column = sql_type::parse_column("", text.trim()).ok()?;
    fold(&mut column);
    Some(column)
}

impl From<TableField> for Column {
    fn from(field: TableField) -> Self {
        let name = canonical(&field.data_type);
        let whole = field.data_type.contains(['(', '<']);
        let whole = whole.then(|| parsed(&field.data_type)).flatten();
        let data_type = match (
            field.max_length,
            field.precision,
            field.scale,
            field.range_element_type,
        ) {
            (Some(length), ..) => format!("{name}({length})"),
            (_, Some(precision), Some(scale), _) => format!("{name}({precision}, {scale})"),
            (_, Some(precision), ..) => format!("{name}({precision})"),
            (.., Some(element)) => format!("{name}<{}>", canonical(&element.data_type)),
            _ => name,
        };
        let (data_type, own_mode, own_fields) = match whole {
            Some(whole) => (whole.data_type, whole.mode, whole.fields),
            None => (data_type, Mode::Nullable, Vec::new()),
        };
        let fields = field.fields.into_iter().map(Self::from).collect();
        let filled = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let description = filled(field.description);
        let rounding_mode = filled(field.rounding_mode);
        Self {
            name: field.name,
            data_type,
            mode: match own_mode {
                Mode::Repeated => Mode::Repeated,
                Mode::Nullable | Mode::Required => field.mode.unwrap_or_default(),
            },
            description_source: description.as_ref().map(|_| DescriptionSource::Warehouse),
            description,
            enum_labels: Vec::new(),
            default: filled(field.default_value_expression),
            collation: filled(field.collation),
            rounding_mode: rounding_mode.filter(|mode| mode != "ROUNDING_MODE_UNSPECIFIED"),
            policy_tags: field.policy_tags.unwrap_or_default().names,
            fields: if own_fields.is_empty() {
                fields
            } else {
                own_fields
            },
            cut: false,
        }
    }
}

impl From<Column> for TableField {
    fn from(column: Column) -> Self {
        let (name, parameters) = match column.data_type.find(['(', '<']) {
            Some(at) => column.data_type.split_at(at),
            None => (column.data_type.as_str(), ""),
        };
        let inside = parameters
            .get(1..parameters.len().max(2) - 1)
            .unwrap_or_default();
        let mut numbers = inside.split(',').map(|number| number.trim().to_owned());
        let mut field = Self {
            name: column.name,
            data_type: NAMES
                .iter()
                .find(|(_, sql)| *sql == name)
                .map_or(name, |(legacy, _)| legacy)
                .to_owned(),
            mode: Some(column.mode),
            description: column.description,
            policy_tags: (!column.policy_tags.is_empty()).then_some(PolicyTags {
                names: column.policy_tags,
            }),
            fields: column.fields.into_iter().map(Self::from).collect(),
            default_value_expression: column.default,
            collation: column.collation,
            rounding_mode: column.rounding_mode,
            ..Self::default()
        };
        match name {
            "STRING" | "BYTES" if !inside.is_empty() => field.max_length = numbers.next(),
            "RANGE" => {
                field.range_element_type = Some(RangeElementType {
                    data_type: inside.to_owned(),
                });
            }
            _ if !inside.is_empty() => {
                field.precision = numbers.next();
                field.scale = numbers.next();
            }
            _ => {}
        }
        field
    }
}
