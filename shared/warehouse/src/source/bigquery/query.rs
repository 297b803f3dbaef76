//! Running a query for its rows.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::client::{Api, Client};
use super::failure::Failure;
use crate::observer::Observer;

pub(super) struct Settings {
    /// That pays.
    pub(super) project: String,
    /// In bytes; a query that would cost more fails, and costs nothing.
    pub(super) max_bytes_billed: u64,
}

/// The least that is billed for a query, in bytes.
const LEAST_BILLED: u64 = 10 << 20;

/// How long BigQuery holds a call while the query runs, in ms: well below what we wait for an answer.
fn held_ms(client: &Client) -> u64 {
    client.patience.timeout.as_secs() * 500
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
struct Answer {
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

/// All rows of a query. What it is billed is counted, and a job that failed by BigQuery's fault is
/// run anew.
pub(super) async fn run(
    client: &Client,
    settings: &Settings,
    sql: &str,
    location: Option<String>,
    observer: &dyn Observer,
) -> Result<Vec<Row>, Failure> {
    let deadline = Instant::now() + client.patience.deadline;
    let mut attempt = 1;
    loop {
        match once(client, settings, sql, location.as_deref(), observer).await {
            Err(failure) if failure.needs_new_job() && attempt < client.patience.attempts => {
                let wait = client.wait(attempt);
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
        "timeoutMs": held_ms(client),
        "jobCreationMode": "JOB_CREATION_OPTIONAL",
        // A call that is tried again is not billed again.
        "requestId": Uuid::now_v7().to_string(),
    });
    let path = ["projects", settings.project.as_str(), "queries"];
    let mut answer: Answer = client.post(Api::Query, &path, &body, observer).await?;
    let job = answer.job_reference.take();
    let deadline = Instant::now() + client.patience.deadline;
    while !answer.job_complete {
        if Instant::now() > deadline {
            return Err(Failure::Broken(anyhow::anyhow!("the query did not end")));
        }
        answer = results(client, job.as_ref(), None, observer).await?;
    }
    observer.billed(answer.billed());
    let mut rows = std::mem::take(&mut answer.rows);
    let mut next = answer.page_token.filter(|token| !token.is_empty());
    let mut seen = HashSet::new();
    while let Some(token) = next {
        let page = results(client, job.as_ref(), Some(&token), observer).await?;
        rows.extend(page.rows);
        next = page.page_token.filter(|next| !next.is_empty());
        seen.insert(token);
        if next.as_ref().is_some_and(|next| seen.contains(next)) {
            return Err(Failure::page_named_twice());
        }
    }
    Ok(rows)
}

async fn results(
    client: &Client,
    job: Option<&JobReference>,
    page: Option<&str>,
    observer: &dyn Observer,
) -> Result<Answer, Failure> {
    let job = job.ok_or_else(|| {
        Failure::Unreadable(anyhow::anyhow!("a query that has not ended, without a job"))
    })?;
    let held = held_ms(client).to_string();
    let mut query = vec![("timeoutMs", held.as_str())];
    // A job is found only where it runs.
    query.extend(job.location.as_deref().map(|place| ("location", place)));
    query.extend(page.map(|token| ("pageToken", token)));
    let path = ["projects", job.project_id.as_str(), "queries", &job.job_id];
    client.get(Api::QueryResults, &path, &query, observer).await
}

impl Answer {
    fn billed(&self) -> u64 {
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
        number(&self.total_bytes_billed).unwrap_or_else(|| {
            let processed: u64 = number(&self.total_bytes_processed).unwrap_or_default();
            processed.max(LEAST_BILLED)
        })
    }
}
