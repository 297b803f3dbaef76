//! Has the warehouse plan the SQL of a metric.

use schema::document::{Example, Metric, Origin};

use super::check::{Checker, Misfit, query};
use crate::examples::{Audience, Reviewer, Verdict, parsed};

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
    // A sync plans again what was planned when it was written.
    let is_known = matches!(reviewer.audience, Audience::Readers);
    let example = Example {
        id: None,
        question: metric.name.clone(),
        sql: query(metric, table, reviewer.schema),
        tables: Vec::new(),
        origin: Origin::Person,
        verified: is_known.then(parsed),
        error: None,
    };
    match reviewer.review(example).await {
        Verdict::Holds(_) => Ok(()),
        Verdict::Fails(example, reason) if is_known => {
            let name = &metric.name;
            tracing::warn!(reason, "the warehouse rejects the metric {name:?}");
            Err(Misfit::Wrong(example.error.unwrap_or(reason)))
        }
        Verdict::Fails(_, reason) => Err(Misfit::Wrong(reason)),
        Verdict::Unplanned(_, problem) | Verdict::Unchecked(_, problem) => {
            Err(Misfit::Unchecked(problem.detail))
        }
    }
}
