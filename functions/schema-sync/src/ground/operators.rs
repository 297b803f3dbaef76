//! Chains of operators, and comparisons with `_TABLE_SUFFIX`.

use sqlparser::ast::{BinaryOperator, Expr, Value};

use super::Kind;
use super::query::Resolver;
use super::scope::Scope;
use super::types::{SuffixRange, Type};
use crate::document::Dialect;

impl Resolver<'_, '_> {
    /// A chain of operators, which the parser makes as deep as it is long.
    pub fn operators(&mut self, expression: &Expr, scope: &Scope) -> Type {
        let mut operations = Vec::new();
        let mut leftmost = expression;
        while let Expr::BinaryOp { left, op, right } = leftmost {
            operations.push((op, &**right));
            leftmost = left;
        }
        let mut value = self.expression(leftmost, scope);
        for (operator, right) in operations.into_iter().rev() {
            if let Type::Suffix(range) = &value {
                self.check_suffix(range, operator, right);
            }
            let operand = self.expression(right, scope);
            value = match operator {
                BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::Gt
                | BinaryOperator::Lt
                | BinaryOperator::GtEq
                | BinaryOperator::LtEq
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::BitwiseOr
                | BinaryOperator::BitwiseAnd
                | BinaryOperator::BitwiseXor
                | BinaryOperator::PGBitwiseShiftLeft
                | BinaryOperator::PGBitwiseShiftRight => Type::Scalar,
                // Arrays are concatenated as strings are.
                BinaryOperator::StringConcat => value.or(operand),
                BinaryOperator::Arrow | BinaryOperator::HashArrow => {
                    self.only_in(Dialect::Postgres, "->");
                    Type::Json
                }
                BinaryOperator::PGBitwiseXor
                | BinaryOperator::PGExp
                | BinaryOperator::PGOverlap
                | BinaryOperator::PGRegexMatch
                | BinaryOperator::PGRegexIMatch
                | BinaryOperator::PGRegexNotMatch
                | BinaryOperator::PGRegexNotIMatch
                | BinaryOperator::PGLikeMatch
                | BinaryOperator::PGILikeMatch
                | BinaryOperator::PGNotLikeMatch
                | BinaryOperator::PGNotILikeMatch
                | BinaryOperator::PGStartsWith
                | BinaryOperator::LongArrow
                | BinaryOperator::HashLongArrow
                | BinaryOperator::AtAt
                | BinaryOperator::AtArrow
                | BinaryOperator::ArrowAt
                | BinaryOperator::HashMinus
                | BinaryOperator::AtQuestion
                | BinaryOperator::Question
                | BinaryOperator::QuestionAnd
                | BinaryOperator::QuestionPipe
                | BinaryOperator::Overlaps => {
                    self.only_in(Dialect::Postgres, &operator.to_string());
                    Type::Scalar
                }
                _ => {
                    self.unsupported("this operator");
                    Type::Unknown
                }
            };
        }
        value
    }

    /// Compares `_TABLE_SUFFIX` with what the family has: a filter that keeps no shard is a slip.
    pub fn check_suffix(&mut self, range: &SuffixRange, operator: &BinaryOperator, value: &Expr) {
        let Expr::Value(literal) = value else {
            return;
        };
        let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = &literal.value
        else {
            return;
        };
        // Letters are a sibling's: `intraday_20210131`.
        if !text.starts_with(|first: char| first.is_ascii_digit()) {
            return;
        }
        let (first, last, text) = (range.first.as_str(), range.last.as_str(), text.as_str());
        let is_date_with_dashes = text.contains('-') && !last.contains('-');
        let keeps_a_shard = match operator {
            BinaryOperator::Eq => text.len() == last.len() && (first..=last).contains(&text),
            BinaryOperator::GtEq => text <= last,
            BinaryOperator::Gt => text < last,
            BinaryOperator::LtEq => text >= first,
            BinaryOperator::Lt => text > first,
            _ => true,
        };
        if is_date_with_dashes || !keeps_a_shard {
            let reason = format!(
                "_TABLE_SUFFIX of {} runs from {first} to {last}, so {text} keeps no shard",
                range.table
            );
            self.fault(Kind::Shard, text, reason);
        }
    }
}
