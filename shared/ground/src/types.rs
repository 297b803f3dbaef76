//! What is known of an expression: whether it has fields, and which.

use std::rc::Rc;

use schema::document::{Column, Mode};
use schema::name::path;
use sqlparser::ast::{ArrayElemTypeDef, DataType};

/// Only as much of a type as resolving names needs.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Scalar,
    /// Anything may be read below it.
    Json,
    Array(Rc<Type>),
    Struct(Rc<Vec<Field>>),
    /// `_TABLE_SUFFIX` of a family.
    Suffix(Rc<SuffixRange>),
    /// Of something that is at fault already; nothing below it is a further fault.
    Unknown,
}

/// A column of a relation, or a field of a struct.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Empty where it has no name that could be written.
    pub name: String,
    pub data_type: Type,
    /// Where it stands in the warehouse; none where a query made it.
    pub origin: Option<Rc<Origin>>,
    /// Not part of `*`: a pseudo column.
    pub hidden: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub table: Rc<str>,
    pub path: String,
}

/// What `_TABLE_SUFFIX` can be: digits from `first` to `last`, or of another family.
#[derive(Debug)]
pub(crate) struct SuffixRange {
    pub table: Rc<str>,
    pub first: String,
    pub last: String,
}

impl Field {
    pub fn new(name: impl Into<String>, data_type: Type) -> Self {
        Self {
            name: name.into(),
            data_type,
            origin: None,
            hidden: false,
        }
    }

    pub fn hidden(name: &str, data_type: Type) -> Self {
        Self {
            hidden: true,
            ..Self::new(name, data_type)
        }
    }
}

impl Type {
    pub fn array(element: Type) -> Self {
        Self::Array(Rc::new(element))
    }

    pub fn structure(fields: Vec<Field>) -> Self {
        Self::Struct(Rc::new(fields))
    }

    /// Of two branches of one expression, the one that tells more: `null` has no fields.
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Scalar => other,
            known => known,
        }
    }

    /// Of one element; something that is no array is its own element.
    pub fn element(&self) -> Self {
        match self {
            Self::Array(element) => (**element).clone(),
            Self::Json => Self::Json,
            Self::Unknown => Self::Unknown,
            Self::Scalar | Self::Struct(_) | Self::Suffix(_) => Self::Scalar,
        }
    }

    /// Of a type that a query spells out.
    pub fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::JSON | DataType::JSONB => Self::Json,
            DataType::Struct(fields, _) => Self::structure(
                fields
                    .iter()
                    .map(|field| {
                        let name = field.field_name.as_ref().map(|name| name.value.clone());
                        Field::new(name.unwrap_or_default(), Self::of(&field.field_type))
                    })
                    .collect(),
            ),
            DataType::Array(
                ArrayElemTypeDef::AngleBracket(element)
                | ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::Parenthesis(element),
            ) => Self::array(Self::of(element)),
            _ => Self::Scalar,
        }
    }
}

/// The fields of a table or struct of the schema.
pub(crate) fn fields(table: &Rc<str>, parent: &str, columns: &[Column]) -> Vec<Field> {
    columns
        .iter()
        .map(|column| {
            let path = path(parent, &column.name);
            let element = if column.cut {
                // What lies below is not known here, and for the warehouse to say.
                Type::Json
            } else if !column.fields.is_empty() {
                Type::structure(fields(table, &path, &column.fields))
            } else if column.data_type.to_ascii_uppercase().starts_with("JSON") {
                Type::Json
            } else {
                Type::Scalar
            };
            Field {
                name: column.name.clone(),
                data_type: match column.mode {
                    Mode::Repeated => Type::array(element),
                    Mode::Nullable | Mode::Required => element,
                },
                origin: Some(Rc::new(Origin {
                    table: Rc::clone(table),
                    path,
                })),
                hidden: false,
            }
        })
        .collect()
}
