//! Lists of events in one request, with a response that names the events to deliver again.
//!
//! For queues and streams, `batchItemFailures` names the failed records. Other sources (SNS, Kafka, batches of
//! CloudEvents) accept no partial response, so the request fails if an event could neither be stored nor become a dead
//! letter. The source then delivers all events again, and those that were stored are repeats.

use std::collections::HashSet;
use std::slice;

use axum::response::{IntoResponse as _, Response};
use platform::{Caller, Error, Json, Result};
use serde::Serialize;
use utoipa::ToSchema;

use super::delivery::{Delivery, Report};
use crate::log::{Log, Stored};

/// Lambda's format of partial failures.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BatchReport {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// One outcome per event, in the same order.
#[derive(Serialize, ToSchema)]
struct EventReceipts {
    items: Vec<EventReceipt>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum EventReceipt {
    Stored(Stored),
    /// The event is now a dead letter; `detail` is the reason.
    DeadLetter {
        detail: String,
    },
}

pub(super) async fn store(
    log: &Log,
    caller: &Caller,
    deliveries: Vec<Delivery>,
) -> Result<Response> {
    let is_ordered = deliveries.iter().any(|delivery| delivery.group.is_some());
    let mut outcomes = if is_ordered {
        store_in_order(log, caller, &deliveries).await
    } else {
        super::store(log, caller, &deliveries).await
    };
    let is_down = |it: &Result<Stored>| matches!(it, Err(Error::Unavailable { .. }));
    if outcomes.iter().all(is_down) {
        return Err(outcomes.swap_remove(0).expect_err("all failed"));
    }
    let fails_request = |it: &Delivery| matches!(it.report, Report::Request);
    let mut pairs = deliveries.iter().zip(&outcomes);
    if let Some(lost) = pairs.position(|(it, outcome)| fails_request(it) && !is_kept(outcome)) {
        return Err(outcomes.swap_remove(lost).expect_err("it is lost"));
    }
    if deliveries.iter().all(fails_request) {
        let items = outcomes.into_iter().map(EventReceipt::from).collect();
        return Ok(Json(EventReceipts { items }).into_response());
    }
    Ok(Json(BatchReport::of(&deliveries, &outcomes)).into_response())
}

/// Stores one event after the other. If an event fails that may succeed later, the rest of its group fails too. A dead
/// letter doesn't block its group: the events after it would only follow it into the queue's own dead letter queue.
async fn store_in_order(
    log: &Log,
    caller: &Caller,
    deliveries: &[Delivery],
) -> Vec<Result<Stored>> {
    let mut blocked: HashSet<&str> = HashSet::new();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let group = delivery.group.as_deref();
        if group.is_some_and(|group| blocked.contains(group)) {
            let detail = "an earlier message of its group was not stored".to_owned();
            outcomes.push(Err(Error::Unavailable {
                detail,
                cause: None,
            }));
            continue;
        }
        let outcome = super::store(log, caller, slice::from_ref(delivery)).await;
        if !outcome.iter().all(is_kept) {
            blocked.extend(group);
        }
        outcomes.extend(outcome);
    }
    outcomes
}

/// Whether the event is stored or a dead letter.
fn is_kept(outcome: &Result<Stored>) -> bool {
    !matches!(outcome, Err(Error::Unavailable { .. } | Error::Internal(_)))
}

impl BatchReport {
    /// A queue moves records that keep failing to its dead letter queue, so dead letters are reported as failures. A
    /// stream would deliver a failing record and all records after it until they expire, so its dead letters are not
    /// reported.
    fn of(deliveries: &[Delivery], outcomes: &[Result<Stored>]) -> Self {
        let mut failed = HashSet::new();
        let mut report = Self::default();
        for (delivery, outcome) in deliveries.iter().zip(outcomes) {
            if let Err(Error::Internal(cause)) = outcome {
                tracing::error!(cause = format!("{cause:#}"), "a delivery failed");
            }
            let item = match &delivery.report {
                Report::Message(item) if outcome.is_err() => item,
                Report::Sequence(item) if !is_kept(outcome) => item,
                _ => continue,
            };
            if failed.insert(item) {
                let item_identifier = item.clone();
                report
                    .batch_item_failures
                    .push(ItemFailure { item_identifier });
            }
        }
        report
    }
}

impl From<Result<Stored>> for EventReceipt {
    fn from(outcome: Result<Stored>) -> Self {
        match outcome {
            Ok(stored) => Self::Stored(stored),
            Err(reason) => Self::DeadLetter {
                detail: reason.to_string(),
            },
        }
    }
}
