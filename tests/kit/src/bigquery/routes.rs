//! The routes of the stub.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answers::{catalog_rows, masked};
use super::{Method, Shared, Tables, refused};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let project = "/bigquery/v2/projects/{project}";
    let dataset = format!("{project}/datasets/{{dataset}}");
    Router::new()
        .route(&dataset, get(dataset_get))
        .route(&format!("{dataset}/tables"), get(tables_list))
        .route(&format!("{dataset}/tables/{{table}}"), get(tables_get))
        .route(&format!("{project}/queries"), post(jobs_query))
        .route(&format!("{project}/queries/{{job}}"), get(jobs_results))
        .route(&format!("{project}/jobs"), post(jobs_insert))
        .with_state(shared)
}

type Parameters = Query<HashMap<String, String>>;

async fn dataset_get(
    State(shared): State<Arc<Shared>>,
    Path((project, dataset)): Path<(String, String)>,
) -> Response {
    let answer = |tables: &mut Tables| {
        tables.readable(&project, &dataset)?;
        let location = tables.locations.get(&format!("{project}.{dataset}"));
        Ok(json!({"location": location.map_or("US", String::as_str)}))
    };
    shared.answer(Method::Dataset, answer).await
}

async fn tables_list(
    State(shared): State<Arc<Shared>>,
    Path((project, dataset)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let number = |name: &str| parameters.get(name).and_then(|text| text.parse().ok());
    let answer = |tables: &mut Tables| {
        let all = tables.readable(&project, &dataset)?;
        let from = number("pageToken").unwrap_or(0);
        let limit: usize = number("maxResults").unwrap_or(50).min(1_000);
        let page: Vec<_> = all.values().skip(from).take(limit).map(listed).collect();
        let mut answer = json!({"tables": page, "totalItems": all.len()});
        if from + limit < all.len() {
            answer["nextPageToken"] = json!((from + limit).to_string());
        }
        if let Some(token) = tables.next_of_loop() {
            answer["nextPageToken"] = json!(token);
        }
        Ok(masked(&answer, parameters.get("fields")))
    };
    shared.answer(Method::List, answer).await
}

/// The fields of a table in a list, which omits schema, description and keys.
fn listed(resource: &Value) -> Value {
    let mut listed = json!({});
    for name in [
        "tableReference",
        "type",
        "timePartitioning",
        "rangePartitioning",
        "clustering",
        "requirePartitionFilter",
    ] {
        if !resource[name].is_null() {
            listed[name] = resource[name].clone();
        }
    }
    listed
}

async fn tables_get(
    State(shared): State<Arc<Shared>>,
    Path((project, dataset, table)): Path<(String, String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let answer = |tables: &mut Tables| {
        let all = tables.readable(&project, &dataset)?;
        let Some(resource) = all.get(&table) else {
            let message = format!("Not found: Table {project}:{dataset}.{table}");
            return Err(refused(404, "notFound", &message));
        };
        let mut resource = resource.clone();
        if parameters.get("view").is_some_and(|view| view == "BASIC")
            && let Some(resource) = resource.as_object_mut()
        {
            resource.remove("numRows");
            resource.remove("numBytes");
        }
        Ok(masked(&resource, parameters.get("fields")))
    };
    shared.answer(Method::Get, answer).await
}

async fn jobs_query(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let answer = |tables: &mut Tables| {
        tables.may_run_jobs(&project)?;
        if let Some((status, reason, message)) = &tables.refused_queries {
            return Err(refused(*status, reason, message));
        }
        let sql = body["query"].as_str().unwrap_or_default();
        let asked = sql
            .split_once(".INFORMATION_SCHEMA.COLUMN_FIELD_PATHS")
            .and_then(|(before, _)| before.strip_suffix('`')?.rsplit_once('`'))
            .and_then(|(_, name)| name.rsplit_once('.'))
            .filter(|_| body["useLegacySql"] == json!(false));
        let Some((of, dataset)) = asked else {
            return Err(refused(
                400,
                "invalidQuery",
                "the stub runs only the query of a sync",
            ));
        };
        let all = tables.readable(of, dataset)?;
        if let Some(location) = tables.locations.get(&format!("{of}.{dataset}"))
            && body["location"] != json!(location)
        {
            let message = format!("Not found: Dataset {of}:{dataset} was not found in location US");
            return Err(refused(404, "notFound", &message));
        }
        let limit = body["maximumBytesBilled"].as_str().unwrap_or_default();
        if limit.parse().is_ok_and(|limit: u64| limit < 10 << 20) {
            let message = "Query exceeded limit for bytes billed: 10485760";
            return Err(refused(400, "bytesBilledLimitExceeded", message));
        }
        if let Some(column) = tables.without.iter().find(|column| sql.contains(**column)) {
            let message = format!("Unrecognized name: {column} at [6:65]");
            return Err(refused(400, "invalidQuery", &message));
        }
        let rows = catalog_rows(all, sql);
        let job = format!("job-{}", tables.jobs.len());
        let answer = if tables.polls == 0 {
            let mut answer = tables.page(&job, &rows, 0);
            answer["totalBytesBilled"] = json!("10485760");
            answer
        } else {
            let reference = json!({"projectId": project, "jobId": job, "location": "EU"});
            json!({"jobComplete": false, "jobReference": reference})
        };
        tables.jobs.insert(job, (rows, tables.polls));
        Ok(answer)
    };
    shared.answer(Method::Query, answer).await
}

async fn jobs_results(
    State(shared): State<Arc<Shared>>,
    Path((_, job)): Path<(String, String)>,
    Query(parameters): Parameters,
) -> Response {
    let answer = |tables: &mut Tables| {
        let here = parameters
            .get("location")
            .is_some_and(|place| place == "EU");
        let Some((rows, polls)) = tables.jobs.get_mut(&job).filter(|_| here) else {
            return Err(refused(404, "notFound", "Not found: Job"));
        };
        *polls = polls.saturating_sub(1);
        let (rows, polls) = (rows.clone(), *polls);
        if polls > 0 {
            let reference = json!({"projectId": "billed", "jobId": job, "location": "EU"});
            return Ok(json!({"jobComplete": false, "jobReference": reference}));
        }
        let from = parameters.get("pageToken");
        let from = from.and_then(|token| token.parse().ok()).unwrap_or(0);
        Ok(tables.page(&job, &rows, from))
    };
    shared.answer(Method::Results, answer).await
}

async fn jobs_insert(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    axum::Json(body): axum::Json<Value>,
) -> Response {
    let answer = |tables: &mut Tables| {
        tables.may_run_jobs(&project)?;
        if let Some((status, reason, message)) = &tables.refused_plans {
            return Err(refused(*status, reason, message));
        }
        let configuration = &body["configuration"];
        let sql = configuration["query"]["query"].as_str().unwrap_or_default();
        if configuration["dryRun"] != json!(true) {
            return Err(refused(400, "invalid", "the stub accepts only dry runs"));
        }
        let location = body["jobReference"]["location"].as_str().unwrap_or("US");
        if let Some(dataset) = tables.in_other_location(sql, location) {
            let dataset = dataset.replacen('.', ":", 1);
            let message =
                format!("Not found: Dataset {dataset} was not found in location {location}");
            return Err(refused(404, "notFound", &message));
        }
        if let Some((text, status, reason)) = tables
            .unknown
            .iter()
            .find(|(text, ..)| sql.contains(text.as_str()))
        {
            let message = match *reason {
                "notFound" => format!("Not found: Table {project}:{text}"),
                _ => format!("Unrecognized name: {text} at [1:8]"),
            };
            return Err(refused(*status, reason, &message));
        }
        let planned = tables.plans.iter().find(|(text, ..)| sql.contains(text));
        let (kind, reads) = planned.map_or(("SELECT", &[][..]), |(_, kind, reads)| (kind, reads));
        let reads: Vec<Value> = reads
            .iter()
            .filter_map(|name| {
                let (dataset, table) = name.rsplit_once('.')?;
                let (project, dataset) = dataset.rsplit_once('.')?;
                Some(json!({"projectId": project, "datasetId": dataset, "tableId": table}))
            })
            .collect();
        let mut query = json!({
            "statementType": kind,
            "schema": {"fields": [{"name": "n", "type": "INTEGER"}]},
        });
        // Like BigQuery, the stub omits an empty list.
        if !reads.is_empty() {
            query["referencedTables"] = json!(reads);
        }
        let routines = tables.routines.iter();
        let routines: Vec<Value> = routines
            .filter(|(text, _)| sql.contains(text.as_str()))
            .filter_map(|(_, name)| {
                let (dataset, routine) = name.rsplit_once('.')?;
                let (project, dataset) = dataset.rsplit_once('.')?;
                Some(json!({"projectId": project, "datasetId": dataset, "routineId": routine}))
            })
            .collect();
        if !routines.is_empty() {
            query["referencedRoutines"] = json!(routines);
        }
        Ok(json!({"statistics": {"totalBytesProcessed": "1048576", "query": query}}))
    };
    shared.answer(Method::Insert, answer).await
}
