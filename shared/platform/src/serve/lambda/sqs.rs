//! SQS batches: one trigger a record, and the queue keeps exactly those that failed.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{Failure, Function, bad_event, result_of};
use crate::serve::service::Invocation;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch {
    records: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default, rename = "eventSourceARN")]
    queue: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(rename = "MessageGroupId")]
    group: Option<String>,
}

impl Record {
    /// The group whose order must hold. Plain queues have groups too, for fairness alone.
    fn ordered_group(&self) -> Option<&str> {
        let ordered = self.queue.ends_with(".fifo");
        self.attributes.group.as_deref().filter(|_| ordered)
    }
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// One record after the other, in the order of the batch. Of a group of a FIFO queue nothing is
/// tried after its first failure, and nothing at all once the invocation's time is up.
pub(super) async fn answer(
    event: &str,
    function: &Function,
    invocation: Invocation,
) -> Result<Box<RawValue>, Failure> {
    let batch: Batch = serde_json::from_str(event).map_err(|error| bad_event(&error))?;
    let mut report = Report::default();
    let mut held_groups = HashSet::new();
    for record in batch.records {
        let group = record.ordered_group().map(str::to_owned);
        let is_held = group
            .as_ref()
            .is_some_and(|group| held_groups.contains(group));
        let is_late = invocation.deadline.is_some_and(|at| at <= Instant::now());
        let done = !is_held && !is_late && {
            let answer = function.trigger(record.body, invocation.clone()).await;
            match result_of(answer).await {
                Ok(_) => true,
                Err(Failure { error_type, .. }) => {
                    let message_id = &record.message_id;
                    tracing::warn!(message_id, error_type, "an SQS record failed");
                    false
                }
            }
        };
        if !done {
            held_groups.extend(group);
            report.batch_item_failures.push(ItemFailure {
                item_identifier: record.message_id,
            });
        }
    }
    serde_json::value::to_raw_value(&report).map_err(|error| bad_event(&error))
}
