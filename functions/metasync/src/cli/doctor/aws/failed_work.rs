//! The queues of failed work, and the attributes of queues.

use serde_json::{Value, json};

use super::{Account, deployable};
use crate::cli::doctor::report::{Outcome, Report, failed, fine};

const COUNT: &str = "ApproximateNumberOfMessages";

impl Account<'_> {
    /// Checks that the queues of failed work are empty.
    pub(super) async fn failed_work(&self, report: &mut Report) {
        let name = self.name;
        let dead_letters = deployable().map(|it| format!("{name}-{it}-dead-letters"));
        let runs = [format!("{name}-failed-runs")];
        for queue in runs.into_iter().chain(dead_letters) {
            if let Some(outcome) = self.emptiness(&queue).await {
                report.add(format!("queue {queue}"), outcome);
            }
        }
    }

    /// None if the queue doesn't exist.
    async fn emptiness(&self, queue: &str) -> Option<Outcome> {
        let region = self.region;
        let found = match self.attributes(queue, &[COUNT, "QueueArn"]).await {
            Ok(found) => found?,
            Err(detail) => {
                let remedy =
                    format!("aws sqs get-queue-url --region {region} --queue-name {queue}");
                return Some(failed(detail, remedy));
            }
        };
        let arn = found["QueueArn"].as_str().unwrap_or_default();
        // The next run does what a failed one didn't.
        let (what, remedy) = if queue.ends_with("-failed-runs") {
            let url = found["QueueUrl"].as_str().unwrap_or_default();
            (
                "runs failed; once their cause is repaired, empty the queue",
                format!("aws sqs purge-queue --region {region} --queue-url {url}"),
            )
        } else {
            (
                "messages failed; once their cause is repaired, deliver them again",
                format!("aws sqs start-message-move-task --region {region} --source-arn {arn}"),
            )
        };
        Some(match found[COUNT].as_str() {
            Some("0") => fine("empty"),
            Some(count) => failed(format!("{count} {what}"), remedy),
            None => failed("AWS doesn't return the number of messages", remedy),
        })
    }

    /// The attributes of a queue, and its `QueueUrl`. None if it doesn't exist.
    pub(super) async fn attributes(
        &self,
        queue: &str,
        names: &[&str],
    ) -> Result<Option<Value>, String> {
        let body = json!({ "QueueName": queue });
        let Some(found) = self.json("sqs", "AmazonSQS.GetQueueUrl", body).await? else {
            return Ok(None);
        };
        let url = found["QueueUrl"].clone();
        let body = json!({ "QueueUrl": url, "AttributeNames": names });
        let found = self
            .json("sqs", "AmazonSQS.GetQueueAttributes", body)
            .await?;
        Ok(found.map(|mut found| {
            let mut attributes = found["Attributes"].take();
            attributes["QueueUrl"] = url;
            attributes
        }))
    }
}
