//! Chains of operators, and comparisons with `_TABLE_SUFFIX`.

use schema::Dialect;
use schema::family;
use sqlparser::ast::{BinaryOperator, Expr, Value};

use crate::extensions::Kind;
use crate::fault::FaultKind;
use crate::lists::is_operator;
use crate::resolver::Resolver;
use crate::scope::Scope;
use crate::types::{SuffixRange, Type};
use crate::wildcards::Limit;

impl Resolver<'_, '_> {
    /// A chain of operators, whose syntax tree is as deep as the chain is long.
    pub fn operators(&mut self, expression: &Expr, scope: &Scope) -> Type {
        let mut operations = Vec::new();
        let mut leftmost = expression;
        while let Expr::BinaryOp { left, op, right } = leftmost {
            operations.push((op, &**right));
            leftmost = left;
        }
        let mut value = self.expression(leftmost, scope);
        // The operand before the first operator, which may be compared with a suffix.
        let mut literal = Some(leftmost);
        for (operator, right) in operations.into_iter().rev() {
            if let Type::Suffix(range) = &value {
                self.check_suffix(range, operator, right);
            }
            let operand = match literal {
                Some(left) => self.compared(left, right, scope),
                None => self.expression(right, scope),
            };
            if let (Type::Suffix(range), Some(left)) = (&operand, &literal)
                && let Some(mirrored) = mirrored(operator)
            {
                self.check_suffix(range, &mirrored, left);
            }
            literal = None;
            value = match operator {
                BinaryOperator::Modulo => {
                    self.only_in(Dialect::Postgres, "% (write mod(a, b))");
                    Type::Scalar
                }
                BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
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
                // Arrays are concatenated like strings.
                BinaryOperator::StringConcat => value.or(operand),
                BinaryOperator::Arrow | BinaryOperator::HashArrow => {
                    self.only_in(Dialect::Postgres, "->");
                    Type::Json
                }
                BinaryOperator::Overlaps => {
                    self.only_in(Dialect::Postgres, "overlaps");
                    Type::Scalar
                }
                other => {
                    self.operator(other);
                    Type::Scalar
                }
            };
        }
        value
    }

    /// Checks an operator, which may be written with its schema: `operator(pg_catalog.+)`.
    pub fn operator(&mut self, operator: &BinaryOperator) {
        match operator {
            BinaryOperator::PGCustomBinaryOperator(path) => match path.as_slice() {
                [symbol] => self.symbol(None, symbol),
                [schema, symbol] => self.symbol(Some(schema), symbol),
                _ => self.unsupported("this path of an operator"),
            },
            other => self.symbol(None, &other.to_string()),
        }
    }

    /// Checks that an operator is one of Postgres or of an extension of the database.
    pub fn symbol(&mut self, schema: Option<&str>, symbol: &str) {
        self.only_in(Dialect::Postgres, symbol);
        let is_own = schema.is_none_or(|schema| schema == "pg_catalog") && is_operator(symbol);
        let is_known = is_own || self.is_of_extension(Kind::Operator, schema, symbol);
        if self.dialect == Dialect::Postgres && !is_known {
            let missing = self.schema.extensions().missing(Kind::Operator, symbol);
            let reason = missing.unwrap_or_else(|| format!("{symbol} is not a known operator"));
            self.fault(FaultKind::Name, symbol, reason);
        }
    }

    /// Checks a comparison with `_TABLE_SUFFIX`: a filter that matches no shard is an error.
    pub fn check_suffix(&mut self, range: &SuffixRange, operator: &BinaryOperator, value: &Expr) {
        if !matches!(value, Expr::Value(_)) {
            self.limit(range, Limit::Unknown);
        }
        let Some(text) = digits(value) else {
            return;
        };
        let limit: Option<fn(String) -> Limit> = match operator {
            BinaryOperator::Eq => Some(Limit::Equal),
            BinaryOperator::GtEq => Some(Limit::AtLeast),
            BinaryOperator::Gt => Some(Limit::Above),
            BinaryOperator::LtEq => Some(Limit::AtMost),
            BinaryOperator::Lt => Some(Limit::Below),
            _ => None,
        };
        if let Some(limit) = limit {
            self.limit(range, limit(format!("{}{text}", range.start)));
        }
        let (first, last) = (range.first.as_str(), range.last.as_str());
        let is_date_with_dashes = text.contains('-') && !last.contains('-');
        let matches_a_shard = match operator {
            BinaryOperator::Eq => {
                text.len() == last.len()
                    && (first..=last).contains(&text)
                    // With `events_2021*` the suffix is only a part of a day.
                    && (last.len() != 8 || family::day(last).is_none() || family::day(text).is_some())
            }
            BinaryOperator::GtEq => text <= last,
            BinaryOperator::Gt => text < last,
            BinaryOperator::LtEq => text >= first,
            BinaryOperator::Lt => text > first,
            _ => true,
        };
        if is_date_with_dashes || !matches_a_shard {
            self.no_shard(range, text);
        }
    }

    /// `_TABLE_SUFFIX like '2022%'`.
    pub fn check_suffix_like(&mut self, range: &SuffixRange, pattern: &Expr) {
        let Some(text) = digits(pattern) else {
            return;
        };
        let start = text
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        let high = format!(
            "{start}{}",
            "9".repeat(range.last.len().saturating_sub(start.len()))
        );
        self.limit(range, Limit::AtLeast(format!("{}{start}", range.start)));
        self.limit(range, Limit::AtMost(format!("{}{high}", range.start)));
        let head = |suffix: &str| suffix.get(..start.len()).map(str::to_owned);
        let matches_a_shard = match (head(&range.first), head(&range.last)) {
            (Some(first), Some(last)) => (first.as_str()..=last.as_str()).contains(&start),
            _ => false,
        };
        if !matches_a_shard {
            self.no_shard(range, text);
        }
    }

    /// `between high and low` matches nothing.
    pub fn check_order(&mut self, range: &SuffixRange, low: &Expr, high: &Expr) {
        if let (Some(low), Some(high)) = (digits(low), digits(high))
            && low > high
        {
            self.no_shard(range, &format!("{low} to {high}"));
        }
    }

    fn no_shard(&mut self, range: &SuffixRange, text: &str) {
        let SuffixRange {
            table, first, last, ..
        } = range;
        let reason = format!(
            "_TABLE_SUFFIX of {table} runs from {first} to {last}, so {text} matches no shard"
        );
        self.fault(FaultKind::Shard, text, reason);
    }
}

/// A text that may be a suffix. Letters belong to a sibling: `intraday_20210131`.
fn digits(value: &Expr) -> Option<&str> {
    let Expr::Value(literal) = value else {
        return None;
    };
    let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = &literal.value else {
        return None;
    };
    let is_digit = |first: char| first.is_ascii_digit();
    text.starts_with(is_digit).then_some(text)
}

/// The same comparison with its sides exchanged.
fn mirrored(operator: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match operator {
        BinaryOperator::Eq => BinaryOperator::Eq,
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    })
}
