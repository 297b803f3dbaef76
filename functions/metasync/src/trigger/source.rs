//! The function that an event belongs to, by the queue that it comes from.
//!
//! Terraform names the queue of a function `<deployment>-<function>`: on AWS an SQS queue, on Google
//! Cloud a topic and its push subscription.

use axum::http::HeaderMap;
use serde_json::Value;

use crate::functions::Function;

/// The function whose queue the event comes from. None if the source is no queue of these functions,
/// or if the records of a batch come from several.
pub fn owner<'a>(
    functions: &'a [Function],
    headers: &HeaderMap,
    event: &Value,
) -> Option<&'a Function> {
    let queue = of_headers(headers).or_else(|| of_event(event))?;
    // The last part of `arn:aws:sqs:<region>:<account>:<queue>` and of `projects/<project>/topics/<topic>`.
    let name = queue.rsplit([':', '/']).next()?;
    let name = name.strip_suffix(".fifo").unwrap_or(name);
    let has_queue = |it: &&Function| it.trigger.is_some_and(|trigger| trigger.queue.is_some());
    let is_owner = |it: &&Function| {
        let deployment = name.strip_suffix(it.name);
        deployment.is_some_and(|deployment| deployment.is_empty() || deployment.ends_with('-'))
    };
    let owners = functions.iter().filter(has_queue).filter(is_owner);
    // With functions `run` and `agent-run`, the queue `metasync-agent-run` belongs to the latter.
    owners.max_by_key(|it| it.name.len())
}

/// Sources that put their name into a header: unwrapped Pub/Sub pushes, and CloudEvents in binary mode.
fn of_headers(headers: &HeaderMap) -> Option<&str> {
    let names = ["x-goog-pubsub-subscription-name", "ce-source"];
    let mut values = names.iter().filter_map(|name| headers.get(*name));
    values.find_map(|value| value.to_str().ok())
}

fn of_event(event: &Value) -> Option<&str> {
    let events = match event {
        Value::Array(events) => Some(events),
        Value::Object(event) => event.get("Records").and_then(Value::as_array),
        _ => None,
    };
    let Some(events) = events else {
        return of_one(event);
    };
    let mut queues = events.iter().map(of_one);
    let first = queues.next()??;
    queues.all(|queue| queue == Some(first)).then_some(first)
}

/// The source of one record of a Lambda event, one Pub/Sub push or one CloudEvent.
fn of_one(event: &Value) -> Option<&str> {
    let names = ["eventSourceARN", "eventSourceArn", "subscription", "source"];
    let mut values = names.iter().filter_map(|name| event.get(name));
    values.find_map(Value::as_str)
}
