//! The routes of examples.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode};
use platform::extract::Conditions;
use platform::serve::{Class, rate_class};
use platform::{Admin, Caller, Error, Json, Path, Result, Router, idempotency, routes};
use schema::document::Example;
use schema::name::DATASETS;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{NO_HEAD, no_head_or, tagged};
use crate::examples::{Editor, NewExample, Outcome, tag};
use crate::state::{self, Addition};
use crate::sync::Sync;

pub fn routes() -> Router<Sync> {
    // The warehouse plans what is written.
    Router::new()
        .routes(routes!(add))
        .routes(routes!(replace))
        .layer(rate_class(Class::Model))
        .routes(routes!(list))
        .routes(routes!(read, remove))
}

/// The examples of a document.
#[derive(Debug, Serialize, ToSchema)]
struct Examples {
    /// The verified ones first, then the quarantined ones, which have an `error`. Each has its `id`.
    examples: Vec<Example>,
}

/// List the examples.
///
/// The examples that the caller may see, each with its id, its origin and its verification. A quarantined one has
/// its error.
#[utoipa::path(
    get,
    path = "/v1/schema/examples",
    operation_id = "list_examples",
    responses(
        (status = 200, body = Examples),
        (status = 409, description = NO_HEAD),
    )
)]
async fn list(State(sync): State<Sync>, caller: Caller) -> Result<Json<Examples>> {
    let examples = editor(&sync, &caller).list().await?;
    Ok(Json(Examples { examples }))
}

/// Read an example.
#[utoipa::path(
    get,
    path = "/v1/schema/examples/{id}",
    operation_id = "read_example",
    params(("id" = String, Path)),
    responses(
        (status = 200, description = "the example, with its `ETag`", body = Example),
        (status = 404, description = "there is no such example"),
        (status = 409, description = NO_HEAD),
    )
)]
async fn read(
    State(sync): State<Sync>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response> {
    let example = editor(&sync, &caller).get(&id).await?;
    Ok(tagged(StatusCode::OK, &tag(&example), &example))
}

/// Add an example.
///
/// The SQL must resolve against the current schema and pass the warehouse's dry run. The example is kept
/// across syncs, and verified again when a table that it reads changes. Adding the same example twice
/// has no further effect.
#[utoipa::path(
    post,
    path = "/v1/schema/examples",
    operation_id = "add_example",
    params(("Idempotency-Key" = Option<String>, Header, description = "a retry with the same key adds nothing, even if the example was changed or removed meanwhile; other content with the same key is refused")),
    request_body = NewExample,
    responses(
        (status = 201, description = "the example, with its `ETag`", body = Example),
        (status = 200, description = "the example exists already, or an earlier request with this key added it: as it is now, or as it was sent if it is gone", body = Example),
        (status = 409, description = no_head_or!("or it holds 16 MB of examples")),
        (status = 422, description = "the SQL is invalid, or a text names something out of the caller's datasets; the detail explains why"),
    )
)]
async fn add(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    headers: HeaderMap,
    Json(new): Json<NewExample>,
) -> Result<Response> {
    new.check()?;
    let editor = editor(&sync, &caller);
    let content = hash(&[&new.question, &new.sql]);
    // A key belongs to its caller, so that it reveals nothing about other callers.
    let key = idempotency::key(&headers)?.map(|key| hash(&["caller", &caller.key(), &key]));
    if let Some(key) = &key
        && let Some(known) = state::load(&*sync.store).await?.idempotency.remove(key)
    {
        if known.content != content {
            return Err(Error::Unprocessable(
                "this Idempotency-Key was used with another example; use a new key".into(),
            ));
        }
        // Others may have changed or removed the example meanwhile, which a late retry must not undo.
        let example = editor.added(known.id.as_deref(), &new).await?;
        let mut response = tagged(StatusCode::OK, &tag(&example), &example);
        let is_replayed = HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert(idempotency::REPLAYED, is_replayed);
        return Ok(response);
    }
    let outcome = editor.add(&new).await?;
    if let Some(key) = key {
        let addition = Addition {
            content,
            at: jiff::Timestamp::now(),
            id: outcome.example().id.clone(),
        };
        state::update(&*sync.store, |state| {
            state.remember(key.clone(), addition.clone());
        })
        .await?;
    }
    Ok(answer(&outcome))
}

/// Change an example.
///
/// The new content is verified like a new example. The example keeps its id, and belongs to a person from then on.
/// A generated example that is changed is not generated again.
#[utoipa::path(
    put,
    path = "/v1/schema/examples/{id}",
    operation_id = "replace_example",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "change only this version"),
    ),
    request_body = NewExample,
    responses(
        (status = 200, description = "it was changed, or said the same before", body = Example),
        (status = 404, description = "there is no such example"),
        (status = 409, description = no_head_or!("it holds 16 MB of examples, or another example has this content")),
        (status = 412, description = "a condition is not met"),
        (status = 422, description = "the SQL is invalid, or a text names something out of the caller's datasets; the detail explains why"),
    )
)]
async fn replace(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    conditions: Conditions,
    Json(new): Json<NewExample>,
) -> Result<Response> {
    new.check()?;
    let outcome = editor(&sync, &caller)
        .replace(&id, &new, &conditions)
        .await?;
    Ok(answer(&outcome))
}

/// Remove an example.
///
/// A generated example that is removed is not generated again.
#[utoipa::path(
    delete,
    path = "/v1/schema/examples/{id}",
    operation_id = "remove_example",
    params(
        ("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "remove only this version"),
    ),
    responses(
        (status = 204, description = "it is removed"),
        (status = 404, description = "there is no such example"),
        (status = 409, description = NO_HEAD),
        (status = 412, description = "a condition is not met"),
    )
)]
async fn remove(
    State(sync): State<Sync>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    conditions: Conditions,
) -> Result<StatusCode> {
    editor(&sync, &caller).remove(&id, &conditions).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn editor<'a>(sync: &'a Sync, caller: &'a Caller) -> Editor<'a> {
    Editor {
        store: &*sync.store,
        writers: &sync.writers,
        source: &*sync.source,
        count: sync.settings.examples,
        scope: caller.scope.of(DATASETS),
    }
}

fn answer(outcome: &Outcome) -> Response {
    match outcome {
        Outcome::Created(example) => tagged(StatusCode::CREATED, &tag(example), example),
        Outcome::Replaced(example) | Outcome::Unchanged(example) => {
            tagged(StatusCode::OK, &tag(example), example)
        }
    }
}

/// A hash of several parts, each with its length, so that their boundaries count.
fn hash(parts: &[impl AsRef<[u8]>]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.as_ref().len() as u64).to_le_bytes());
        hash.update(part.as_ref());
    }
    hex::encode(hash.finalize())
}
