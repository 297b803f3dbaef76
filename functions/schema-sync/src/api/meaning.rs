//! The routes of descriptions, the glossary and metrics.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use platform::auth::{Caller, Names};
use platform::extract::Conditions;
use platform::serve::{Class, rate_class, time_limit};
use platform::{Admin, Error, Json, Path, Query, Result, Router, routes};
use schema::document::{Description, Meaning, Metric, Term};
use schema::name::DATASETS;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{LONGEST_SYNC, NO_HEAD, no_head_or, tagged};
use crate::grounding::schema_seen;
use crate::head::{self, into_whole, view};
use crate::meaning::{
    Change, Checker, Editor, Entry, File, Imported, Key, MAX_ENTRIES, Outcome, tag,
};
use crate::sync::Sync;

pub fn routes() -> Router<Sync> {
    // The warehouse plans metrics. It limits the rate of plans, and an import may have many metrics.
    let planned = Router::new()
        .routes(routes!(import))
        .layer(time_limit(LONGEST_SYNC))
        .routes(routes!(put_metric))
        .layer(rate_class(Class::Model));
    planned
        .routes(routes!(list))
        .routes(routes!(
            read_description,
            put_description,
            remove_description
        ))
        .routes(routes!(read_term, put_term, remove_term))
        .routes(routes!(read_metric, remove_metric))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ColumnQuery {
    /// The path of a column or nested field; omit it for the table.
    column: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDescription {
    #[schema(min_length = 1, max_length = 4_000)]
    text: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTerm {
    #[schema(min_length = 1, max_length = 4_000)]
    meaning: String,
    /// The tables that it is about, by full name or unique suffix; at most 100. Only a caller who may see
    /// every dataset may omit them.
    #[serde(default)]
    tables: Vec<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMetric {
    /// One expression over the columns of the table, such as `sum(total)`; at most 10,000 bytes.
    sql: String,
    /// The full name, or a suffix that is unique.
    table: String,
    #[schema(max_length = 4_000)]
    description: Option<String>,
}

/// List what people wrote.
///
/// The descriptions, glossary and metrics that the caller may see, with those that no longer fit the schema.
#[utoipa::path(
    get,
    path = "/v1/schema/meaning",
    operation_id = "list_meaning",
    responses(
        (status = 200, body = Meaning),
        (status = 409, description = NO_HEAD),
    )
)]
async fn list(State(sync): State<Sync>, Admin(caller): Admin) -> Result<Json<Meaning>> {
    let head = head::load(&*sync.store).await?;
    let view = view(&into_whole(head)?, scope(&caller)).await?;
    Ok(Json(view.meaning.clone()))
}

/// Import descriptions, a glossary and metrics.
///
/// Writes all entries that fit the schema, in one version, and lists the others with the reason. Entries that
/// are not in the file stay. Repeating an import changes nothing.
#[utoipa::path(
    post,
    path = "/v1/schema/meaning",
    operation_id = "import_meaning",
    request_body = File,
    responses(
        (status = 200, body = Imported),
        (status = 409, description = no_head_or!("or the entries exceed 4 MB")),
        (status = 422, description = "no entry could be written; the detail has the first reasons"),
        (status = 503, description = "the warehouse can't plan the SQL of a metric now, or the store is unavailable; nothing was written"),
    )
)]
async fn import(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Json(file): Json<File>,
) -> Result<Json<Imported>> {
    let entries = file.into_entries();
    if entries.len() > MAX_ENTRIES {
        return Err(Error::Invalid(format!(
            "there are {} entries: send at most {MAX_ENTRIES} per request",
            entries.len()
        )));
    }
    let imported = editor(&sync, &caller).import(entries).await?;
    let is_refused = imported.written + imported.unchanged == 0 && !imported.refused.is_empty();
    if is_refused {
        let reasons = imported.refused.iter().take(5);
        let reasons = reasons.map(|it| format!("{}: {}", it.entry, it.reason));
        let reasons: Vec<String> = reasons.collect();
        return Err(Error::Unprocessable(reasons.join("; ")));
    }
    Ok(Json(imported))
}

/// Read a description that a person wrote.
#[utoipa::path(
    get,
    path = "/v1/schema/descriptions/{table}",
    operation_id = "read_description",
    params(("table" = String, Path, description = "the full name, or a suffix that is unique"), ColumnQuery),
    responses(
        (status = 200, description = "the description, with its `ETag`", body = Description),
        (status = 404, description = "no person described it"),
        (status = 409, description = NO_HEAD),
    )
)]
async fn read_description(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(table): Path<String>,
    Query(query): Query<ColumnQuery>,
) -> Result<Response> {
    let column = query.column;
    read(&sync, &caller, Key::Description { table, column }).await
}

