//! Types in casts and declarations.

use std::rc::Rc;

use schema::Dialect;
use schema::document::{Column, Table};
use schema::name::names_of;
use sqlparser::ast::{ArrayElemTypeDef, DataType, ObjectName};

use crate::extensions::Kind;
use crate::fault::FaultKind;
use crate::lists;
use crate::resolver::Resolver;
use crate::tables::Schema;
use crate::types::{self, Field, Type};

impl Resolver<'_, '_> {
    /// Checks that a type is one of the dialect, or the type of a column.
    pub fn data_type(&mut self, data_type: &DataType) -> Type {
        self.check_type(data_type);
        match self.dialect {
            Dialect::Bigquery => Type::of(data_type),
            Dialect::Postgres => self.type_of_postgres(data_type),
        }
    }

    fn type_of_postgres(&self, data_type: &DataType) -> Type {
        match data_type {
            DataType::Custom(name, _) => {
                let names = names_of(&name.to_string());
                let own = names.last().map_or("", String::as_str);
                composite(self.schema, &names).unwrap_or_else(|| Type::of_postgres(own))
            }
            DataType::GeometricType(_) | DataType::TsVector => Type::Opaque,
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => {
                Type::array(self.type_of_postgres(element))
            }
            other => Type::of(other),
        }
    }

    fn has_type(&self, data_type: &DataType) -> bool {
        match self.dialect {
            Dialect::Bigquery => is_of_bigquery(data_type),
            Dialect::Postgres => is_of_postgres(data_type),
        }
    }

    fn check_named_type(&mut self, name: &ObjectName) {
        let written = name.to_string();
        let names = names_of(&written);
        let (own, qualifier) = match names.as_slice() {
            [own] => (own.as_str(), None),
            [schema, own] if schema == "pg_catalog" => (own.as_str(), None),
            [schema, own] => (own.as_str(), Some(schema.as_str())),
            _ => (written.as_str(), None),
        };
        let own = own.to_lowercase();
        let is_known = qualifier.is_none() && lists::is_type(&own, self.dialect)
            || self.is_of_extension(Kind::Type, qualifier, &own)
            || is_type_of_column(self.schema, &names);
        if is_known {
            return;
        }
        let reason = if is_row_type(self.schema, &names) {
            format!(
                "{written} is the row type of a table, which has columns that may be hidden: read the table"
            )
        } else {
            let missing = self.schema.extensions().missing(Kind::Type, &own);
            missing.unwrap_or_else(|| format!("{written} is not a known type"))
        };
        self.fault(FaultKind::Type, &written, reason);
    }

    /// Whether an extension of the database has this.
    pub fn is_of_extension(&self, kind: Kind, qualifier: Option<&str>, name: &str) -> bool {
        self.dialect == Dialect::Postgres && self.schema.extensions().have(kind, qualifier, name)
    }

    fn check_type(&mut self, data_type: &DataType) {
        match data_type {
            DataType::Array(
                ArrayElemTypeDef::SquareBracket(element, _)
                | ArrayElemTypeDef::AngleBracket(element),
            ) => self.check_type(element),
            DataType::Struct(fields, _) => {
                for field in fields {
                    self.check_type(&field.field_type);
                }
            }
            DataType::Custom(name, _) => self.check_named_type(name),
            DataType::Regclass => self.unsupported("regclass"),
            other if !self.has_type(other) => {
                let warehouse = match self.dialect {
                    Dialect::Bigquery => "BigQuery",
                    Dialect::Postgres => "Postgres",
                };
                let reason = format!("{warehouse} has no type {other}");
                self.fault(FaultKind::Type, &other.to_string(), reason);
            }
            _ => {}
        }
    }
}

/// Whether Postgres has this type, among those that the parser knows.
fn is_of_postgres(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::BigInt(_)
            | DataType::Bit(_)
            | DataType::BitVarying(_)
            | DataType::VarBit(_)
            | DataType::Bool
            | DataType::Boolean
            | DataType::Bytea
            | DataType::Char(_)
            | DataType::Character(_)
            | DataType::CharVarying(_)
            | DataType::CharacterVarying(_)
            | DataType::Date
            | DataType::Dec(_)
            | DataType::Decimal(_)
            | DataType::DoublePrecision
            | DataType::Float(_)
            | DataType::Float4
            | DataType::Float8
            | DataType::GeometricType(_)
            | DataType::Int(_)
            | DataType::Int2(_)
            | DataType::Int4(_)
            | DataType::Int8(_)
            | DataType::Integer(_)
            | DataType::Interval { .. }
            | DataType::JSON
            | DataType::JSONB
            | DataType::Numeric(_)
            | DataType::Nvarchar(_)
            | DataType::Real
            | DataType::SmallInt(_)
            | DataType::Text
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::TimestampNtz(_)
            | DataType::TsQuery
            | DataType::TsVector
            | DataType::Uuid
            | DataType::Varchar(_)
    )
}

