//! Planning by a dry run (`jobs.insert`), which returns the kind of statement, the tables that it reads,
//! and the columns of its result.

use jiff::Timestamp;
use platform::excerpt::excerpt;
use schema::document::{Column, How, Verified};
use schema::name::TableName;
use schema::read::Read;
use schema::table_schema::{TableReference, TableSchema};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::client::Client;
use super::failure::Failure;
use super::jobs;
use super::subject::Subject;
use crate::error::SourceError;
use crate::observer::Observer;
use crate::source::{Place, Plan, Planned, Rejection};

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

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryStatistics {
    #[serde(default)]
    statement_type: String,
    /// At most 50 tables. For a view, those below it; for a wildcard, its name or its shards.
    #[serde(default)]
    referenced_tables: Vec<TableReference>,
    /// Persistent functions of users, also those that views call.
    #[serde(default)]
    referenced_routines: Vec<IgnoredAny>,
    schema: Option<TableSchema>,
}

pub(super) async fn dry_run(
    client: &Client,
    project: &str,
    sql: &str,
    observer: &dyn Observer,
) -> Result<Plan, SourceError> {
    let body = json!({
        "configuration": {"dryRun": true, "query": {"query": sql, "useLegacySql": false}}
    });
    match jobs::insert::<Job>(client, project, body, observer).await {
        Ok(Job { statistics }) => Ok(planned(statistics)),
        Err(Failure::Refused {
            reason, message, ..
        }) if Failure::is_about_the_query(&reason, &message) => Ok(rejected(&message)),
        Err(failure) => Err(failure.about(Subject::Jobs(project))),
    }
}

fn rejected(message: &str) -> Plan {
    let place = Place::at_end(message);
    Plan::Rejected(Rejection::new(excerpt(message), None, place))
}

fn planned(statistics: Statistics) -> Plan {
    let query = statistics.query.unwrap_or_default();
    // A dry run also accepts scripts and statements that change data.
    if query.statement_type != "SELECT" {
        return Plan::Rejected(Rejection::without_names(
            match query.statement_type.as_str() {
                "" => "BigQuery does not report what kind of statement it is".to_owned(),
                kind => format!("it is a {kind}: only one SELECT is planned"),
            },
        ));
    }
    let tables = query.referenced_tables.into_iter().map(TableName::from);
    let columns = query.schema.unwrap_or_default().fields.into_iter();
    Plan::Accepted(Planned {
        reads: tables.map(Read::from).collect(),
        calls_routines: !query.referenced_routines.is_empty(),
        verified: Verified {
            how: How::DryRun,
            at: Timestamp::now(),
            bytes_processed: statistics
                .total_bytes_processed
                .and_then(|bytes| bytes.parse().ok()),
            columns: columns.map(Column::from).collect(),
        },
    })
}
