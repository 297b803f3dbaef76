//! `POST /events/metasync`: the trigger of every function in one process.
//!
//! On Lambda, every event that is not HTTP is posted to `/events/<name of the binary>`. This route
//! passes it on to the function that it belongs to: the one that the field `function` names, or the one
//! whose queue it comes from.

mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use message_log::events::{LARGEST_EVENT, as_json, is_run};
use platform::extract::json::reason;
use platform::serve::lambda::sqs;
use platform::serve::{body_limit, time_limit};
use platform::{Admin, Env, Error, Json, JsonItems, Result, Router, routes};
use serde_json::Value;
use serde_json::value::RawValue;
use tower::ServiceExt as _;

use crate::functions::{DEFAULT_RECEIVER, Function, Queue};

#[derive(Clone)]
struct Dispatcher {
    functions: &'static [Function],
    /// The routes of the functions that are available.
    routes: axum::Router,
    env: Env,
}

/// The route, for these functions and their routes.
pub fn router(functions: &'static [Function], routes: Router, env: &Env) -> Router {
    let triggers = functions.iter().filter_map(|function| function.trigger);
    let longest = triggers.map(|trigger| trigger.longest_run).max();
    let dispatcher = Dispatcher {
        functions,
        routes: routes.into(),
        env: env.clone(),
    };
    Router::new()
        .routes(routes!(trigger))
        .layer(time_limit(longest.unwrap_or(Duration::ZERO)))
        .layer(body_limit(LARGEST_EVENT))
        .with_state(dispatcher)
}

/// Run a function, on a schedule or for an event of a queue.
///
/// Passes the event to `POST /events/<function>`. `{"function": "schema-sync"}` runs a sync; further
/// fields are passed on. An event from a queue or a bus needs no `function`: it goes to the function
/// whose queue it comes from (`<deployment>-<function>`), and from any other source to `message-log`.
#[utoipa::path(
    post,
    path = "/events/metasync",
    request_body(content = Value, description = "an object with `function` and the fields that its own trigger takes, or an event"),
    responses(
        (status = 200, description = "the response of the function", body = Object),
        (status = 400, description = "no function has this trigger"),
        (status = 409, description = "the function is not configured; the text names the variables that would start it"),
        (status = 422, description = "the event can't be stored and is now a dead letter"),
        (status = 503, description = "something that the function depends on is unavailable"),
    )
)]
async fn trigger(
    State(dispatcher): State<Dispatcher>,
    _: Admin,
    request: Request,
) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let request = Request::from_parts(parts.clone(), body);
    // The function checks its events one by one, so that one with a NUL character or too many levels doesn't fail
    // the others.
    let body = JsonItems::<Box<RawValue>>::from_request(as_json(request), &());
    let JsonItems(body) = body.await?;
    let parsed = serde_json::from_str(body.get());
    let is_list = body.get().starts_with('[');
    let (mut event, is_parsed) = match parsed {
        Ok(event) => (event, true),
        Err(_) if is_list => (Value::Array(Vec::new()), false),
        Err(error) => return Err(Error::Invalid(format!("the event: {}", reason(&error)))),
    };
    let function = dispatcher.receiver(&parts.headers, &mut event)?;
    if !function.is_available(&dispatcher.env) {
        return Err(Error::Conflict(function.why_not_served(&dispatcher.env)));
    }
    let queue = function.trigger.and_then(|trigger| trigger.queue);
    if queue == Some(Queue::Records) && is_sqs_batch(&event) {
        return dispatcher.post_records(function, &parts, &event).await;
    }
    let body = match is_parsed {
        true => event.to_string(),
        false => body.get().to_owned(),
    };
    Ok(dispatcher.post(function, parts, body).await)
}

impl Dispatcher {
    /// The function that the event belongs to. Takes the field `function` out of the event.
    fn receiver(&self, headers: &HeaderMap, event: &mut Value) -> Result<&'static Function> {
        let named = event.as_object_mut().and_then(|it| it.remove("function"));
        if let Some(named) = named {
            let Value::String(name) = named else {
                return Err(self.no_receiver("`function` is not a string"));
            };
            let function = self.function(&name);
            return function
                .ok_or_else(|| self.no_receiver("no function of that name has a trigger"));
        }
        if is_run(event) {
            return Err(self.no_receiver("it has no field `function`"));
        }
        let owner = source::owner(self.functions, headers, event);
        let receiver = owner.or_else(|| self.function(DEFAULT_RECEIVER));
        receiver.ok_or_else(|| self.no_receiver("it comes from no queue of a function"))
    }

    fn function(&self, name: &str) -> Option<&'static Function> {
        let mut functions = self.functions.iter();
        functions.find(|function| function.name == name && function.trigger.is_some())
    }

    fn no_receiver(&self, reason: &str) -> Error {
        let functions = self.functions.iter().filter(|it| it.trigger.is_some());
        let names: Vec<String> = functions.map(|it| format!("`{}`", it.name)).collect();
        Error::Invalid(format!(
            "the event belongs to no function: {reason}; set `function` to one of {}",
            names.join(", ")
        ))
    }

    async fn post(&self, function: &Function, mut parts: Parts, body: String) -> Response {
        let route = format!("/events/{}", function.name);
        parts.uri = route
            .parse()
            .expect("the name of a function is valid in a path");
        parts.headers.remove(CONTENT_LENGTH);
        let request = Request::from_parts(parts, Body::from(body));
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// Posts each record of a batch on its own and returns which of them failed, as Lambda does for a
    /// function of its own.
    async fn post_records(
        &self,
        function: &Function,
        parts: &Parts,
        event: &Value,
    ) -> Result<Response> {
        let mut parts = parts.clone();
        let json = HeaderValue::from_static("application/json");
        parts.headers.insert(CONTENT_TYPE, json);
        let post = |body: String| {
            let response = self.post(function, parts.clone(), body);
            async move {
                let status = response.await.status();
                let is_done = status.is_success();
                is_done.then_some(()).ok_or_else(|| status.to_string())
            }
        };
        let report = sqs::post_each(&event.to_string(), None, post).await;
        let report = report.map_err(|error| Error::Invalid(format!("the batch: {error}")))?;
        Ok(Json(report).into_response())
    }
}

fn is_sqs_batch(event: &Value) -> bool {
    let records = event.get("Records").and_then(Value::as_array);
    records.is_some_and(|records| {
        let mut sources = records.iter().map(|record| record.get("eventSource"));
        sources.all(|source| source.is_some_and(|it| it == "aws:sqs"))
    })
}
