//! Whether what runs on AWS is what the catalogue says: memory, time limits, variables, concurrency, queues and
//! schedules.

use axum::http::Method;
use serde_json::{Value, json};

use super::{APPLY, Account, Deployed, EDIT};
use crate::catalogue::{Function, Queue, Schedule};
use crate::cli::doctor::difference::{Differences, unset};
use crate::cli::doctor::report::{Report, failed, fine};

impl Account<'_> {
    /// Compares a function, its queues and its schedules with the catalogue.
    pub(super) async fn compare(&self, deployed: &Deployed<'_>, report: &mut Report) {
        let check = format!("configuration {}", deployed.name);
        let mut differences = Differences::default();
        self.settings(deployed, &mut differences);
        let compared = self.attached(deployed, &mut differences).await;
        let missing = unset(deployed.name, |name| {
            deployed.variables().any(|(variable, _)| variable == name)
        });
        let outcome = match (compared, missing) {
            (Err(detail), _) => failed(detail, self.show(deployed.name)),
            (Ok(()), None) if differences.is_empty() => fine("as in the catalogue"),
            (Ok(()), None) => failed(differences.text(), APPLY),
            (Ok(()), Some(missing)) => {
                differences.add(missing);
                failed(differences.text(), EDIT)
            }
        };
        report.add(check, outcome);
    }

    /// What `GetFunctionConfiguration` returns.
    fn settings(&self, deployed: &Deployed<'_>, differences: &mut Differences) {
        let (is, expected) = (&deployed.configuration, &deployed.expected);
        differences.compare("memory in MB", &is["MemorySize"], expected.memory_mb);
        differences.compare("timeout in s", &is["Timeout"], expected.timeout_seconds);
        let bucket = expected.uses.bucket.is_used();
        let bucket = bucket.then(|| format!("s3://{}", self.bucket()));
        let found = &is["Environment"]["Variables"]["BUCKET_URL"];
        if self.identity.account().is_some() && found.as_str() != bucket.as_deref() {
            differences.compare("BUCKET_URL", found, bucket);
        }
        for (variable, value) in deployed
            .variables()
            .filter(|(name, _)| *name != "BUCKET_URL")
        {
            let secret = format!(":secret:{}/{variable}-", self.name);
            if !expected.reads.contains(variable) && !is_added_by_hand(variable) {
                differences.add(format!(
                    "{variable} is set, and the function doesn't read it"
                ));
            } else if value.contains(":secretsmanager:") && !value.contains(&secret) {
                differences.add(format!(
                    "{variable} refers to the secret of another deployment"
                ));
            }
        }
    }

    /// What belongs to a function, and is not a part of it.
    async fn attached(
        &self,
        deployed: &Deployed<'_>,
        differences: &mut Differences,
    ) -> Result<(), String> {
        let (name, expected) = (deployed.name, &deployed.expected);
        self.concurrency(name, expected, differences).await?;
        self.retries(name, expected, differences).await?;
        self.mappings(deployed, differences).await?;
        for (owner, queue) in &expected.queues {
            self.queue(owner, queue, expected, differences).await?;
        }
        for (schedule, when) in &expected.schedules {
            self.schedule(name, schedule, when, differences).await?;
        }
        Ok(())
    }

    /// Reservations are optional. One that differs was set by hand: 0 stops the function.
    async fn concurrency(
        &self,
        name: &str,
        expected: &Function,
        differences: &mut Differences,
    ) -> Result<(), String> {
        let path = format!("/2019-09-30/functions/{}-{name}/concurrency", self.name);
        let found = self.read("lambda", &path).await?.unwrap_or_default();
        let reserved = &found["ReservedConcurrentExecutions"];
        if !reserved.is_null() {
            let instances = expected.concurrency.instances;
            differences.compare("reserved concurrency", reserved, instances);
        }
        Ok(())
    }

    async fn retries(
        &self,
        name: &str,
        expected: &Function,
        differences: &mut Differences,
    ) -> Result<(), String> {
        if expected.schedules.is_empty() {
            return Ok(());
        }
        let path = format!(
            "/2019-09-25/functions/{}-{name}/event-invoke-config",
            self.name
        );
        let found = self.read("lambda", &path).await?.unwrap_or_default();
        let (is, kept) = (&found["MaximumRetryAttempts"], &found["DestinationConfig"]);
        differences.compare("retries of failed runs", is, 2);
        let failed = kept["OnFailure"]["Destination"].as_str();
        let queue = format!(":{}-failed-runs", self.name);
        if !failed.is_some_and(|arn| arn.ends_with(&queue)) {
            differences.add("failed runs are not kept in their queue".to_owned());
        }
        Ok(())
    }

    async fn mappings(
        &self,
        deployed: &Deployed<'_>,
        differences: &mut Differences,
    ) -> Result<(), String> {
        let expected = deployed.expected;
        // AWS accepts a name as well. moto compares with what the mapping was created with.
        let name = format!("{}-{}", self.name, deployed.name);
        let arn = deployed.configuration["FunctionArn"].as_str();
        let arn = arn.unwrap_or(&name);
        let path = format!("/2015-03-31/event-source-mappings/?FunctionName={arn}");
        let found = self.read("lambda", &path).await?.unwrap_or_default();
        let mappings = found["EventSourceMappings"].as_array();
        let mappings = mappings.map(Vec::as_slice).unwrap_or_default();
        for (owner, queue) in &expected.queues {
            let source = format!(":{}-{owner}", self.name);
            let is_of_queue = |it: &&Value| {
                let arn = it["EventSourceArn"].as_str();
                arn.is_some_and(|arn| arn.ends_with(&source))
            };
            let Some(mapping) = mappings.iter().find(is_of_queue) else {
                differences.add(format!("the queue {owner} is not mapped to it"));
                continue;
            };
            if !["Enabled", "Enabling", "Creating", "Updating"]
                .iter()
                .any(|state| mapping["State"] == *state)
            {
                differences.compare(
                    &format!("state of the mapping of the queue {owner}"),
                    &mapping["State"],
                    "Enabled",
                );
            }
            let of = |what: &str| format!("{what} of the queue {owner}");
            differences.compare(&of("batch size"), &mapping["BatchSize"], queue.batch);
            differences.compare(
                &of("responses"),
                &mapping["FunctionResponseTypes"],
                json!(["ReportBatchItemFailures"]),
            );
            differences.compare(
                &of("largest concurrency"),
                &mapping["ScalingConfig"]["MaximumConcurrency"],
                expected.concurrency.instances,
            );
        }
        Ok(())
    }

    async fn queue(
        &self,
        owner: &str,
        queue: &Queue,
        consumer: &Function,
        differences: &mut Differences,
    ) -> Result<(), String> {
        let name = format!("{}-{owner}", self.name);
        let found = self
            .attributes(&name, &["RedrivePolicy", "VisibilityTimeout"])
            .await?;
        let Some(found) = found else {
            differences.add(format!("the queue {name} doesn't exist"));
            return Ok(());
        };
        let number = |value: &Value| -> Value {
            let text = value.as_str().and_then(|text| text.parse::<u32>().ok());
            text.map_or_else(|| value.clone(), Value::from)
        };
        let redrive = found["RedrivePolicy"].as_str().unwrap_or_default();
        let redrive: Value = serde_json::from_str(redrive).unwrap_or_default();
        let of = |what: &str| format!("{what} of the queue {owner}");
        differences.compare(
            &of("deliveries"),
            &number(&redrive["maxReceiveCount"]),
            queue.receives,
        );
        let dead = redrive["deadLetterTargetArn"].as_str();
        if !dead.is_some_and(|arn| arn.ends_with(&format!(":{name}-dead-letters"))) {
            differences.add(format!("the queue {owner} keeps no dead letters"));
        }
        differences.compare(
            &of("visibility timeout in s"),
            &number(&found["VisibilityTimeout"]),
            (6 * consumer.timeout_seconds).min(43_200),
        );
        Ok(())
    }

    async fn schedule(
        &self,
        function: &str,
        schedule: &str,
        when: &Schedule,
        differences: &mut Differences,
    ) -> Result<(), String> {
        let path = format!("/schedules/{}-{function}-{schedule}", self.name);
        let Some(found) = self.read("scheduler", &path).await? else {
            differences.add(format!("the schedule {schedule} doesn't exist"));
            return Ok(());
        };
        let of = |what: &str| format!("{what} of the schedule {schedule}");
        differences.compare(&of("state"), &found["State"], "ENABLED");
        differences.compare(&of("times"), &found["ScheduleExpression"], when.on_aws());
        let target = &found["Target"];
        let input = target["Input"].as_str().unwrap_or_default();
        let input: Value = serde_json::from_str(input).unwrap_or_default();
        differences.compare(&of("input"), &input, when.input.clone());
        let arn = target["Arn"].as_str().unwrap_or_default();
        if !arn.ends_with(&format!(":function:{}-{function}", self.name)) {
            differences.add(format!("the schedule {schedule} runs {arn}"));
        }
        Ok(())
    }

    async fn read(&self, service: &str, path: &str) -> Result<Option<Value>, String> {
        self.call(self.request(service, Method::GET, path)).await
    }

    fn bucket(&self) -> String {
        let account = self.identity.account().unwrap_or_default();
        format!("{}-{account}-{}", self.name, self.region)
    }
}

/// Variables that the documentation lets operators add to a function.
fn is_added_by_hand(variable: &str) -> bool {
    let proxies = ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "TMPDIR"];
    variable.starts_with("GOOGLE_") || variable.starts_with("AWS_") || proxies.contains(&variable)
}
