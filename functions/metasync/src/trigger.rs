//! The one route that everything comes to where every function is this binary: on Lambda an event
//! that is not HTTP is posted to `/events/<the binary's name>`. It goes on to the function that it
//! is for, so that a function with a trigger needs nothing here.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use message_log::events::{LARGEST_EVENT, as_json, is_run};
use platform::serve::may_take;
use platform::{Admin, Error, Json, Result, Router, routes};
use schema_sync::api::LONGEST_SYNC;
use serde_json::Value;
use tower::ServiceExt as _;

#[derive(Clone)]
struct Functions {
    /// The routes of all of them.
    routes: axum::Router,
    /// Whether those are among them that keep something in Postgres.
    has_database: bool,
}

/// For these functions.
pub fn router(functions: Router, has_database: bool) -> Router {
    let functions = Functions {
        routes: functions.into(),
        has_database,
    };
    Router::new()
        .routes(routes!(trigger))
        .layer(may_take(LONGEST_SYNC))
        .layer(DefaultBodyLimit::max(LARGEST_EVENT))
        .with_state(functions)
}

/// Do what is due, by a schedule or a queue.
///
/// As `POST /events/<function>` with the other fields: `{"function": "schema-sync"}` syncs. What a queue
/// or a bus delivers names no function, and is for `message-log`.
#[utoipa::path(
    post,
    path = "/events/metasync",
    request_body(content = Value, description = "`function`, and what its own trigger takes; or an event"),
    responses(
        (status = 200, description = "what the function answers", body = Object),
        (status = 400, description = "the event is for no function that there is"),
        (status = 409, description = "the function needs DATABASE_URL, which is not set"),
        (status = 503, description = "what the function works with is unavailable"),
    )
)]
async fn trigger(
    State(functions): State<Functions>,
    _: Admin,
    request: Request,
) -> Result<Response> {
    let (mut parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    let Json(mut event) = Json::<Value>::from_request(as_json(request), &()).await?;
    let named = event.as_object_mut().and_then(|it| it.remove("function"));
    let function = match named.as_ref().map(Value::as_str) {
        Some(Some(function)) => function,
        Some(None) => return Err(nobody("`function` is no text")),
        None if is_run(&event) => return Err(nobody("no field `function`")),
        None => "message-log",
    };
    parts.uri = address(function)?;
    parts.headers.remove(CONTENT_LENGTH);
    let event = Body::from(event.to_string());
    let answer = match functions
        .routes
        .oneshot(Request::from_parts(parts, event))
        .await
    {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let is_missing = answer.status() == StatusCode::NOT_FOUND;
    if is_missing && !functions.has_database {
        return Err(Error::Conflict(format!(
            "there is no function {function:?} here: DATABASE_URL is not set, without which there is \
             `schema-sync` alone"
        )));
    }
    if is_missing {
        return Err(nobody(&format!("no function {function:?} with a trigger")));
    }
    Ok(answer)
}

fn address(function: &str) -> Result<Uri> {
    let letters = |it: char| it.is_ascii_lowercase() || it == '-';
    let is_name = !function.is_empty() && function.chars().all(letters);
    let address = format!("/events/{function}").parse().ok();
    address
        .filter(|_| is_name)
        .ok_or_else(|| nobody("`function` is no function's name"))
}

fn nobody(reason: &str) -> Error {
    Error::Invalid(format!(
        "the event is for nobody: {reason}; send {{\"function\": \"schema-sync\"}}, or the name of \
         another function that has `POST /events/<function>`"
    ))
}
