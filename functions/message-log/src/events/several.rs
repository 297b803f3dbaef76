//! Several events in one request: which of them have to come again, in the way that their source
//! understands.
//!
//! A record of a queue or stream that failed is named in `batchItemFailures`. Where the source takes
//! no such answer (SNS, Kafka, a batch of CloudEvents), the request fails if any of them is kept
//! nowhere, neither as a row nor as a dead letter; it comes again as a whole then, and what was
//! stored is a repeat.

use std::collections::HashSet;
use std::slice;

use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use shared::{Caller, Error, Json, Result};
use utoipa::ToSchema;

use super::{Delivery, Report};
use crate::log::{Log, Stored};
use crate::post::Receipt;

/// As Lambda's event sources read it.
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

/// What became of each, in their order.
#[derive(Serialize, ToSchema)]
struct Kept {
    items: Vec<KeptItem>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum KeptItem {
    Stored(Receipt),
    /// It is a dead letter, for this reason.
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
    let is_unnamed = |it: &Delivery| matches!(it.report, Report::None);
    let mut pairs = deliveries.iter().zip(&outcomes);
    if let Some(lost) = pairs.position(|(it, outcome)| is_unnamed(it) && !is_kept(outcome)) {
        return Err(outcomes.swap_remove(lost).expect_err("it is not kept"));
    }
    if deliveries.iter().all(is_unnamed) {
        let items = outcomes.into_iter().map(KeptItem::from).collect();
        return Ok(Json(Kept { items }).into_response());
    }
    Ok(Json(BatchReport::of(&deliveries, &outcomes)).into_response())
}

/// One after the other, and of a group none after one that may still succeed. What never can is a
/// dead letter: it holds up nothing, since those after it would go the way to the queue's dead letter
/// together with it.
async fn store_in_order(
    log: &Log,
    caller: &Caller,
    deliveries: &[Delivery],
) -> Vec<Result<Stored>> {
    let mut held: HashSet<&str> = HashSet::new();
    let mut outcomes = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let group = delivery.group.as_deref();
        if group.is_some_and(|group| held.contains(group)) {
            let detail = "an earlier message of its group was not stored".to_owned();
            outcomes.push(Err(Error::Unavailable {
                detail,
                cause: None,
            }));
            continue;
        }
        let outcome = super::store(log, caller, slice::from_ref(delivery)).await;
        if !outcome.iter().all(is_kept) {
            held.extend(group);
        }
        outcomes.extend(outcome);
    }
    outcomes
}

/// As a row, or as a dead letter.
fn is_kept(outcome: &Result<Stored>) -> bool {
    !matches!(outcome, Err(Error::Unavailable { .. } | Error::Internal(_)))
}

impl BatchReport {
    /// A queue has a dead letter of its own for what failed for good. A stream has none, and would
    /// deliver that and all after it until they are too old, so that it hears of the others alone.
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

impl From<Result<Stored>> for KeptItem {
    fn from(outcome: Result<Stored>) -> Self {
        match outcome {
            Ok(stored) => Self::Stored(stored.into()),
            Err(reason) => Self::DeadLetter {
                detail: reason.to_string(),
            },
        }
    }
}