/// Describe a table, a column or a nested field.
///
/// The description replaces that of the warehouse, an LLM or a rule, and survives syncs. Every identifier in
/// it must exist.
#[utoipa::path(
    put,
    path = "/v1/schema/descriptions/{table}",
    operation_id = "put_description",
    params(
        ("table" = String, Path, description = "the full name, or a suffix that is unique"),
        ColumnQuery,
        ("If-Match" = Option<String>, Header, description = "write only over this version"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: write only if no person described it"),
    ),
    request_body = NewDescription,
    responses(
        (status = 200, description = "it was changed, or said the same before", body = Description),
        (status = 201, description = "it is new", body = Description),
        (status = 409, description = no_head_or!("or the entries exceed 4 MB")),
        (status = 412, description = "a condition is not met"),
        (status = 422, description = "the table, the column or an identifier in the text does not exist, or the text names something out of the caller's datasets"),
    )
)]
async fn put_description(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(table): Path<String>,
    Query(query): Query<ColumnQuery>,
    conditions: Conditions,
    Json(new): Json<NewDescription>,
) -> Result<Response> {
    let entry = Entry::description(table, query.column, new.text);
    put(&sync, &caller, &conditions, entry).await
}

/// Remove a description that a person wrote.
///
/// The description that it replaced returns.
#[utoipa::path(
    delete,
    path = "/v1/schema/descriptions/{table}",
    operation_id = "remove_description",
    params(
        ("table" = String, Path, description = "the full name, or a suffix that is unique"),
        ColumnQuery,
        ("If-Match" = Option<String>, Header, description = "remove only this version"),
    ),
    responses(
        (status = 204, description = "it is removed"),
        (status = 404, description = "no person described it"),
        (status = 409, description = NO_HEAD),
        (status = 412, description = "a condition is not met"),
    )
)]
async fn remove_description(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(table): Path<String>,
    Query(query): Query<ColumnQuery>,
    conditions: Conditions,
) -> Result<Response> {
    let column = query.column;
    remove(
        &sync,
        &caller,
        &conditions,
        Key::Description { table, column },
    )
    .await
}

/// Read a term of the glossary.
#[utoipa::path(
    get,
    path = "/v1/schema/glossary/{term}",
    operation_id = "read_term",
    params(("term" = String, Path, description = "in any case")),
    responses(
        (status = 200, description = "the term, with its `ETag`", body = Term),
        (status = 404, description = "there is no such term"),
        (status = 409, description = NO_HEAD),
    )
)]
async fn read_term(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(term): Path<String>,
) -> Result<Response> {
    read(&sync, &caller, Key::Term(term)).await
}

/// Add or change a term of the glossary.
///
/// Every table and every identifier in its meaning must exist.
#[utoipa::path(
    put,
    path = "/v1/schema/glossary/{term}",
    operation_id = "put_term",
    params(
        ("term" = String, Path, description = "at most 200 characters"),
        ("If-Match" = Option<String>, Header, description = "write only over this version"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: write only if there is no such term"),
    ),
    request_body = NewTerm,
    responses(
        (status = 200, description = "it was changed, or said the same before", body = Term),
        (status = 201, description = "it is new", body = Term),
        (status = 409, description = no_head_or!("the entries exceed 4 MB, or the term is about tables that the caller may not see")),
        (status = 412, description = "a condition is not met"),
        (status = 422, description = "a table or an identifier in the meaning does not exist, or a text names something out of the caller's datasets"),
    )
)]
async fn put_term(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(term): Path<String>,
    conditions: Conditions,
    Json(new): Json<NewTerm>,
) -> Result<Response> {
    let entry = Entry::term(term, new.meaning, new.tables);
    put(&sync, &caller, &conditions, entry).await
}

/// Remove a term of the glossary.
#[utoipa::path(
    delete,
    path = "/v1/schema/glossary/{term}",
    operation_id = "remove_term",
    params(
        ("term" = String, Path, description = "in any case"),
        ("If-Match" = Option<String>, Header, description = "remove only this version"),
    ),
    responses(
        (status = 204, description = "it is removed"),
        (status = 404, description = "there is no such term"),
        (status = 409, description = NO_HEAD),
        (status = 412, description = "a condition is not met"),
    )
)]
async fn remove_term(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(term): Path<String>,
    conditions: Conditions,
) -> Result<Response> {
    remove(&sync, &caller, &conditions, Key::Term(term)).await
}

