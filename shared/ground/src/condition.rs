//! Conditions: `where` and `on`, and the filters that a table requires.

use std::collections::BTreeSet;

use schema::document::Table;
use sqlparser::ast::{BinaryOperator, Expr};

use crate::fault::FaultKind;
use crate::filters::{Conditions, Required};
use crate::resolver::Resolver;
use crate::scope::Scope;

impl Resolver<'_, '_> {
    pub fn condition(&mut self, condition: &Expr, scope: &Scope) {
        let Conditions {
            is_here,
            is_inside,
            part,
            is_alternative,
            ..
        } = self.conditions;
        let outer_mentioned = std::mem::take(&mut self.conditions.mentioned);
        self.conditions.is_here = true;
        self.conditions.is_inside = true;
        self.conditions.is_alternative = false;
        let query = self.conditions.query;
        self.conditions.in_queries.insert(query);
        self.conjuncts(condition, scope);
        let found = std::mem::replace(&mut self.conditions.mentioned, outer_mentioned);
        self.conditions.filtered.extend(found);
        self.conditions.is_here = is_here;
        self.conditions.is_inside = is_inside;
        self.conditions.part = part;
        self.conditions.is_alternative = is_alternative;
    }

    /// Resolves the parts of a condition. A column of one side of `or` filters only if the other sides filter by it
    /// as well.
    fn conjuncts(&mut self, condition: &Expr, scope: &Scope) {
        self.deeper((), |resolver| match condition {
            Expr::Nested(inner) => resolver.conjuncts(inner, scope),
            Expr::BinaryOp {
                op: BinaryOperator::And,
                ..
            } => {
                for operand in operands(condition, &BinaryOperator::And) {
                    resolver.conjuncts(operand, scope);
                }
            }
            Expr::BinaryOp {
                op: BinaryOperator::Or,
                ..
            } => {
                let is_alternative =
                    std::mem::replace(&mut resolver.conditions.is_alternative, true);
                let outer = std::mem::take(&mut resolver.conditions.mentioned);
                let mut common: Option<BTreeSet<String>> = None;
                for operand in operands(condition, &BinaryOperator::Or) {
                    resolver.conjuncts(operand, scope);
                    let found = std::mem::take(&mut resolver.conditions.mentioned);
                    common = Some(match common {
                        Some(common) => common.intersection(&found).cloned().collect(),
                        None => found,
                    });
                }
                resolver.conditions.is_alternative = is_alternative;
                resolver.conditions.mentioned = outer;
                resolver
                    .conditions
                    .mentioned
                    .extend(common.unwrap_or_default());
            }
            other => {
                resolver.conditions.part = resolver.depth + 1;
                resolver.expression(other, scope);
            }
        });
    }

    /// Notes the filter that a table requires.
    pub fn require_filter(&mut self, table: &Table) {
        let Some(partitioning) = table.partitioning.as_ref() else {
            return;
        };
        if !table.require_partition_filter {
            return;
        }
        let columns = table.partition_columns().into_iter();
        let mut names: Vec<String> = columns.map(|column| column.name.to_lowercase()).collect();
        names.push(partitioning.column.to_lowercase());
        if partitioning.column.eq_ignore_ascii_case("_PARTITIONTIME") {
            names.push("_partitiondate".to_owned());
        }
        self.conditions.required.push(Required {
            table: table.name.clone(),
            columns: names,
            query: self.conditions.query,
        });
    }

    /// Refuses to read a column of shards on both sides of a change of its type.
    pub fn check_wildcards(&mut self) {
        let wildcards = std::mem::take(&mut self.wildcards);
        for (path, reason) in wildcards.unreadable(|table, path| self.reads(table, path)) {
            self.fault(FaultKind::Table, &path, reason);
        }
    }

    /// BigQuery refuses a query without the filter. It also accepts one of another query, on a value that the
    /// reading query computes from the column, which is not followed here.
    pub fn check_filters(&mut self) {
        for required in std::mem::take(&mut self.conditions.required) {
            let Required {
                table,
                columns,
                query,
            } = required;
            let is_filtered = columns
                .iter()
                .any(|column| self.conditions.filtered.contains(column));
            let mut in_queries = self.conditions.in_queries.iter();
            let is_computed =
                in_queries.any(|other| *other != query) && self.computes(&table, &columns);
            if !is_filtered && !is_computed {
                let column = columns.last().map_or("", String::as_str);
                let reason = format!(
                    "{table} requires a filter on the column it is partitioned by: add a condition \
                     on {column}"
                );
                self.fault(FaultKind::Column, column, reason);
            }
        }
    }
}

/// The operands of a chain of one operator, from left to right.
fn operands<'e>(chain: &'e Expr, operator: &BinaryOperator) -> Vec<&'e Expr> {
    let mut operands = Vec::new();
    let mut leftmost = chain;
    while let Expr::BinaryOp { left, op, right } = leftmost
        && op == operator
    {
        operands.push(&**right);
        leftmost = left;
    }
    operands.push(leftmost);
    operands.reverse();
    operands
}
