//! The types of expressions: whether they have fields, and which.

use std::rc::Rc;

use schema::Dialect;
use schema::document::{Column, Mode};
use schema::name::path;
use schema::stand_in::{ENUM, RECORD};
use sqlparser::ast::{ArrayElemTypeDef, DataType};

use crate::lists;

/// Types of Postgres that are words of its grammar.
pub(crate) const TYPE_WORDS: &[&str] = &[
    "bigint",
    "bit",
    "boolean",
    "character",
    "dec",
    "decimal",
    "double",
    "float",
    "int",
    "integer",
    "interval",
    "nchar",
    "numeric",
    "real",
    "smallint",
    "time",
    "timestamp",
    "varchar",
];
/// Types of Postgres whose values have positions or elements, although they are no arrays: `(point '(1,2)')[0]`,
/// `unnest(tsvector)`.
const WITH_PARTS: &[&str] = &[
    "box",
    "datemultirange",
    "int2vector",
    "int4multirange",
    "int8multirange",
    "line",
    "lseg",
    "name",
    "nummultirange",
    "oidvector",
    "point",
    "tsmultirange",
    "tstzmultirange",
    "tsvector",
];

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
    /// A record whose fields the reader of the schema may not see, and must not learn from the warehouse.
    Cut,
    /// A value of Postgres whose type is not known for sure. It may have positions and elements; of its fields,
    /// none can be named, because a name that is no field calls a function.
    Opaque,
    /// The type after a fault, or one that only the warehouse knows: nothing below it is a fault.
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
    /// It is a column of BigQuery's, which the schema doesn't have.
    pub is_pseudo: bool,
}

impl Origin {
    /// The table, and the path in lower case.
    pub fn key(&self) -> (String, String) {
        (self.table.to_string(), self.path.to_lowercase())
    }
}

/// The range of `_TABLE_SUFFIX` of a family: digits from `first` to `last`.
#[derive(Debug)]
pub(crate) struct SuffixRange {
    pub table: Rc<str>,
    /// The number of the wildcard, and the query that reads it.
    pub read: usize,
    pub query: usize,
    /// What the wildcard's name has of the suffixes: `2024` of `events_2024*`.
    pub start: String,
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

    /// The more specific type of two branches of one expression: `null` has no fields. What is hidden stays so.
    pub fn or(self, other: Self) -> Self {
        match self {
            Self::Scalar | Self::Opaque => match other {
                Self::Scalar => self,
                other => other,
            },
            known if !known.holds_cut() && other.holds_cut() => other,
            known => known,
        }
    }

    /// Whether fields that the reader may not see are in a value, or in its elements.
    pub fn holds_cut(&self) -> bool {
        match self {
            Self::Cut => true,
            Self::Array(element) => element.holds_cut(),
            Self::Struct(fields) => fields.iter().any(|field| field.data_type.holds_cut()),
            Self::Scalar | Self::Json | Self::Suffix(_) | Self::Opaque | Self::Unknown => false,
        }
    }

    /// The type of one element; a value that is not an array is its own element.
    pub fn element(&self) -> Self {
        match self {
            Self::Array(element) => (**element).clone(),
            Self::Json => Self::Json,
            Self::Unknown => Self::Unknown,
            Self::Opaque => Self::Opaque,
            Self::Cut => Self::Cut,
            Self::Scalar | Self::Struct(_) | Self::Suffix(_) => Self::Scalar,
        }
    }

    /// The type of Postgres with this name, which is not composite: `numeric(10,2)`, `shop.span`.
    pub fn of_postgres(name: &str) -> Self {
        let lower = name.to_lowercase();
        let own = lower.split(['(', ' ']).next().unwrap_or_default();
        let is_known = lists::is_type(own, Dialect::Postgres) || TYPE_WORDS.contains(&own);
        match own {
            "json" | "jsonb" => Self::Json,
            ENUM => Self::Scalar,
            _ if !is_known || WITH_PARTS.contains(&own) => Self::Opaque,
            _ => Self::Scalar,
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
pub(crate) fn fields(
    table: &Rc<str>,
    parent: &str,
    columns: &[Column],
    dialect: Dialect,
) -> Vec<Field> {
    columns
        .iter()
        .map(|column| {
            let path = path(parent, &column.name);
            let is_hidden = column.fields.is_empty() && column.data_type == RECORD;
            let element = if column.cut && is_hidden {
                Type::Cut
            } else if column.cut {
                // Its fields are unknown here; the warehouse checks them.
                Type::Unknown
            } else if !column.fields.is_empty() {
                Type::structure(fields(table, &path, &column.fields, dialect))
            } else if column.data_type.to_ascii_uppercase().starts_with("JSON") {
                Type::Json
            } else if dialect == Dialect::Postgres && column.enum_labels.is_empty() {
                Type::of_postgres(&column.data_type)
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
                    is_pseudo: false,
                })),
                hidden: false,
            }
        })
        .collect()
}