/// Read a metric.
#[utoipa::path(
    get,
    path = "/v1/schema/metrics/{name}",
    operation_id = "read_metric",
    params(("name" = String, Path, description = "in any case")),
    responses(
        (status = 200, description = "the metric, with its `ETag`", body = Metric),
        (status = 404, description = "there is no such metric"),
        (status = 409, description = NO_HEAD),
    )
)]
async fn read_metric(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(name): Path<String>,
) -> Result<Response> {
    read(&sync, &caller, Key::Metric(name)).await
}

/// Add or change a metric.
///
/// The SQL must resolve against the table, and the warehouse must plan it.
#[utoipa::path(
    put,
    path = "/v1/schema/metrics/{name}",
    operation_id = "put_metric",
    params(
        ("name" = String, Path, description = "at most 200 characters"),
        ("If-Match" = Option<String>, Header, description = "write only over this version"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: write only if there is no such metric"),
    ),
    request_body = NewMetric,
    responses(
        (status = 200, description = "it was changed, or said the same before", body = Metric),
        (status = 201, description = "it is new", body = Metric),
        (status = 409, description = no_head_or!("the entries exceed 4 MB, or the metric is about a table that the caller may not see")),
        (status = 412, description = "a condition is not met"),
        (status = 422, description = "the table or an identifier does not exist, the SQL is not one expression, or a text names something out of the caller's datasets; the detail explains why"),
        (status = 503, description = "the warehouse can't plan the SQL now, or the store is unavailable"),
    )
)]
async fn put_metric(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    conditions: Conditions,
    Json(new): Json<NewMetric>,
) -> Result<Response> {
    let entry = Entry::metric(name, new.sql, new.table, new.description);
    put(&sync, &caller, &conditions, entry).await
}

/// Remove a metric.
#[utoipa::path(
    delete,
    path = "/v1/schema/metrics/{name}",
    operation_id = "remove_metric",
    params(
        ("name" = String, Path, description = "in any case"),
        ("If-Match" = Option<String>, Header, description = "remove only this version"),
    ),
    responses(
        (status = 204, description = "it is removed"),
        (status = 404, description = "there is no such metric"),
        (status = 409, description = NO_HEAD),
        (status = 412, description = "a condition is not met"),
    )
)]
async fn remove_metric(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(name): Path<String>,
    conditions: Conditions,
) -> Result<Response> {
    remove(&sync, &caller, &conditions, Key::Metric(name)).await
}

fn editor<'a>(sync: &'a Sync, caller: &'a Caller) -> Editor<'a> {
    Editor {
        store: &*sync.store,
        writers: &sync.writers,
        source: &*sync.source,
        scope: scope(caller),
    }
}

fn scope(caller: &Caller) -> &Names {
    caller.scope.of(DATASETS)
}

async fn read(sync: &Sync, caller: &Caller, mut key: Key) -> Result<Response> {
    let head = head::load(&*sync.store).await?;
    let view = view(&into_whole(head)?, scope(caller)).await?;
    if let Key::Description { table, .. } = &mut key {
        let schema = schema_seen(&view);
        if let Ok(found) = Checker::new(&schema).table(table) {
            table.clone_from(&found.name);
        }
    }
    match key.find(&view.meaning) {
        Some(entry) => Ok(tagged(StatusCode::OK, &tag(&entry), &entry)),
        None => Err(key.not_found()),
    }
}

async fn put(
    sync: &Sync,
    caller: &Caller,
    conditions: &Conditions,
    entry: Entry,
) -> Result<Response> {
    Ok(
        match one(sync, caller, conditions, Change::Put(entry)).await? {
            Outcome::Created(entry) => tagged(StatusCode::CREATED, &tag(&entry), &entry),
            Outcome::Replaced(entry) | Outcome::Unchanged(entry) => {
                tagged(StatusCode::OK, &tag(&entry), &entry)
            }
            Outcome::Removed => StatusCode::NO_CONTENT.into_response(),
        },
    )
}

async fn remove(
    sync: &Sync,
    caller: &Caller,
    conditions: &Conditions,
    key: Key,
) -> Result<Response> {
    one(sync, caller, conditions, Change::Remove(key)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn one(
    sync: &Sync,
    caller: &Caller,
    conditions: &Conditions,
    change: Change,
) -> Result<Outcome> {
    let outcomes = editor(sync, caller).edit(&[change], conditions).await?;
    let outcome = outcomes.into_iter().next();
    outcome.unwrap_or_else(|| Err(anyhow::anyhow!("a change has no outcome").into()))
}
