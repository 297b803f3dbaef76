//! Units of time, which only look like columns: `DAY`, `WEEK(MONDAY)`.

use schema::Dialect;
use sqlparser::ast::{
    DateTimeField, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Interval,
};

use crate::fault::FaultKind;
use crate::resolver::Resolver;

const UNITS: &str = "MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY DAYOFWEEK DAYOFYEAR WEEK \
                     ISOWEEK MONTH QUARTER YEAR ISOYEAR";
const UNITS_OF_INTERVALS: &str =
    "MICROSECOND MILLISECOND SECOND MINUTE HOUR DAY WEEK MONTH QUARTER YEAR";
const PARTS_BIGQUERY: &str = "MICROSECOND MILLISECOND SECOND MINUTE HOUR DAYOFWEEK DAY DAYOFYEAR \
                              WEEK ISOWEEK MONTH QUARTER YEAR ISOYEAR DATE DATETIME TIME";
const PARTS_POSTGRES: &str = "CENTURY DAY DECADE DOW DOY EPOCH HOUR ISODOW ISOYEAR JULIAN \
                              MICROSECONDS MILLENNIUM MILLISECONDS MINUTE MONTH QUARTER SECOND \
                              TIMEZONE TIMEZONE_HOUR TIMEZONE_MINUTE WEEK YEAR";
const WEEKDAYS: &str = "SUNDAY MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY";

impl Resolver<'_, '_> {
    /// A unit of time, which only looks like a column: `DAY`, `WEEK(MONDAY)`.
    pub fn is_unit(&mut self, argument: &FunctionArg, function: &str) -> bool {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else {
            return false;
        };
        match argument {
            Expr::Identifier(unit) => {
                let list = if function.to_ascii_uppercase().starts_with("NORMALIZE") {
                    "NFC NFKC NFD NFKD"
                } else {
                    UNITS
                };
                if !is_one_of(list, &unit.value) {
                    let reason = format!("{} is not a unit of {function}", unit.value);
                    self.fault(FaultKind::Name, &unit.value, reason);
                }
                true
            }
            Expr::Function(week) => {
                let name = week.name.to_string();
                let FunctionArguments::List(list) = &week.args else {
                    return false;
                };
                let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(day)))] =
                    list.args.as_slice()
                else {
                    return false;
                };
                name.eq_ignore_ascii_case("week") && is_one_of(WEEKDAYS, &day.value)
            }
            _ => false,
        }
    }

    /// The part of a date or time that `extract` gives.
    pub fn check_unit(&mut self, unit: &DateTimeField) {
        let (name, list) = match (unit, self.dialect) {
            (DateTimeField::Week(Some(day)), Dialect::Bigquery) => (day.value.clone(), WEEKDAYS),
            // Postgres accepts the name as a text as well.
            (DateTimeField::Custom(name), _) => (name.value.clone(), self.parts_of_time()),
            (known, _) => (known.to_string(), self.parts_of_time()),
        };
        if !is_one_of(list, &name) {
            let reason = format!("{name} is not a part of a date or time");
            self.fault(FaultKind::Name, &name, reason);
        }
    }

    fn parts_of_time(&self) -> &'static str {
        match self.dialect {
            Dialect::Bigquery => PARTS_BIGQUERY,
            Dialect::Postgres => PARTS_POSTGRES,
        }
    }

    /// The units of `interval 3 day`. BigQuery has no plural forms.
    pub fn check_interval(&mut self, interval: &Interval) {
        let units = [&interval.leading_field, &interval.last_field];
        for unit in units.into_iter().flatten() {
            let name = unit.to_string();
            if self.dialect == Dialect::Bigquery && !is_one_of(UNITS_OF_INTERVALS, &name) {
                let reason = format!("{name} is not a unit of an interval");
                self.fault(FaultKind::Name, &name, reason);
            }
        }
    }
}

fn is_one_of(list: &str, name: &str) -> bool {
    list.split(' ').any(|one| one.eq_ignore_ascii_case(name))
}

/// Which argument is a unit of time.
pub(crate) fn unit_argument(function: &str) -> Option<usize> {
    match function {
        "DATE_TRUNC"
        | "DATETIME_TRUNC"
        | "TIMESTAMP_TRUNC"
        | "TIME_TRUNC"
        | "LAST_DAY"
        | "NORMALIZE"
        | "NORMALIZE_AND_CASEFOLD" => Some(1),
        "DATE_DIFF" | "DATETIME_DIFF" | "TIMESTAMP_DIFF" | "TIME_DIFF" => Some(2),
        _ => None,
    }
}
