//! Has the warehouse plan the SQL of a metric.

use schema::document::{Example, Metric, Origin};

use super::check::{Checker, Misfit, query};
use crate::examples::{Reviewer, Verdict};

/// Has the warehouse plan a metric that fits the schema, unless it refuses queries of the table without a filter.
pub async fn plan(
    metric: &Metric,
    checker: &Checker<'_, '_>,
    reviewer: &Reviewer<'_>,
) -> Result<(), Misfit> {
    let table = checker.table(&metric.table);
    let Some(table) = table.ok().filter(|it| !it.require_partition_filter) else {
        return Ok(());
    };
    let example = Example {
        id: None,
        question: metric.name.clone(),
        sql: query(metric, table, reviewer.schema),
        tables: Vec::new(),
        origin: Origin::Person,
        verified: None,
        error: None,
    };
    match reviewer.review(example).await {
        Verdict::Holds(_) => Ok(()),
        Verdict::Fails(example) => Err(Misfit::Wrong(example.error.unwrap_or_default())),
        Verdict::Unplanned(_, problem) | Verdict::Unchecked(_, problem) => {
            Err(Misfit::Unchecked(problem.detail))
        }
    }
}
