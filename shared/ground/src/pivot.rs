//! `pivot` and `unpivot` of BigQuery, in their plain forms.

use std::ops::ControlFlow;

use schema::Dialect;
use sqlparser::ast::{
    Expr, ExprWithAlias, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, PivotValueSource,
    TableFactor, Value, visit_expressions,
};

use crate::resolver::{Output, Resolver};
use crate::scope::Scope;
use crate::types::{Field, Type};

impl Resolver<'_, '_> {
    /// Columns that are neither aggregated nor pivoted are kept; each value adds one column per aggregate.
    pub fn pivot(&mut self, factor: &TableFactor, scope: &mut Scope) {
        let TableFactor::Pivot {
            table,
            aggregate_functions,
            value_column,
            value_source,
            default_on_null,
            alias,
        } = factor
        else {
            return;
        };
        self.only_in(Dialect::Bigquery, "pivot");
        if default_on_null.is_some() {
            self.unsupported("default on null in pivot");
        }
        let input = self.input(table, scope);
        let output = self.pivoted(aggregate_functions, value_column, value_source, &input);
        self.add_result(output, input, alias.as_ref(), scope);
    }

    /// The columns after `pivot`.
    pub fn pivoted(
        &mut self,
        aggregates: &[ExprWithAlias],
        columns: &[Expr],
        values: &PivotValueSource,
        input: &Scope,
    ) -> Output {
        let is_open = input.relations.iter().any(|relation| relation.is_open);
        let mut used = Vec::new();
        let mut names = Vec::new();
        for aggregate in aggregates {
            self.expression(&aggregate.expr, input);
            used.extend(arguments(&aggregate.expr));
            names.push(aggregate.alias.as_ref().map(|alias| self.fold(alias)));
        }
        for column in columns {
            self.expression(column, input);
            used.extend(mentioned(column));
        }
        let PivotValueSource::List(values) = values else {
            self.unsupported("pivot over values that are not listed");
            return Output {
                is_open: true,
                ..Output::default()
            };
        };
        let mut fields: Vec<Field> = self.unused(input, &used);
        let nowhere = Scope::new(self.dialect, None);
        for value in values {
            self.expression(&value.expr, &nowhere);
            let Some(value_name) = self.value_name(value) else {
                self.unsupported("a value of pivot without an alias");
                continue;
            };
            for name in &names {
                fields.push(match name {
                    Some(name) => Field::new(format!("{name}_{value_name}"), Type::Scalar),
                    None => Field::new(value_name.clone(), Type::Scalar),
                });
            }
        }
        Output {
            fields,
            is_open,
            ..Output::default()
        }
    }

    pub fn unpivot(&mut self, factor: &TableFactor, scope: &mut Scope) {
        let TableFactor::Unpivot {
            table,
            value,
            name,
            columns,
            null_inclusion: _,
            alias,
        } = factor
        else {
            return;
        };
        self.only_in(Dialect::Bigquery, "unpivot");
        let input = self.input(table, scope);
        let mut used = Vec::new();
        for column in columns {
            self.expression(&column.expr, &input);
            used.extend(mentioned(&column.expr));
        }
        let values = mentioned(value);
        if values.is_empty() {
            self.unsupported("this value of unpivot");
        }
        let output = self.unpivoted(&used, values, name, &input);
        self.add_result(output, input, alias.as_ref(), scope);
    }

    /// The columns after `unpivot`.
    pub fn unpivoted(
        &mut self,
        used: &[String],
        values: Vec<String>,
        name: &Ident,
        input: &Scope,
    ) -> Output {
        let mut fields = self.unused(input, used);
        let values = values.into_iter();
        fields.extend(values.map(|value| Field::new(value, Type::Scalar)));
        fields.push(Field::new(self.fold(name), Type::Scalar));
        Output {
            fields,
            is_open: input.relations.iter().any(|relation| relation.is_open),
            ..Output::default()
        }
    }

    fn unused(&self, input: &Scope, used: &[String]) -> Vec<Field> {
        visible_fields(input)
            .filter(|field| !used.iter().any(|used| self.same(used, &field.name)))
            .cloned()
            .collect()
    }

    fn input<'p>(&mut self, table: &TableFactor, scope: &Scope<'p>) -> Scope<'p> {
        let mut input = Scope::new(self.dialect, scope.parent);
        self.deeper((), |resolver| resolver.factor(table, &mut input));
        input
    }

    fn add_result(
        &mut self,
        output: Output,
        input: Scope,
        alias: Option<&sqlparser::ast::TableAlias>,
        scope: &mut Scope,
    ) {
        let first = input.relations.into_iter().next();
        let mut relation = output.relation(first.and_then(|relation| relation.alias));
        self.apply_alias(&mut relation, alias);
        self.add(relation, scope);
    }

    /// BigQuery's name for the column of a value.
    fn value_name(&self, value: &ExprWithAlias) -> Option<String> {
        if let Some(alias) = &value.alias {
            return Some(self.fold(alias));
        }
        let Expr::Value(literal) = &value.expr else {
            return None;
        };
        match &literal.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(text.clone()),
            Value::Number(digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(format!("_{digits}"))
            }
            Value::Boolean(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

fn visible_fields<'s>(input: &'s Scope) -> impl Iterator<Item = &'s Field> {
    input
        .relations
        .iter()
        .flat_map(|relation| &relation.fields)
        .filter(|field| !field.hidden)
}

/// The columns in the arguments of an aggregate.
fn arguments(aggregate: &Expr) -> Vec<String> {
    let Expr::Function(function) = aggregate else {
        return Vec::new();
    };
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(mentioned(value)),
            _ => None,
        })
        .flatten()
        .collect()
}

/// The names in an expression that may be columns.
fn mentioned(expression: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    let _: ControlFlow<()> = visit_expressions(expression, |part| {
        match part {
            Expr::Identifier(ident) => names.push(ident.value.clone()),
            Expr::CompoundIdentifier(idents) => {
                names.extend(idents.iter().map(|ident| ident.value.clone()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    names
}
