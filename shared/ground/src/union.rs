//! Bodies of queries: set operations, `values`, and queries in parentheses.

use schema::Dialect;
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier, Values};

use crate::fault::FaultKind;
use crate::resolver::{Output, Resolver};
use crate::scope::Scope;
use crate::types::Field;

impl Resolver<'_, '_> {
    pub fn set_expression(&mut self, body: &SetExpr, parent: Option<&Scope>) -> Output {
        let open = Output {
            is_open: true,
            ..Output::default()
        };
        self.deeper(open.clone(), |resolver| match body {
            SetExpr::Select(select) => resolver.select(select, None, parent),
            SetExpr::Query(query) => resolver.query(query, parent),
            SetExpr::Values(values) => resolver.values(values, parent),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                let name = match op {
                    SetOperator::Union => "union",
                    SetOperator::Except => "except",
                    SetOperator::Intersect => "intersect",
                    SetOperator::Minus => {
                        resolver.unsupported("minus");
                        "minus"
                    }
                };
                let left = resolver.set_expression(left, parent);
                let right = resolver.set_expression(right, parent);
                resolver.combined(*set_quantifier, left, right, name)
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                resolver.fault(
                    FaultKind::NotReadOnly,
                    "",
                    "a statement that changes data is not allowed, not even in with",
                );
                open
            }
            SetExpr::Table(_) => {
                resolver.unsupported("table as a query");
                open
            }
        })
    }

    fn values(&mut self, values: &Values, parent: Option<&Scope>) -> Output {
        self.only_in(Dialect::Postgres, "values as a query");
        let scope = Scope::new(self.dialect, parent);
        let mut fields: Vec<Field> = Vec::new();
        for row in &values.rows {
            for (i, value) in row.content.iter().enumerate() {
                let data_type = self.expression(value, &scope);
                match fields.get_mut(i) {
                    Some(field) => field.data_type = field.data_type.clone().or(data_type),
                    None => fields.push(Field::new(format!("column{}", i + 1), data_type)),
                }
            }
        }
        Output {
            fields,
            ..Output::default()
        }
    }

    /// The columns of a set operation, by their places or by their names.
    pub fn combined(
        &mut self,
        quantifier: SetQuantifier,
        left: Output,
        right: Output,
        operation: &str,
    ) -> Output {
        if self.dialect == Dialect::Bigquery {
            self.check_quantifier(quantifier, operation);
        }
        let is_by_name = matches!(
            quantifier,
            SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName
        );
        if !is_by_name {
            return self.combine(left, right, operation);
        }
        self.only_in(Dialect::Bigquery, "set operation by name");
        let has = |fields: &[Field], name: &str| fields.iter().any(|it| self.same(&it.name, name));
        let is_open = left.is_open || right.is_open;
        let has_common = left
            .fields
            .iter()
            .any(|field| has(&right.fields, &field.name));
        let others = right
            .fields
            .iter()
            .filter(|field| !has(&left.fields, &field.name));
        // Which of them the result has, depends on modes that the rewriting drops.
        let fields = left.fields.iter().chain(others).cloned().collect();
        if !has_common && !is_open {
            let reason = format!("the two sides of {operation} have no column name in common");
            self.fault(FaultKind::Column, operation, reason);
        }
        Output {
            fields,
            is_open,
            ..Output::default()
        }
    }

    /// BigQuery has `union all`, `union distinct`, `except distinct` and `intersect distinct`.
    fn check_quantifier(&mut self, quantifier: SetQuantifier, operation: &str) {
        let instead = match (quantifier, operation) {
            (SetQuantifier::None | SetQuantifier::ByName, "except" | "intersect") => "distinct",
            (SetQuantifier::None | SetQuantifier::ByName, _) => "all or distinct",
            (SetQuantifier::All | SetQuantifier::AllByName, "except" | "intersect") => "distinct",
            _ => return,
        };
        let reason = format!("BigQuery needs {instead} after {operation}");
        self.fault(FaultKind::Syntax, operation, reason);
    }

    pub fn combine(&mut self, left: Output, right: Output, operation: &str) -> Output {
        if !left.is_open && !right.is_open && left.fields.len() != right.fields.len() {
            let reason = format!(
                "the two sides of {operation} have {} and {} columns",
                left.fields.len(),
                right.fields.len()
            );
            self.fault(FaultKind::Column, operation, reason);
        }
        let fields = left.fields.into_iter().enumerate().map(|(i, field)| Field {
            data_type: match right.fields.get(i) {
                Some(other) => field.data_type.or(other.data_type.clone()),
                None => field.data_type,
            },
            ..field
        });
        Output {
            fields: fields.collect(),
            value: left.value.or(right.value),
            is_open: left.is_open || right.is_open,
            aggregated: Vec::new(),
        }
    }
}
