//! The types of expressions: whether they have fields, and which.

use std::rc::Rc;

use schema::document::{Column, Mode};
use schema::name::path;
use schema::stand_in::RECORD;
use sqlparser::ast::{ArrayElemTypeDef, DataType};

/// As much of a type as name resolution needs.
#[derive(Clone, Debug)]
pub(crate) enum Type {
    Scalar,
    /// Anything may be read below it.
    Json,
    Array(Rc<Type>),
    Struct(Rc<Vec<Field>>),
    /// `_TABLE_SUFFIX` of a family.
    Suffix(Rc<SuffixRange>),
    /// The type after a fault; nothing below it is a further fault.
    Unknown,
}

/// A column of a relation, or a field of a struct.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Empty if it has no name that a query can write.
    pub name: String,
    pub data_type: Type,
    /// The warehouse column; none for a computed value.
    pub origin: Option<Rc<Origin>>,
    /// Not part of `*`: a pseudo column.
    pub hidden: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub table: Rc<str>,
    pub path: String,
}

/// The range of `_TABLE_SUFFIX` of a family: digits from `first` to `last`.
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

    /// The more specific type of two branches of one expression: `null` has no fields.
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Scalar => other,
            known => known,
        }
    }

    /// The type of one element; a value that is not an array is its own element.
    pub fn element(&self) -> Self {
        match self {
            Self::Array(element) => (**element).clone(),
            Self::Json => Self::Json,
            Self::Unknown => Self::Unknown,
            Self::Scalar | Self::Struct(_) | Self::Suffix(_) => Self::Scalar,
        }
    }

    /// The type of a cast or declaration.
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
            let is_hidden = column.fields.is_empty() && column.data_type == RECORD;
            let element = if column.cut && is_hidden {
                // The reader of the schema may not see its fields, and must not learn them from the warehouse.
                Type::structure(Vec::new())
            } else if column.cut {
                // Its fields are unknown here; the warehouse checks them.
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
