//! Checks an entry, and has the warehouse plan the SQL of a metric.

use schema::document::{Example, Metric, Origin, Table};

use super::check::{Checker, Misfit, NO_EXPRESSION, queries};
use super::entry::Entry;
use crate::examples::{Audience, Reviewer, Verdict, parsed};

/// Checks an entry with full names of tables. If a metric `is_due`, the warehouse plans it. What can't be read here and
/// is not due was planned before.
pub async fn check(
    entry: &Entry,
    is_due: bool,
    checker: &Checker<'_, '_>,
    reviewer: &Reviewer<'_>,
) -> Result<(), Misfit> {
    let checked = checker.check(entry).await;
    let (Entry::Metric(metric), Ok(()) | Err(Misfit::Unread(_))) = (entry, &checked) else {
        return checked;
    };
    let table = checker.table(&metric.table)?;
    if !is_due {
        return Ok(());
    }
    // The warehouse may refuse queries of a table without a filter.
    if table.require_partition_filter {
        return checked;
    }
    let [enclosed, bare] = queries(metric, table, reviewer.schema);
    let planned = plan(metric, enclosed, reviewer).await?;
    let Err(Misfit::Unread(reason)) = checked else {
        return Ok(());
    };
    // Nobody else reads it: the warehouse must find one expression over this table alone.
    let planned_bare = plan(metric, bare, reviewer)
        .await
        .map_err(|misfit| match misfit {
            Misfit::Wrong(_) => Misfit::Wrong(NO_EXPRESSION.to_owned()),
            misfit => misfit,
        })?;
    match [planned, planned_bare]
        .iter()
        .all(|it| reads_only(it, table))
    {
        true => Ok(()),
        false => Err(Misfit::Wrong(reason)),
    }
}

fn reads_only(example: &Example, table: &Table) -> bool {
    let columns = example.verified.as_ref().map(|it| it.columns.len());
    example.tables == [table.name.as_str()] && columns.is_none_or(|count| count < 2)
}

/// Has the warehouse plan a query of a metric.
async fn plan(metric: &Metric, sql: String, reviewer: &Reviewer<'_>) -> Result<Example, Misfit> {
    // A sync plans again what was planned when it was written.
    let is_known = matches!(reviewer.audience, Audience::Readers);
    let example = Example {
        id: None,
        question: metric.name.clone(),
        sql,
        tables: Vec::new(),
        origin: Origin::Person,
        verified: is_known.then(parsed),
        error: None,
    };
    match reviewer.review(example).await {
        Verdict::Holds(example) => Ok(example),
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
