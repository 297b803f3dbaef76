//! Pipe syntax of BigQuery: each operator reads the columns of the one before it.

use schema::Dialect;
use sqlparser::ast::{
    AssignmentTarget, ExprWithAliasAndOrderBy, Ident, PipeOperator, Query, Select, SelectItem,
    SetExpr, SetQuantifier,
};

use crate::fault::FaultKind;
use crate::nearest;
use crate::resolver::{Output, Resolver};
use crate::scope::{Relation, Scope};
use crate::types::Field;

impl Resolver<'_, '_> {
    /// The output of a query in pipe syntax, or that only consists of `from`.
    pub fn piped(&mut self, query: &Query, parent: Option<&Scope>) -> Output {
        self.only_in(Dialect::Bigquery, "pipe syntax (|>)");
        let mut scope = Scope::new(self.dialect, parent);
        match &*query.body {
            SetExpr::Select(select) if is_bare_from(select) => {
                for item in &select.from {
                    self.from(item, &mut scope);
                }
            }
            SetExpr::Select(select) => {
                let output = self.select(select, query.order_by.as_ref(), parent);
                scope.relations.push(output.relation(None));
            }
            body => {
                let output = self.set_expression(body, parent);
                self.order_by_output(query, &output);
                scope.relations.push(output.relation(None));
            }
        }
        for operator in &query.pipe_operators {
            self.pipe(operator, &mut scope, parent);
        }
        self.all_of(&scope)
    }

    pub fn all_of(&mut self, scope: &Scope) -> Output {
        let fields = self.star(scope);
        self.refuse_cut_star(scope);
        for field in &fields {
            self.record(field.origin.as_slice());
        }
        Output {
            fields,
            is_open: scope.relations.iter().any(|relation| relation.is_open),
            ..Output::default()
        }
    }

