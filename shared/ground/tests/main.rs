//! The rules of grounding. `corpus/` holds tables as an outline, and queries and descriptions that
//! pass or fail.

mod any_text;
mod bounds;
mod hidden;
mod lexical;
mod messages;
mod outline;
mod queries;
mod syntax;
mod unread;
mod wildcards;

use ground::Schema;
use schema::Dialect;
use schema::document::Table;

fn bigquery() -> Vec<Table> {
    outline::parse(include_str!("corpus/bigquery.schema"))
}

fn postgres() -> Vec<Table> {
    outline::parse(include_str!("corpus/postgres.schema"))
}

/// The faults of a BigQuery query that must have some.
fn faults(sql: &str) -> Vec<ground::Fault> {
    let tables = bigquery();
    ground::sql(sql, &Schema::new(&tables, Dialect::Bigquery)).expect_err(sql)
}
