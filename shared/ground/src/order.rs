//! `group by` and `order by`: keys that may name a column of the select list, or its position.

use schema::Dialect;
use sqlparser::ast::{
    Expr, GroupByExpr, GroupByWithModifier, OrderBy, OrderByExpr, OrderByKind, OrderBySort, Query,
    Value,
};

use crate::fault::FaultKind;
use crate::resolver::{Output, Resolver};
use crate::scope::{Aliases, Scope};
use crate::types::Field;

impl Resolver<'_, '_> {
    pub fn group_by(&mut self, group_by: &GroupByExpr, scope: &mut Scope, output: &Output) {
        let (keys, modifiers) = match group_by {
            GroupByExpr::All(modifiers) => {
                self.only_in(Dialect::Bigquery, "group by all");
                (&[][..], modifiers)
            }
            GroupByExpr::Expressions(keys, modifiers) => (keys.as_slice(), modifiers),
        };
        for key in keys {
            self.check_position(key, output);
            self.refuse_aggregate(key, scope, output);
            self.by_alias(key, scope, Aliases::AfterColumns);
        }
        for modifier in modifiers {
            match modifier {
                GroupByWithModifier::GroupingSets(sets) => {
                    self.by_alias(sets, scope, Aliases::AfterColumns);
                }
                GroupByWithModifier::Rollup
                | GroupByWithModifier::Cube
                | GroupByWithModifier::Totals => self.unsupported("with after group by"),
            }
        }
    }

    /// `select sum(a) as s .. group by s` and `group by 1`: the groups would depend on what they compute.
    fn refuse_aggregate(&mut self, key: &Expr, scope: &Scope, output: &Output) {
        let place = match key {
            Expr::Identifier(ident) => {
                let name = self.fold(ident);
                let is_it = |field: &Field| self.same(&field.name, &name);
                let found = output.fields.iter().position(is_it);
                found.filter(|_| !scope.has_column(&name))
            }
            Expr::Value(literal) => match &literal.value {
                Value::Number(place, _) => {
                    place.parse().ok().and_then(|it: usize| it.checked_sub(1))
                }
                _ => None,
            },
            _ => None,
        };
        if place.is_some_and(|place| output.aggregated.contains(&place)) {
            let reason = format!(
                "group by {key}: the select list computes it from each group, so it can't define the groups: group \
                 by columns"
            );
            self.fault(FaultKind::Column, &key.to_string(), reason);
        }
    }

    /// Resolves an expression that may name a column of the select list.
    pub fn by_alias(&mut self, key: &Expr, scope: &mut Scope, aliases: Aliases) {
        // Postgres accepts an alias only on its own.
        if self.dialect == Dialect::Bigquery || matches!(key, Expr::Identifier(_)) {
            scope.aliases = aliases;
        }
        self.expression(key, scope);
        scope.aliases = Aliases::Hidden;
    }

    pub fn order_by(&mut self, order_by: &OrderBy, scope: &mut Scope, output: &Output) {
        if order_by.interpolate.is_some() {
            self.unsupported("interpolate");
        }
        match &order_by.kind {
            OrderByKind::All(_) => self.unsupported("order by all"),
            OrderByKind::Expressions(keys) => {
                for key in keys {
                    self.refuse_order_options(key);
                    self.check_position(&key.expr, output);
                    self.by_alias(&key.expr, scope, Aliases::BeforeColumns);
                }
            }
        }
    }

    /// After a set operation only columns of the result can be named.
    pub fn order_by_output(&mut self, query: &Query, output: &Output) {
        if let Some(order_by) = &query.order_by {
            let mut scope = Scope::new(self.dialect, None);
            scope.relations.push(output.clone().relation(None));
            self.order_by(order_by, &mut scope, output);
        }
    }

    pub fn refuse_order_options(&mut self, key: &OrderByExpr) {
        if key.with_fill.is_some() {
            self.unsupported("with fill");
        }
        if matches!(key.options.sort, Some(OrderBySort::Using(_))) {
            self.unsupported("order by .. using");
        }
    }

    /// `group by 2` names a column by its position.
    fn check_position(&mut self, key: &Expr, output: &Output) {
        let Expr::Value(literal) = key else {
            return;
        };
        let Value::Number(place, _) = &literal.value else {
            return;
        };
        let columns = output.fields.iter().filter(|field| !field.hidden).count();
        let is_there = |place: usize| (1..=columns).contains(&place);
        if !output.is_open && !place.parse().is_ok_and(is_there) {
            let reason = format!("the select list has no column {place}: it has {columns}");
            self.fault(FaultKind::Column, place, reason);
        }
    }
}
