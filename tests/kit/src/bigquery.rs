//! A stub of BigQuery's REST API, with tables set by the test, simulated faults, and counted calls.
//!
//! It lists and gets tables, plans queries (dry runs), and answers the `INFORMATION_SCHEMA` query of a sync;
//! it runs no other SQL. Like BigQuery, it enforces a quota, returns 50 tables per page by default, encodes
//! 64-bit numbers as strings, and honours `fields`.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use failures::{Refused, disconnect, refused};

mod answers;
mod failures;
mod routes;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    List,
    Get,
    Dataset,
    Query,
    Results,
    Insert,
}

/// The fault of one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error in the format of BigQuery.
    Error(u16, &'static str),
    /// A status without JSON, as from a proxy.
    Status(u16),
    /// The connection closes within the response.
    Disconnect,
    /// The request stays open without a response.
    NoResponse,
}

/// A running server. It stops when it is dropped.
pub struct BigQuery {
    host: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    /// Table resources, as `tables.get` returns them, by `project.dataset` and table.
    datasets: BTreeMap<String, BTreeMap<String, Value>>,
    locations: BTreeMap<String, String>,
    denied: BTreeSet<String>,
    jobs_denied: bool,
    unknown: Vec<(String, u16, &'static str)>,
    /// The error of every dry run.
    refused_plans: Option<(u16, &'static str, String)>,
    /// The error of every query.
    refused_queries: Option<(u16, &'static str, String)>,
    plans: Vec<(String, &'static str, Vec<String>)>,
    /// Texts of SQL that call a function of a user.
    routines: Vec<(String, String)>,
    faults: HashMap<Method, VecDeque<Fault>>,
    /// The times of accepted calls.
    accepted: HashMap<Method, VecDeque<Instant>>,
    calls: HashMap<Method, usize>,
    refused: usize,
    quota: Option<usize>,
    latency: Duration,
    polls: usize,
    rows_per_page: Option<usize>,
    /// Columns that `INFORMATION_SCHEMA` lacks.
    without: BTreeSet<&'static str>,
    /// Page tokens that repeat forever.
    page_loop: Vec<&'static str>,
    loop_at: usize,
    /// The rows of each job, and how many more polls it takes.
    jobs: HashMap<String, (Vec<Value>, usize)>,
}

impl BigQuery {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let host = listener.local_addr().expect("a bound socket").to_string();
        let shared = Arc::new(Shared::default());
        let router = routes::router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            host,
            shared,
            server,
        }
    }

    /// The value of `BIGQUERY_EMULATOR_HOST`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sets a table with these fields (`TableFieldSchema`) in the dataset `project.dataset`.
    pub fn table(&self, dataset: &str, table: &str, fields: Value) {
        let mut resource = json!({});
        resource["schema"]["fields"] = fields;
        self.put(dataset, table, resource);
    }

    /// Sets a table with the resource that `tables.get` returns. The default type is `TABLE`.
    pub fn put(&self, dataset: &str, table: &str, mut resource: Value) {
        resource["tableReference"] = json!({"tableId": table});
        if resource["type"].is_null() {
            resource["type"] = json!("TABLE");
        }
        self.dataset(dataset);
        self.lock()
            .datasets
            .get_mut(dataset)
            .expect("just set")
            .insert(table.to_owned(), resource);
    }

    /// Creates a dataset unless it exists.
    pub fn dataset(&self, dataset: &str) {
        self.lock().datasets.entry(dataset.to_owned()).or_default();
    }

    /// Alters an existing table.
    pub fn alter(&self, dataset: &str, table: &str, alter: impl FnOnce(&mut Value)) {
        let mut tables = self.lock();
        let resource = tables
            .datasets
            .get_mut(dataset)
            .and_then(|tables| tables.get_mut(table));
        alter(resource.expect("a table that was set"));
    }

    /// Adds a column at the end of a table.
    pub fn add_column(&self, dataset: &str, table: &str, field: Value) {
        self.alter(dataset, table, |resource| {
            resource["schema"]["fields"]
                .as_array_mut()
                .expect("a schema")
                .push(field);
        });
    }

    pub fn drop_table(&self, dataset: &str, table: &str) {
        if let Some(tables) = self.lock().datasets.get_mut(dataset) {
            tables.remove(table);
        }
    }

    /// Refuses every call about a dataset.
    pub fn deny(&self, dataset: &str) {
        self.dataset(dataset);
        self.lock().denied.insert(dataset.to_owned());
    }

    /// Refuses queries and dry runs.
    pub fn deny_jobs(&self) {
        self.lock().jobs_denied = true;
    }

    /// Refuses every dry run with this error.
    pub fn refuse_plans(&self, status: u16, reason: &'static str, message: &str) {
        self.lock().refused_plans = Some((status, reason, message.to_owned()));
    }

    /// Refuses every query with this error.
    pub fn refuse_queries(&self, status: u16, reason: &'static str, message: &str) {
        self.lock().refused_queries = Some((status, reason, message.to_owned()));
    }

    /// Removes a column such as `policy_tags` from `INFORMATION_SCHEMA`, as in an emulator.
    pub fn set_without(&self, column: &'static str) {
        self.lock().without.insert(column);
    }

    /// Makes every page of tables or rows name one of these tokens as the next page, in turn.
    pub fn loop_pages(&self, tokens: &[&'static str]) {
        self.lock().page_loop = tokens.to_vec();
    }

    /// Sets the location of a dataset, which queries and dry runs must name. The default is the US.
    pub fn locate(&self, dataset: &str, location: &str) {
        self.lock()
            .locations
            .insert(dataset.to_owned(), location.to_owned());
    }

    /// Makes the next calls of a method fail.
    pub fn fail(&self, method: Method, times: usize, fault: &Fault) {
        let mut tables = self.lock();
        let faults = tables.faults.entry(method).or_default();
        faults.extend(std::iter::repeat_n(fault.clone(), times));
    }

    /// Refuses dry runs of SQL with this text because of an unknown name.
    pub fn unknown_name(&self, text: &str) {
        let unknown = (text.to_owned(), 400, "invalidQuery");
        self.lock().unknown.push(unknown);
    }

    /// Refuses dry runs of SQL with this text because of a missing table.
    pub fn unknown_table(&self, text: &str) {
        let unknown = (text.to_owned(), 404, "notFound");
        self.lock().unknown.push(unknown);
    }

    /// Makes dry runs of SQL with this text report this kind of statement and these tables.
    pub fn plan_as(&self, text: &str, kind: &'static str, reads: &[&str]) {
        let reads = reads.iter().map(|name| (*name).to_owned()).collect();
        self.lock().plans.push((text.to_owned(), kind, reads));
    }

    /// Makes dry runs of SQL with this text report this function, `project.dataset.name`.
    pub fn call_routine(&self, text: &str, name: &str) {
        let routine = (text.to_owned(), name.to_owned());
        self.lock().routines.push(routine);
    }

    /// Sets a delay before each response.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Limits the calls of each method per second. Further calls get `rateLimitExceeded`.
    pub fn set_quota(&self, requests_per_second: usize) {
        self.lock().quota = Some(requests_per_second);
    }

    /// Sets the number of rows per page of a query, and the number of polls until it is complete.
    pub fn set_results(&self, rows_per_page: usize, polls: usize) {
        let mut tables = self.lock();
        tables.rows_per_page = Some(rows_per_page);
        tables.polls = polls;
    }

    /// The number of calls of a method, including refused ones.
    pub fn calls(&self, method: Method) -> usize {
        self.lock().calls.get(&method).copied().unwrap_or_default()
    }

    /// Resets the counts.
    pub fn reset_calls(&self) {
        let mut tables = self.lock();
        tables.calls.clear();
        tables.refused = 0;
    }

    /// The number of calls over the quota.
    pub fn over_quota(&self) -> usize {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.shared.lock()
    }
}

impl Drop for BigQuery {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a call, waits for the latency, and returns the response or the fault.
    async fn answer(
        &self,
        method: Method,
        answer: impl FnOnce(&mut Tables) -> Result<Value, Refused>,
    ) -> Response {
        let (latency, fault) = {
            let mut tables = self.lock();
            *tables.calls.entry(method).or_default() += 1;
            if tables.is_over_quota(method) {
                tables.refused += 1;
                return refused(403, "rateLimitExceeded", "Quota exceeded for a second")
                    .into_response();
            }
            let fault = tables.faults.get_mut(&method).and_then(VecDeque::pop_front);
            (tables.latency, fault)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match fault {
            Some(Fault::Error(status, reason)) => {
                return refused(status, reason, "a fault of the stub").into_response();
            }
            Some(Fault::Status(status)) => {
                return StatusCode::from_u16(status)
                    .expect("a status")
                    .into_response();
            }
            Some(Fault::NoResponse) => std::future::pending().await,
            Some(Fault::Disconnect) | None => {}
        }
        let answer = answer(&mut self.lock());
        match answer {
            Ok(answer) if matches!(fault, Some(Fault::Disconnect)) => disconnect(&answer),
            Ok(answer) => axum::Json(answer).into_response(),
            Err(refused) => refused.into_response(),
        }
    }
}

impl Tables {
    fn is_over_quota(&mut self, method: Method) -> bool {
        let Some(quota) = self.quota else {
            return false;
        };
        let now = Instant::now();
        let accepted = self.accepted.entry(method).or_default();
        while accepted
            .front()
            .is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1))
        {
            accepted.pop_front();
        }
        let over = accepted.len() >= quota;
        if !over {
            accepted.push_back(now);
        }
        over
    }

    fn readable(&self, project: &str, dataset: &str) -> Result<&BTreeMap<String, Value>, Refused> {
        let name = format!("{project}.{dataset}");
        if self.denied.contains(&name) {
            let message = format!("Access Denied: Dataset {project}:{dataset}");
            return Err(refused(403, "accessDenied", &message));
        }
        self.datasets.get(&name).ok_or_else(|| {
            let message = format!("Not found: Dataset {project}:{dataset}");
            refused(404, "notFound", &message)
        })
    }

    fn may_run_jobs(&self, project: &str) -> Result<(), Refused> {
        if !self.jobs_denied {
            return Ok(());
        }
        let message = format!(
            "Access Denied: Project {project}: User does not have bigquery.jobs.create permission"
        );
        Err(refused(403, "accessDenied", &message))
    }

    fn next_of_loop(&mut self) -> Option<&'static str> {
        let token = self
            .page_loop
            .get(self.loop_at % self.page_loop.len().max(1))?;
        self.loop_at += 1;
        Some(token)
    }

    /// A dataset that the SQL names in full and that is in another location.
    fn in_other_location(&self, sql: &str, location: &str) -> Option<&str> {
        let mut datasets = self.datasets.keys().filter(|dataset| {
            let place = self.locations.get(*dataset).map_or("US", String::as_str);
            place != location && sql.contains(&format!("{dataset}."))
        });
        datasets.next().map(String::as_str)
    }

    fn page(&mut self, job: &str, rows: &[Value], from: usize) -> Value {
        let to = rows
            .len()
            .min(from + self.rows_per_page.unwrap_or(rows.len()));
        let mut answer = json!({
            "jobComplete": true,
            "jobReference": {"projectId": "billed", "jobId": job, "location": "EU"},
            "totalBytesProcessed": "1024",
            "totalRows": rows.len().to_string(),
            "rows": rows[from..to],
        });
        if to < rows.len() {
            answer["pageToken"] = json!(to.to_string());
        }
        if let Some(token) = self.next_of_loop() {
            answer["pageToken"] = json!(token);
        }
        answer
    }
}
