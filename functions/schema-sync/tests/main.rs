//! The rules of schema-sync, with a file or folder for each part of a run. They are one binary, because
//! linking dominates the time of a test build.

#[path = "../../../shared/warehouse/tests/bigquery/shop.rs"]
mod bigquery_shop;
mod enrich;
mod fake_warehouse;
mod names;
#[path = "../../../shared/ground/tests/outline.rs"]
mod outline;
mod refusals;
mod rules;
mod sync;

use schema::Dialect;
use schema::name::TableName;

/// A name of plain parts, or of a project with dots: `project.dataset.table`.
fn name(joined: &str) -> TableName {
    TableName::of_unquoted(joined, Dialect::Bigquery).expect("three parts")
}
