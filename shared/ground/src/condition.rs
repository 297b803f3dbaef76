//! Conditions: `where` and `on`, and the filters that a table requires.

use std::collections::BTreeSet;

use schema::document::Table;
use sqlparser::ast::{BinaryOperator, Expr};

use crate::fault::FaultKind;
use crate::filters::{Conditions, Required};
use crate::resolver::Resolver;
use crate::scope::Scope;
use crate::types::SuffixRange;
use crate::wildcards::Limit;

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
                let mut common: Option<BTreeSet<(String, String)>> = None;
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

    /// Notes the filter that a table requires. Its columns are read as those of `origin`.
    pub fn require_filter(&mut self, table: &Table, origin: &str) {
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
        let column = names.last().cloned().unwrap_or_default();
        let columns = names.into_iter().map(|name| (origin.to_owned(), name));
        self.conditions.required.push(Required {
            table: table.name.clone(),
            columns: columns.collect(),
            column,
            query: self.conditions.query,
        });
    }

    /// Notes how a comparison limits `_TABLE_SUFFIX`. What is known is a limit of the query that reads the wildcard, if
    /// all its rows must meet it, or one of the suffixes that alternatives name.
    pub fn limit(&mut self, range: &SuffixRange, limit: Limit) {
        let conditions = &self.conditions;
        if !conditions.is_inside && !conditions.is_late {
            return;
        }
        let is_known = conditions.query == range.query
            && conditions.part == self.depth
            && (!conditions.is_alternative || matches!(limit, Limit::Equal(_)));
        let limit = if is_known { limit } else { Limit::Unknown };
        self.wildcards.limit(range.read, limit);
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
        let mut filtered = std::mem::take(&mut self.conditions.filtered);
        let merged = &mut self.conditions.merged;
        while let Some(at) = merged.iter().position(|it| !it.is_disjoint(&filtered)) {
            filtered.extend(merged.swap_remove(at));
        }
        for required in std::mem::take(&mut self.conditions.required) {
            let Required {
                table,
                columns,
                column,
                query,
            } = required;
            let is_filtered = !columns.is_disjoint(&filtered);
            let mut in_queries = self.conditions.in_queries.iter();
            let is_computed = in_queries.any(|other| *other != query)
                && !columns.is_disjoint(&self.conditions.computed);
            if !is_filtered && !is_computed {
                let reason = format!(
                    "{table} requires a filter on the column it is partitioned by: add a condition \
                     on {column}"
                );
                self.fault(FaultKind::Column, &column, reason);
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
