//! Types in casts and declarations.

use schema::Dialect;
use schema::document::Column;
use schema::name::names_of;
use sqlparser::ast::{ArrayElemTypeDef, DataType};

use crate::fault::FaultKind;
use crate::function;
use crate::resolver::Resolver;
use crate::types::Type;

impl Resolver<'_, '_> {
    /// Checks that a type is one of the dialect, or the type of a column.
    pub fn data_type(&mut self, data_type: &DataType) -> Type {
        self.check_type(data_type);
        Type::of(data_type)
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
            DataType::Custom(name, _) => {
                let written = name.to_string();
                let is_known = function::is_type(&written, self.dialect)
                    || self
                        .schema
                        .tables()
                        .any(|table| has_type(&table.columns, &names_of(&written)));
                if !is_known {
                    let reason = format!("{written} is not a known type");
                    self.fault(FaultKind::Name, &written, reason);
                }
            }
            DataType::Regclass => self.unsupported("regclass"),
            other if self.dialect == Dialect::Bigquery && !is_of_bigquery(other) => {
                let reason = format!("BigQuery has no type {other}");
                self.fault(FaultKind::Name, &other.to_string(), reason);
            }
            _ => {}
        }
    }
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

/// Whether a column has this type. Its name includes the schema, `public.status`, which a query may
/// omit.
fn has_type(columns: &[Column], written: &[String]) -> bool {
    let is_end = |own: &[String]| {
        let own = own.iter().rev().map(|part| part.to_lowercase());
        let written: Vec<String> = written.iter().map(|part| part.to_lowercase()).collect();
        own.take(written.len()).eq(written.iter().rev().cloned())
    };
    columns
        .iter()
        .any(|column| is_end(&names_of(&column.data_type)) || has_type(&column.fields, written))
}
