//! Runs a query and reads its rows.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::client::{Api, Client};
use super::failure::Failure;
use crate::observer::Observer;

pub(super) struct Settings {
    /// The project that pays.
    pub(super) project: String,
    /// A query that would bill more bytes fails, and costs nothing.
    pub(super) max_bytes_billed: u64,
}

/// The minimum that is billed for a query, in bytes.
const LEAST_BILLED: u64 = 10 << 20;

/// How long BigQuery keeps a call open while the query runs, in ms: well below the call's time-out.
fn timeout_ms(client: &Client) -> u64 {
    client.retries.timeout.as_secs() * 500
}

#[derive(Deserialize)]
pub(super) struct Row {
    f: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    v: Option<String>,
}

impl Row {
    pub(super) fn cells<const N: usize>(&self) -> Option<[Option<&str>; N]> {
        let cells: Vec<_> = self.f.iter().map(|cell| cell.v.as_deref()).collect();
        cells.try_into().ok()
    }
}

/// 64-bit numbers are JSON strings.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryResponse {
    #[serde(default)]
    job_complete: bool,
    job_reference: Option<JobReference>,
    page_token: Option<String>,
    #[serde(default)]
    rows: Vec<Row>,
    total_bytes_processed: Option<String>,
    total_bytes_billed: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobReference {
    #[serde(default)]
    project_id: String,
    #[serde(default)]
    job_id: String,
    location: Option<String>,
}

/// All rows of a query. Reports the billed bytes, and runs the query again if the job failed because of
/// an error of BigQuery.
pub(super) async fn run(
    client: &Client,
    settings: &Settings,
    sql: &str,
    location: Option<String>,
    observer: &dyn Observer,
) -> Result<Vec<Row>, Failure> {
    let deadline = Instant::now() + client.retries.deadline;
    let mut attempt = 1;
    loop {
        match once(client, settings, sql, location.as_deref(), observer).await {
            Err(failure) if failure.needs_new_job() && attempt < client.retries.attempts => {
                let wait = client.backoff(attempt);
                if Instant::now() + wait > deadline {
                    return Err(failure);
                }
                tokio::time::sleep(wait).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

async fn once(
    client: &Client,
    settings: &Settings,
    sql: &str,
    location: Option<&str>,
    observer: &dyn Observer,
) -> Result<Vec<Row>, Failure> {
    let body = json!({
        "query": sql,
        "useLegacySql": false,
        "location": location,
        "maximumBytesBilled": settings.max_bytes_billed.to_string(),
        "timeoutMs": timeout_ms(client),
        "jobCreationMode": "JOB_CREATION_OPTIONAL",
        // A retried call is not billed again.
        "requestId": Uuid::now_v7().to_string(),
    });
    let path = ["projects", settings.project.as_str(), "queries"];
    let mut response: QueryResponse = client.post(Api::Query, &path, &body, observer).await?;
    let job = response.job_reference.take();
    let deadline = Instant::now() + client.retries.deadline;
    while !response.job_complete {
        if Instant::now() > deadline {
            return Err(Failure::NoResponse(anyhow::anyhow!(
                "the query did not end in time"
            )));
        }
        response = results(client, job.as_ref(), None, observer).await?;
    }
    observer.billed(response.billed());
    let mut rows = std::mem::take(&mut response.rows);
    let mut next = response.page_token.filter(|token| !token.is_empty());
    let mut seen = HashSet::new();
    while let Some(token) = next {
        let page = results(client, job.as_ref(), Some(&token), observer).await?;
        rows.extend(page.rows);
        next = page.page_token.filter(|next| !next.is_empty());
        seen.insert(token);
        if next.as_ref().is_some_and(|next| seen.contains(next)) {
            return Err(Failure::repeated_page());
        }
    }
    Ok(rows)
}

async fn results(
    client: &Client,
    job: Option<&JobReference>,
    page: Option<&str>,
    observer: &dyn Observer,
) -> Result<QueryResponse, Failure> {
    let job =
        job.ok_or_else(|| Failure::Unreadable(anyhow::anyhow!("a running query has no job")))?;
    let timeout = timeout_ms(client).to_string();
    let mut query = vec![("timeoutMs", timeout.as_str())];
    // A job is found only in its own location.
    query.extend(job.location.as_deref().map(|place| ("location", place)));
    query.extend(page.map(|token| ("pageToken", token)));
    let path = ["projects", job.project_id.as_str(), "queries", &job.job_id];
    client.get(Api::QueryResults, &path, &query, observer).await
}

impl QueryResponse {
    fn billed(&self) -> u64 {
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        number(&self.total_bytes_billed).unwrap_or_else(|| {
            let processed: u64 = number(&self.total_bytes_processed).unwrap_or_default();
            processed.max(LEAST_BILLED)
        })
    }
}
