//! SQS batches: one request per record, and a report of the records that failed, which the queue then
//! delivers again.

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
    /// The group whose order must be kept. Groups of standard queues don't order records.
    fn ordered_group(&self) -> Option<&str> {
        let ordered = self.queue.ends_with(".fifo");
        self.attributes.group.as_deref().filter(|_| ordered)
    }
}

/// Lambda's format for partial failures of a batch.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

pub(super) async fn respond(
    event: &str,
    function: &Function,
    invocation: Invocation,
) -> Result<Box<RawValue>, Failure> {
    let deadline = invocation.deadline;
    let post = |body: String| {
        let response = function.trigger(body, invocation.clone());
        async move {
            let result = result_of(response.await).await;
            result.map(drop).map_err(|failure| failure.error_type)
        }
    };
    let report = post_each(event, deadline, post).await;
    let report = report.map_err(|error| bad_event(&error))?;
    serde_json::value::to_raw_value(&report).map_err(|error| bad_event(&error))
}

/// Posts the body of each record of an SQS batch, one after another, and reports the records that
/// failed. `post` returns the reason of a failure, which is logged.
///
/// After the first failure in a group of a FIFO queue, the rest of the group is not posted. Nothing is
/// posted after `deadline`. Records that are not posted are reported as failed.
///
/// # Errors
/// If the event is not an SQS batch.
pub async fn post_each<F: Future<Output = Result<(), String>>>(
    event: &str,
    deadline: Option<Instant>,
    post: impl Fn(String) -> F,
) -> serde_json::Result<Report> {
    let batch: Batch = serde_json::from_str(event)?;
    let mut report = Report::default();
    let mut held_groups = HashSet::new();
    for record in batch.records {
        let group = record.ordered_group().map(str::to_owned);
        let is_held = group
            .as_ref()
            .is_some_and(|group| held_groups.contains(group));
        let is_late = deadline.is_some_and(|at| at <= Instant::now());
        let done = !is_held && !is_late && {
            match post(record.body).await {
                Ok(()) => true,
                Err(reason) => {
                    let message_id = &record.message_id;
                    tracing::warn!(message_id, reason, "an SQS record failed");
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
    Ok(report)
}