    fn pipe<'p>(
        &mut self,
        operator: &PipeOperator,
        scope: &mut Scope<'p>,
        parent: Option<&'p Scope<'p>>,
    ) {
        match operator {
            PipeOperator::Where { expr } => {
                // It may filter what operators before it compute.
                let outer = self.conditions.begin_query();
                self.condition(expr, scope);
                self.conditions.query = outer;
            }
            PipeOperator::Select { exprs } => {
                let output = self.projection(exprs, scope);
                *scope = self.only(output, None, parent);
            }
            PipeOperator::Extend { exprs } => {
                let fields = self.projection(exprs, scope).fields;
                scope.relations.push(Relation {
                    fields,
                    ..Relation::default()
                });
            }
            PipeOperator::Set { assignments } => {
                for assignment in assignments {
                    let data_type = self.expression(&assignment.value, scope);
                    match &assignment.target {
                        AssignmentTarget::ColumnName(name) => {
                            let name = self.parts(name).join(".");
                            self.change(scope, &name, |field| {
                                *field = Field::new(field.name.clone(), data_type.clone());
                            });
                        }
                        AssignmentTarget::Tuple(_) => self.unsupported("a list of columns in set"),
                    }
                }
            }
            PipeOperator::Drop { columns } => {
                for column in columns {
                    let name = self.fold(column);
                    self.change(scope, &name, |field| field.hidden = true);
                    for relation in &mut scope.relations {
                        relation
                            .fields
                            .retain(|field| !field.hidden || field.name != name);
                    }
                }
            }
            PipeOperator::Rename { mappings } => {
                for mapping in mappings {
                    let (name, alias) = (self.fold(&mapping.ident), self.fold(&mapping.alias));
                    self.change(scope, &name, |field| field.name.clone_from(&alias));
                }
            }
            PipeOperator::As { alias } => {
                let output = self.all_of(scope);
                *scope = self.only(output, Some(alias), parent);
            }
            PipeOperator::Limit { expr, offset } => {
                let nowhere = Scope::new(self.dialect, None);
                for value in std::iter::once(expr).chain(offset) {
                    self.expression(value, &nowhere);
                }
            }
            PipeOperator::OrderBy { exprs } => {
                for key in exprs {
                    self.refuse_order_options(key);
                    self.expression(&key.expr, scope);
                }
            }
            PipeOperator::Aggregate {
                full_table_exprs,
                group_by_expr,
            } => {
                let keys = group_by_expr.iter().chain(full_table_exprs);
                let fields = keys.map(|key| self.aggregated(key, scope)).collect();
                let output = Output {
                    fields,
                    ..Output::default()
                };
                *scope = self.only(output, None, parent);
            }
            PipeOperator::TableSample { .. } => {}
            PipeOperator::Union {
                set_quantifier,
                queries,
            } => self.pipe_set("union", *set_quantifier, queries, scope, parent),
            PipeOperator::Intersect {
                set_quantifier,
                queries,
            } => self.pipe_set("intersect", *set_quantifier, queries, scope, parent),
            PipeOperator::Except {
                set_quantifier,
                queries,
            } => self.pipe_set("except", *set_quantifier, queries, scope, parent),
            PipeOperator::Call { function, .. } => {
                let name = function.name.to_string();
                let reason = format!("{name} is not an allowed table function");
                self.fault(FaultKind::Function, &name, reason);
                let output = Output {
                    is_open: true,
                    ..Output::default()
                };
                *scope = self.only(output, None, parent);
            }
            PipeOperator::Pivot {
                aggregate_functions,
                value_column,
                value_source,
                alias,
            } => {
                let columns = value_column
                    .iter()
                    .map(|ident| sqlparser::ast::Expr::Identifier(ident.clone()))
                    .collect::<Vec<_>>();
                let output = self.pivoted(aggregate_functions, &columns, value_source, scope);
                *scope = self.only(output, alias.as_ref(), parent);
            }
            PipeOperator::Unpivot {
                value_column,
                name_column,
                unpivot_columns,
                alias,
            } => {
                let columns: Vec<String> = unpivot_columns
                    .iter()
                    .map(|ident| self.fold(ident))
                    .collect();
                for column in &columns {
                    self.column(std::slice::from_ref(column), scope);
                }
                let values = vec![self.fold(value_column)];
                let output = self.unpivoted(&columns, values, name_column, scope);
                *scope = self.only(output, alias.as_ref(), parent);
            }
            PipeOperator::Join(join) => self.join(join, 0, scope),
        }
    }

    fn aggregated(&mut self, key: &ExprWithAliasAndOrderBy, scope: &Scope) -> Field {
        let alias = key.expr.alias.as_ref().map(|alias| self.fold(alias));
        let name = alias.or_else(|| self.implied_name(&key.expr.expr));
        self.selected(&key.expr.expr, name.unwrap_or_default(), scope)
    }

    fn pipe_set<'p>(
        &mut self,
        operation: &str,
        quantifier: SetQuantifier,
        queries: &[Query],
        scope: &mut Scope<'p>,
        parent: Option<&'p Scope<'p>>,
    ) {
        let mut output = self.all_of(scope);
        for query in queries {
            let other = self.query(query, parent);
            output = self.combined(quantifier, output, other, operation);
        }
        *scope = self.only(output, None, parent);
    }

    /// The scope in which only these columns are visible.
    fn only<'p>(
        &mut self,
        output: Output,
        alias: Option<&Ident>,
        parent: Option<&'p Scope<'p>>,
    ) -> Scope<'p> {
        let mut scope = Scope::new(self.dialect, parent);
        let alias = alias.map(|alias| self.fold(alias));
        let relation = Output {
            value: None,
            ..output
        };
        scope.relations.push(relation.relation(alias));
        scope
    }

    /// Changes a column of the input, which must exist.
    fn change(&mut self, scope: &mut Scope, name: &str, change: impl Fn(&mut Field)) {
        let dialect = self.dialect;
        let is_it = |field: &Field| crate::spelling::same(&field.name, name, dialect);
        let fields = scope.relations.iter_mut().flat_map(|it| &mut it.fields);
        let mut found = false;
        for field in fields.filter(|field| is_it(field)) {
            change(field);
            found = true;
        }
        for merged in scope.merged.iter_mut().filter(|it| is_it(&it.field)) {
            change(&mut merged.field);
        }
        if !found && !scope.relations.iter().any(|relation| relation.is_open) {
            let all = scope.relations.iter().flat_map(|it| &it.fields);
            let hint = nearest::hint(name, all.map(|field| field.name.as_str()));
            let reason = format!("there is no column {name} before this operator{hint}");
            self.fault(FaultKind::Column, name, reason);
        }
    }
}

/// Whether it is `from ..` alone: as it is written, or as the rewriting wrote it.
fn is_bare_from(select: &Select) -> bool {
    use sqlparser::ast::SelectFlavor::{FromFirstNoSelect, Standard};
    match (&select.flavor, select.projection.as_slice()) {
        (FromFirstNoSelect, _) => true,
        (Standard, [SelectItem::Wildcard(options)]) => {
            options.wildcard_token.0.span == select.select_token.0.span
        }
        _ => false,
    }
}

/// Whether a query is in pipe syntax, or only consists of `from`.
pub(crate) fn is_piped(query: &Query, dialect: Dialect) -> bool {
    let is_from = dialect == Dialect::Bigquery
        && matches!(&*query.body, SetExpr::Select(select) if is_bare_from(select));
    is_from || !query.pipe_operators.is_empty()
}
