//! The parser's dialects, with the syntax that it knows and does not enable for them.

use schema::Dialect;
use sqlparser::derive_dialect;
use sqlparser::dialect::{BigQueryDialect, Dialect as SqlDialect, PostgreSqlDialect};

derive_dialect!(
    Bigquery,
    BigQueryDialect,
    preserve_type_id = true,
    overrides = {
        supports_bitwise_shift_operators = true,
        supports_lambda_functions = true,
        supports_lambda_keyword_syntax = false,
    }
);

derive_dialect!(
    Postgres,
    PostgreSqlDialect,
    preserve_type_id = true,
    overrides = { supports_select_expr_star = true }
);

pub(crate) fn grammar(dialect: Dialect) -> Box<dyn SqlDialect> {
    match dialect {
        Dialect::Bigquery => Box::new(Bigquery::new()),
        Dialect::Postgres => Box::new(Postgres::new()),
    }
}
