//! Paths of field names below a value.

use std::rc::Rc;

use schema::Dialect;

use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::nearest;
use crate::spelling::same;
use crate::types::{Field, Origin, Type};

/// The type of a name, and the warehouse columns that it mentions.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub data_type: Type,
    pub origins: Vec<Rc<Origin>>,
}

/// Follows field names down from a value.
pub(crate) fn descend(
    mut value: Type,
    start: &str,
    names: &[String],
    mut origins: Vec<Rc<Origin>>,
    dialect: Dialect,
) -> Result<Resolved, Fault> {
    let mut written = start.to_owned();
    for name in names {
        let next = match &value {
            // A name that is no field calls a function in Postgres.
            Type::Json if dialect == Dialect::Postgres => {
                return Err(Fault::new(
                    FaultKind::Field,
                    format!("{written}.{name}"),
                    format!("{written} is JSON, whose fields have no dot: write -> '{name}'"),
                ));
            }
            Type::Json => Type::Json,
            Type::Unknown => Type::Unknown,
            Type::Struct(fields) => {
                let Some(field) = fields.iter().find(|field| same(&field.name, name, dialect))
                else {
                    let have = fields.iter().map(|field| field.name.as_str());
                    let hint = nested_hint(fields, name, Some(&written), dialect)
                        .unwrap_or_else(|| nearest::hint(name, have));
                    return Err(Fault::new(
                        FaultKind::Field,
                        format!("{written}.{name}"),
                        format!("{written} has no field {name}{hint}"),
                    ));
                };
                origins.extend(field.origin.clone());
                field.data_type.clone()
            }
            Type::Array(_) => {
                return Err(Fault::new(
                    FaultKind::Repeated,
                    format!("{written}.{name}"),
                    format!(
                        "{written} is an array: read {name} of its elements through \
                         UNNEST({written}) AS element, as element.{name}"
                    ),
                ));
            }
            Type::Cut => {
                return Err(Fault::new(
                    FaultKind::Field,
                    format!("{written}.{name}"),
                    format!("{written} has no field {name}"),
                ));
            }
            Type::Opaque => {
                return Err(Fault::new(
                    FaultKind::Field,
                    format!("{written}.{name}"),
                    format!(
                        "the schema doesn't tell the fields of {written}, so {name} can't be checked"
                    ),
                ));
            }
            Type::Scalar | Type::Suffix(_) => {
                return Err(Fault::new(
                    FaultKind::Field,
                    format!("{written}.{name}"),
                    format!("{written} is a single value without fields, so it has no {name}"),
                ));
            }
        };
        written = format!("{written}.{name}");
        value = next;
    }
    Ok(Resolved {
        data_type: value,
        origins,
    })
}

/// A hint for a name that was written without the path to it.
pub(crate) fn nested_hint(
    fields: &[Field],
    name: &str,
    parent: Option<&str>,
    dialect: Dialect,
) -> Option<String> {
    fields.iter().find_map(|field| {
        let path = match parent {
            Some(parent) => format!("{parent}.{}", field.name),
            None => field.name.clone(),
        };
        let (inner, is_array) = match &field.data_type {
            Type::Array(element) => (&**element, true),
            other => (other, false),
        };
        let Type::Struct(inner) = inner else {
            return None;
        };
        if inner.iter().any(|field| same(&field.name, name, dialect)) {
            return Some(if is_array {
                format!(
                    "; it is a field of the array {path}: read it through UNNEST({path}) AS \
                     element, as element.{name}"
                )
            } else {
                format!("; did you mean {path}.{name}?")
            });
        }
        if is_array {
            return None;
        }
        nested_hint(inner, name, Some(&path), dialect)
    })
}
