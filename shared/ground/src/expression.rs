//! Expressions: each is resolved against a scope, which gives its type.

use platform::plural::counted;
use schema::Dialect;
use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DateTimeField, Expr, Ident, InTarget, Query,
    StructField, UnaryOperator, Value, WindowFrameBound, WindowSpec,
};

use crate::fault::FaultKind;
use crate::function::wildcards;
use crate::resolver::{Output, Resolver};
use crate::results::anonymous_row;
use crate::rewrite::is_all_of_value;
use crate::scope::Scope;
use crate::types::{Field, Type};

impl Resolver<'_, '_> {
    pub fn expression(&mut self, expression: &Expr, scope: &Scope) -> Type {
        self.deeper(Type::Unknown, |resolver| {
            resolver.resolve(expression, scope)
        })
    }

    pub fn all<'e>(
        &mut self,
        expressions: impl IntoIterator<Item = &'e Expr>,
        scope: &Scope,
    ) -> Type {
        let mut merged = Type::Scalar;
        for expression in expressions {
            merged = merged.or(self.expression(expression, scope));
        }
        merged
    }

    /// Resolves the operands of an expression whose value has no fields.
    fn scalar<'e>(&mut self, operands: impl IntoIterator<Item = &'e Expr>, scope: &Scope) -> Type {
        self.all(operands, scope);
        Type::Scalar
    }

    fn resolve(&mut self, expression: &Expr, scope: &Scope) -> Type {
        match expression {
            Expr::Identifier(ident) => self.column(&[self.fold(ident)], scope).0,
            Expr::CompoundIdentifier(idents) => {
                let parts: Vec<String> = idents.iter().map(|ident| self.fold(ident)).collect();
                self.column(&parts, scope).0
            }
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope)
            }
            Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::IsJson { expr: inner, .. }
            | Expr::IsNormalized { expr: inner, .. } => self.scalar([&**inner], scope),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.scalar([&**left, &**right], scope)
            }
            Expr::In {
                expr,
                target,
                negated,
                global: _,
            } => self.membership(expr, target, *negated, scope),
            Expr::Between {
                expr,
                low,
                high,
                negated,
            } => {
                let left = self.expression(expr, scope);
                if let (Type::Suffix(range), false) = (&left, *negated) {
                    self.check_suffix(range, &BinaryOperator::GtEq, low);
                    self.check_suffix(range, &BinaryOperator::LtEq, high);
                    self.check_order(range, low, high);
                }
                self.scalar([&**low, &**high], scope)
            }
            Expr::BinaryOp { .. } => self.operators(expression, scope),
            Expr::Like {
                expr,
                pattern,
                escape_char,
                negated,
                ..
            } => {
                let left = self.expression(expr, scope);
                if let (Type::Suffix(range), false) = (&left, *negated) {
                    self.check_suffix_like(range, pattern);
                }
                let rest = std::iter::once(&**pattern).chain(escape_char.as_deref());
                self.scalar(rest, scope)
            }
            Expr::ILike {
                expr,
                pattern,
                escape_char,
                ..
            } => {
                self.only_in(Dialect::Postgres, "ilike");
                self.scalar(pair(expr, pattern, escape_char.as_deref()), scope)
            }
            Expr::SimilarTo {
                expr,
                pattern,
                escape_char,
                ..
            } => {
                self.only_in(Dialect::Postgres, "similar to");
                self.scalar(pair(expr, pattern, escape_char.as_deref()), scope)
            }
            Expr::AnyOp {
                left,
                compare_op,
                right,
                ..
            }
            | Expr::AllOp {
                left,
                compare_op,
                right,
            } => {
                match self.dialect {
                    Dialect::Bigquery => self.unsupported("a comparison with any or all"),
                    Dialect::Postgres => self.operator(compare_op),
                }
                self.expression(left, scope);
                self.compared(left, right, scope);
                Type::Scalar
            }
            Expr::UnaryOp { op, expr } => {
                self.expression(expr, scope);
                match op {
                    UnaryOperator::Plus
                    | UnaryOperator::Minus
                    | UnaryOperator::Not
                    | UnaryOperator::BitwiseNot => {}
                    other => self.symbol(None, &other.to_string()),
                }
                Type::Scalar
            }
            Expr::Cast {
                kind,
                expr,
                data_type,
                ..
            } => {
                match kind {
                    CastKind::Cast => {}
                    CastKind::SafeCast => self.only_in(Dialect::Bigquery, "safe_cast"),
                    CastKind::DoubleColon => self.only_in(Dialect::Postgres, "cast by ::"),
                    CastKind::TryCast => self.unsupported("try_cast"),
                }
                self.expression(expr, scope);
                self.data_type(data_type)
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => self.scalar([&**timestamp, &**time_zone], scope),
            Expr::Extract { field, expr, .. } => {
                self.check_unit(field);
                self.scalar([&**expr], scope)
            }
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => {
                if matches!(field, CeilFloorKind::DateTimeField(unit)
                    if *unit != DateTimeField::NoDateTime)
                {
                    self.unsupported("ceil to a unit of time");
                }
                self.scalar([&**expr], scope)
            }
            Expr::Position { expr, r#in } => self.scalar([&**expr, &**r#in], scope),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let bounds = substring_from.iter().chain(substring_for);
                self.scalar(std::iter::once(expr).chain(bounds).map(|e| &**e), scope)
            }
            Expr::Trim {
                trim_what,
                expr,
                trim_characters,
                ..
            } => {
                let what = trim_what.iter().map(|what| &**what);
                let characters = trim_characters.iter().flatten();
                let parts = std::iter::once(&**expr).chain(what).chain(characters);
                self.scalar(parts, scope)
            }
            Expr::Overlay {
                expr,
                overlay_what,
                overlay_from,
                overlay_for,
            } => {
                let parts = [expr, overlay_what, overlay_from].into_iter();
                self.scalar(parts.chain(overlay_for).map(|e| &**e), scope)
            }
            Expr::Collate { expr, collation } => {
                if self.dialect == Dialect::Postgres {
                    self.collation(collation);
                }
                self.scalar([&**expr], scope)
            }
            Expr::Nested(inner) => self.expression(inner, scope),
            Expr::Value(value) => {
                if matches!(value.value, Value::Placeholder(_)) {
                    self.unsupported("a parameter");
                }
                Type::Scalar
            }
            Expr::TypedString(typed) => self.data_type(&typed.data_type),
            Expr::Function(function) => self.function(function, scope),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                if let Some(operand) = operand {
                    self.expression(operand, scope);
                }
                let mut result = Type::Scalar;
                for branch in conditions {
                    self.expression(&branch.condition, scope);
                    result = result.or(self.expression(&branch.result, scope));
                }
                match else_result {
                    Some(other) => result.or(self.expression(other, scope)),
                    None => result,
                }
            }
            Expr::Exists { subquery, .. } => {
                self.query(subquery, Some(scope));
                Type::Scalar
            }
            Expr::Subquery(query) => self.subquery(query, scope),
            Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                self.scalar(sets.iter().flatten(), scope)
            }
            Expr::Tuple(values) if self.dialect == Dialect::Postgres => {
                let types: Vec<(Type, bool)> = values
                    .iter()
                    .map(|value| (self.expression(value, scope), is_wildcard(value)))
                    .collect();
                anonymous_row(types)
            }
            Expr::Tuple(values) => {
                let fields = values
                    .iter()
                    .map(|value| Field::new("", self.expression(value, scope)))
                    .collect();
                Type::structure(fields)
            }
            Expr::Struct { values, fields } => self.structure(values, fields, scope),
            Expr::Named { expr, .. } => self.expression(expr, scope),
            Expr::Array(array) => {
                let element = self.all(&array.elem, scope);
                Type::array(element)
            }
            Expr::Interval(interval) => {
                self.check_interval(interval);
                self.scalar([&*interval.value], scope)
            }
            Expr::QualifiedWildcard(name, _) => {
                let parts = self.parts(name);
                self.row_of(&parts, scope)
            }
            Expr::JsonAccess { .. }
            | Expr::RLike { .. }
            | Expr::Convert { .. }
            | Expr::Prefixed { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::MatchAgainst { .. }
            | Expr::Wildcard(_)
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => {
                self.unsupported("this kind of expression");
                Type::Unknown
            }
        }
    }

    /// `x in (..)`: a list, a subquery or an array.
    fn membership(&mut self, value: &Expr, of: &InTarget, negated: bool, scope: &Scope) -> Type {
        let left = self.expression(value, scope);
        match of {
            InTarget::List(list) => {
                if let (Type::Suffix(range), false) = (&left, negated) {
                    for value in list {
                        self.check_suffix(range, &BinaryOperator::Eq, value);
                    }
                }
                self.all(list, scope);
            }
            InTarget::Subquery(query) => {
                self.compared_query(value, query, scope);
            }
            InTarget::Unnest(array) => {
                self.only_in(Dialect::Bigquery, "in unnest");
                let array = self.expression(array, scope);
                if matches!(array, Type::Scalar | Type::Struct(_)) {
                    let reason = "the argument of unnest is not an array";
                    self.fault(FaultKind::Repeated, "unnest", reason);
                }
            }
            InTarget::Table { .. } => self.unsupported("a table after in"),
        }
        Type::Scalar
    }

    fn structure(&mut self, values: &[Expr], declared: &[StructField], scope: &Scope) -> Type {
        self.only_in(Dialect::Bigquery, "struct(..)");
        let mut fields = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let (value, name) = match value {
                Expr::Named { expr, name } => (&**expr, Some(self.fold(name))),
                other => (other, self.implied_name(other)),
            };
            let declared = declared.get(i);
            let name = declared
                .and_then(|field| field.field_name.as_ref().map(|name| name.value.clone()))
                .or(name);
            let mut field = self.selected(value, name.unwrap_or_default(), scope);
            if let Some(declared) = declared {
                field.data_type = self.data_type(&declared.field_type).or(field.data_type);
            }
            fields.push(field);
        }
        Type::structure(fields)
    }

    pub fn subquery(&mut self, query: &Query, scope: &Scope) -> Type {
        let output = self.query(query, Some(scope));
        self.expect_columns(&output, 1);
        output.single()
    }

    /// Resolves the right side of a comparison.
    pub fn compared(&mut self, left: &Expr, right: &Expr, scope: &Scope) -> Type {
        let mut inner = right;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        match inner {
            Expr::Subquery(query) => self.compared_query(left, query, scope),
            _ => self.expression(right, scope),
        }
    }

    /// A query that is compared with a row has as many columns, `(a, b) in (select a, b ..)`. In BigQuery a row is
    /// one column.
    fn compared_query(&mut self, left: &Expr, query: &Query, scope: &Scope) -> Type {
        let width = self.width(left);
        if width == Some(1) {
            return self.subquery(query, scope);
        }
        let output = self.query(query, Some(scope));
        if let Some(width) = width {
            self.expect_columns(&output, width);
        }
        output.single()
    }

    /// How many columns a query has that is compared with this; none if it is not certain.
    fn width(&self, left: &Expr) -> Option<usize> {
        let values: Vec<bool> = match left {
            _ if self.dialect == Dialect::Bigquery => return Some(1),
            Expr::Nested(inner) => return self.width(inner),
            Expr::Tuple(values) => values.iter().map(is_wildcard).collect(),
            Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("row") => {
                wildcards(function)
            }
            _ => return Some(1),
        };
        // How many columns `t.*` has, is not counted here.
        (!values.contains(&true)).then_some(values.len())
    }

    fn expect_columns(&mut self, output: &Output, count: usize) {
        if output.value.is_none() && !output.is_open && output.fields.len() != count {
            let reason = format!(
                "a subquery has {} instead of {count}",
                counted(output.fields.len(), "column")
            );
            self.fault(FaultKind::Column, "", reason);
        }
    }

    pub fn window(&mut self, window: &WindowSpec, scope: &Scope) {
        if let Some(name) = &window.window_name {
            self.named_window(name, scope);
        }
        for key in &window.partition_by {
            self.expression(key, scope);
        }
        for key in &window.order_by {
            self.refuse_order_options(key);
            self.expression(&key.expr, scope);
        }
        if let Some(frame) = &window.window_frame {
            for bound in std::iter::once(&frame.start_bound).chain(&frame.end_bound) {
                if let WindowFrameBound::Preceding(Some(bound))
                | WindowFrameBound::Following(Some(bound)) = bound
                {
                    self.expression(bound, scope);
                }
            }
        }
    }

    pub fn named_window(&mut self, name: &Ident, scope: &Scope) {
        let name = self.fold(name);
        if !scope.windows.iter().any(|window| self.same(window, &name)) {
            let reason = format!("there is no window {name} in this select");
            self.fault(FaultKind::Name, &name, reason);
        }
    }
}

fn is_wildcard(value: &Expr) -> bool {
    matches!(value, Expr::QualifiedWildcard(..)) || is_all_of_value(value)
}

fn pair<'e>(
    left: &'e Expr,
    right: &'e Expr,
    third: Option<&'e Expr>,
) -> impl Iterator<Item = &'e Expr> {
    [left, right].into_iter().chain(third)
}
