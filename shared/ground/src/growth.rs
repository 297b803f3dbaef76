//! Limits on what a planner computes at planning time.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, Value};

use crate::fault::FaultKind;
use crate::resolver::Resolver;

/// The longest result of `repeat`, `lpad` and similar functions in Postgres.
const LARGEST_SIZE: u64 = 1_000;
/// The product of all `repeat` factors of a query.
const LARGEST_GROWTH: u64 = 10_000;
/// The digits of a number in the pattern of `format`.
const LONGEST_WIDTH: usize = 3;

impl Resolver<'_, '_> {
    /// Postgres evaluates calls with constant arguments at planning time, however long the result is.
    /// A size must therefore be a number literal, and small.
    pub fn bound_result(&mut self, name: &str, arguments: &[FunctionArg]) {
        let argument = |place: usize| match arguments.get(place) {
            Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => {
                Some(&value.value)
            }
            _ => None,
        };
        let is_small = match name {
            "repeat" | "lpad" | "rpad" | "factorial" => {
                let place = usize::from(name != "factorial");
                let size = match argument(place) {
                    Some(Value::Number(size, _)) => size.parse::<u64>().ok(),
                    _ => None,
                };
                if let ("repeat", Some(times)) = (name, size) {
                    self.growth = self.growth.saturating_mul(times.max(1));
                }
                size.is_some_and(|size| size <= LARGEST_SIZE) && self.growth <= LARGEST_GROWTH
            }
            "format" => match argument(0) {
                Some(Value::SingleQuotedString(pattern)) => {
                    let mut numbers = pattern.split(|c: char| !c.is_ascii_digit());
                    let is_small = |number: &str| number.len() <= LONGEST_WIDTH;
                    !pattern.contains('*') && numbers.all(is_small)
                }
                _ => false,
            },
            _ => true,
        };
        if !is_small {
            let reason = format!(
                "the result of {name} may be too large: write its size as a number of at most \
                 {LARGEST_SIZE}, in all calls together at most {LARGEST_GROWTH}"
            );
            self.fault(FaultKind::TooLarge, name, reason);
        }
    }
}
