//! Checks an entry, and has the warehouse plan the SQL of a metric.

use schema::document::{Example, Metric, Origin, Table};

use super::check::{Checker, Misfit, NO_EXPRESSION, queries};
use super::entry::Entry;
use crate::examples::{Audience, Reviewer, Verdict, parsed};
use crate::rules::required_filter;

/// A metric that fits as far as it can be read here. The warehouse decides the rest.
#[derive(Clone, Debug)]
pub struct Due {
    pub metric: Metric,
    /// Why the SQL can't be read here.
    pub unread: Option<String>,
}

/// Checks an entry with full names of tables. A metric that fits is due for the warehouse.
pub async fn check(entry: &Entry, checker: &Checker<'_, '_>) -> Result<Option<Due>, Misfit> {
    let unread = match checker.check(entry).await {
        Ok(()) => None,
        Err(Misfit::Unread(reason)) => Some(reason),
        Err(misfit) => return Err(misfit),
    };
    Ok(match entry {
        Entry::Metric(metric) => Some(Due {
            metric: metric.clone(),
            unread,
        }),
        Entry::Description(_) | Entry::Term(_) => None,
    })
}

impl Due {
    /// Has the warehouse plan the SQL over its table.
    pub async fn plan(&self, table: &Table, reviewer: &Reviewer<'_>) -> Result<(), Misfit> {
        let condition = match required_filter(table, reviewer.schema.dialect()) {
            _ if !table.require_partition_filter => None,
            Some(condition) => Some(condition),
            None => return self.unplannable(table, reviewer),
        };
        let queries = queries(&self.metric, table, reviewer.schema);
        let [enclosed, bare] = queries.map(|sql| match &condition {
            Some(condition) => format!("{sql} where {condition}"),
            None => sql,
        });
        let planned = plan(&self.metric, enclosed, reviewer).await?;
        let Some(reason) = &self.unread else {
            return Ok(());
        };
        // Nobody else reads it: the warehouse must find one expression over this table alone.
        let planned_bare =
            plan(&self.metric, bare, reviewer)
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
            false => Err(Misfit::Wrong(reason.clone())),
        }
    }

    /// The outcome if the table requires a filter that can't be written here.
    fn unplannable(&self, table: &Table, reviewer: &Reviewer<'_>) -> Result<(), Misfit> {
        let Some(unread) = &self.unread else {
            return Ok(());
        };
        let (name, by) = (&table.name, table.partitioning.as_ref());
        let column = by.map_or("the column it is partitioned by", |by| &by.column);
        let reason = format!(
            "{unread}; the warehouse can't plan it either, because {name} requires a filter on {column}"
        );
        // The property of the table says nothing about a metric that was planned before.
        Err(match is_known(reviewer) {
            true => Misfit::Unchecked(reason),
            false => Misfit::Wrong(reason),
        })
    }
}

fn reads_only(example: &Example, table: &Table) -> bool {
    let columns = example.verified.as_ref().map(|it| it.columns.len());
    example.tables == [table.name.as_str()] && columns.is_none_or(|count| count < 2)
}

/// A sync plans again what was planned when it was written.
fn is_known(reviewer: &Reviewer<'_>) -> bool {
    matches!(reviewer.audience, Audience::Readers)
}

/// Has the warehouse plan a query of a metric.
async fn plan(metric: &Metric, sql: String, reviewer: &Reviewer<'_>) -> Result<Example, Misfit> {
    let is_known = is_known(reviewer);
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