/// Whether BigQuery has this type, among those that the parser knows.
fn is_of_bigquery(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Int64
            | DataType::Int(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::SmallInt(_)
            | DataType::TinyInt(_)
            | DataType::Float64
            | DataType::Numeric(_)
            | DataType::Decimal(_)
            | DataType::BigNumeric(_)
            | DataType::BigDecimal(_)
            | DataType::Bool
            | DataType::Boolean
            | DataType::String(_)
            | DataType::Bytes(_)
            | DataType::Date
            | DataType::Datetime(_)
            | DataType::Time(..)
            | DataType::Timestamp(..)
            | DataType::Interval { .. }
            | DataType::JSON
    )
}

/// Whether a type is that of a column of the schema. The row type of a table is none of them: it has all
/// columns of the table, also those that the schema lacks because nobody may read them.
pub(crate) fn is_type_of_column(schema: &Schema, written: &[String]) -> bool {
    !is_row_type(schema, written)
        && schema
            .tables()
            .any(|table| has_type(&table.columns, written))
}

/// Whether a function has the name of a type that a column has and that is neither composite nor an enum: the
/// constructor of a range.
pub(crate) fn is_constructor(schema: &Schema, written: &[String]) -> bool {
    let is_it = |column: &Column| {
        let own = names_of(&column.data_type);
        column.fields.is_empty()
            && column.enum_labels.is_empty()
            && !column.cut
            && match own.as_slice() {
                [qualifier, _] if qualifier == "public" => own == written || own[1..] == *written,
                [_, _] => own == written,
                _ => false,
            }
    };
    schema
        .tables()
        .any(|table| any_column(&table.columns, &is_it))
}

/// Whether this is true of a column or of a field below one.
pub(crate) fn any_column(columns: &[Column], is_it: &impl Fn(&Column) -> bool) -> bool {
    columns
        .iter()
        .any(|column| is_it(column) || any_column(&column.fields, is_it))
}

fn is_row_type(schema: &Schema, written: &[String]) -> bool {
    let is_same = |table: &Table| {
        let name = &table.parts;
        let own = [&name.table, &name.dataset, &name.project];
        let written = written.iter().rev();
        own.into_iter()
            .zip(written)
            .all(|(own, written)| own.to_lowercase() == written.to_lowercase())
    };
    written.len() <= 3 && schema.tables().any(is_same)
}

/// The fields of a composite type that a column has.
fn composite(schema: &Schema, written: &[String]) -> Option<Type> {
    let columns = schema
        .tables()
        .find_map(|table| fields_of_type(&table.columns, written))?;
    let fields = types::fields(&Rc::from(""), "", columns, Dialect::Postgres);
    Some(Type::structure(
        fields.into_iter().map(without_origin).collect(),
    ))
}

/// A value of the type is not the column of any table.
fn without_origin(field: Field) -> Field {
    Field {
        origin: None,
        data_type: match field.data_type {
            Type::Struct(fields) => {
                Type::structure(fields.iter().cloned().map(without_origin).collect())
            }
            other => other,
        },
        ..field
    }
}

fn fields_of_type<'c>(columns: &'c [Column], written: &[String]) -> Option<&'c [Column]> {
    columns.iter().find_map(|column| {
        if !column.fields.is_empty() && is_type_name(&column.data_type, written) {
            Some(column.fields.as_slice())
        } else {
            fields_of_type(&column.fields, written)
        }
    })
}

/// Whether a column has this type. Its name includes the schema, `public.status`, which a query may
/// omit.
fn has_type(columns: &[Column], written: &[String]) -> bool {
    columns
        .iter()
        .any(|column| is_type_name(&column.data_type, written) || has_type(&column.fields, written))
}

fn is_type_name(data_type: &str, written: &[String]) -> bool {
    let own = names_of(data_type);
    let own = own.iter().rev().map(|part| part.to_lowercase());
    let written_back = written.iter().rev().map(|part| part.to_lowercase());
    own.take(written.len()).eq(written_back)
}
