//! Planning a query without running it: a dry run by `jobs.insert`, which tells its result's columns.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::client::Client;
use super::failure::{Failure, Subject};
use super::location;
use crate::document::{Column, How, Verified};
use crate::source::{Plan, Run, SourceError};
use crate::table_schema::TableSchema;

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    total_bytes_processed: Option<String>,
    query: Option<QueryStatistics>,
}

#[derive(Deserialize)]
struct QueryStatistics {
    schema: Option<TableSchema>,
}

pub(super) async fn dry_run(
    client: &Client,
    project: &str,
    sql: &str,
    run: &Run,
) -> Result<Plan, SourceError> {
    let body = json!({
        "configuration": {"dryRun": true, "query": {"query": sql, "useLegacySql": false}}
    });
    match location::insert_job::<Job>(client, project, body, run).await {
        Ok(Job { statistics }) => Ok(Plan::Accepted(Verified {
            how: How::DryRun,
            at: Timestamp::now(),
            bytes_processed: statistics
                .total_bytes_processed
                .and_then(|bytes| bytes.parse().ok()),
            columns: statistics
                .query
                .and_then(|query| query.schema)
                .unwrap_or_default()
                .fields
                .into_iter()
                .map(Column::from)
                .collect(),
        })),
        Err(Failure::Refused {
            reason, message, ..
        }) if Failure::is_about_the_query(&reason, &message) => Ok(Plan::Rejected(message)),
        Err(failure) => Err(refused(failure, project)),
    }
}

/// A dry run needs a right to run jobs, and one to read each table that it names.
fn refused(failure: Failure, project: &str) -> SourceError {
    match failure {
        Failure::Refused {
            reason, message, ..
        } if reason == "accessDenied" && message.contains("Access Denied: Table") => {
            SourceError::Denied(format!(
                "a dry run may not read a table ({message}): grant roles/bigquery.dataViewer on \
                 its dataset"
            ))
        }
        failure => failure.about(Subject::Jobs(project)),
    }
}
