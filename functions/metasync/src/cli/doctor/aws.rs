//! The deployment on AWS: the login, the functions, whether their secrets have values, and whether alarms reach somebody.

mod alarms;

use std::time::{Duration, SystemTime};

use axum::http::Method;
use platform::aws::{Amazon, Call};
use platform::{Env, http_client};
use serde_json::{Value, json};

use super::report::{Outcome, Report, failed, fine, skipped};
use crate::functions::FUNCTIONS;

/// The largest accepted error of the clock. AWS refuses signatures that are 5 minutes off.
const LARGEST_ERROR: Duration = Duration::from_secs(240);
pub const LOGIN: &str = "eval \"$(aws configure export-credentials --format env)\"";

struct Account<'a> {
    amazon: Amazon,
    region: &'a str,
    name: &'a str,
}

pub async fn check(env: &Env, name: &str, report: &mut Report) -> anyhow::Result<()> {
    let region = env
        .get("AWS_REGION")
        .or_else(|| env.get("AWS_DEFAULT_REGION"));
    let Some(region) = region else {
        let remedy = "export AWS_REGION=$(aws configure get region)";
        report.add("AWS region", failed("AWS_REGION is not set", remedy));
        return Ok(());
    };
    let http = http_client::build(env)?;
    let amazon = Amazon::new(env, http.clone());
    let address = amazon.address("sts", region, "amazonaws.com");
    report.check("clock", clock(&http, &address)).await;
    let account = Account {
        amazon,
        region,
        name,
    };
    let login = account.login().await;
    let is_valid = matches!(login, Outcome::Fine { .. });
    report.add("AWS login", login);
    if is_valid {
        account.functions(report).await;
    }
    Ok(())
}

/// Compares this machine's clock with that of the server at `address`.
pub async fn clock(http: &reqwest::Client, address: &str) -> Outcome {
    let answer = match http.get(address).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let remedy = format!("curl -sI {address}");
            return failed(format!("{address} can't be reached: {error}"), remedy);
        }
    };
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok());
    let date = date.and_then(|it| jiff::fmt::rfc2822::parse(it).ok());
    let Some(date) = date else {
        return skipped("the server sends no date");
    };
    let there = SystemTime::from(date.timestamp());
    let here = SystemTime::now();
    let off = here
        .duration_since(there)
        .unwrap_or_else(|error| error.duration());
    if off > LARGEST_ERROR {
        let detail = format!("it is {} s off, so signatures are refused", off.as_secs());
        return failed(detail, "sudo timedatectl set-ntp true");
    }
    fine("accurate")
}

impl Account<'_> {
    /// Returns None if the resource doesn't exist.
    async fn call(&self, call: Call<'_>) -> Result<Option<Value>, String> {
        let sent = self.amazon.send(call).await;
        let sent = sent.map_err(|error| format!("{error:#}"))?;
        let answer = sent.map_err(|error| format!("AWS can't be reached: {error}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        // SQS uses two names for it.
        let missing = ["ResourceNotFound", "QueueDoesNotExist", "NonExistentQueue"];
        if status == 404 || missing.iter().any(|name| text.contains(name)) {
            return Ok(None);
        }
        if status != 200 {
            let excerpt: String = text.chars().take(300).collect();
            return Err(format!("AWS returns {status}: {excerpt}"));
        }
        Ok(Some(
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        ))
    }

    async fn json(
        &self,
        service: &str,
        target: &str,
        body: Value,
    ) -> Result<Option<Value>, String> {
        self.call(Call {
            service,
            region: self.region,
            domain: "amazonaws.com",
            method: Method::POST,
            path: "/",
            headers: &[
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", target),
            ],
            body: body.to_string().into_bytes(),
        })
        .await
    }

    async fn login(&self) -> Outcome {
        let call = Call {
            service: "sts",
            region: self.region,
            domain: "amazonaws.com",
            method: Method::POST,
            path: "/",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("accept", "application/json"),
            ],
            body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
        };
        match self.call(call).await {
            Ok(_) => fine("valid"),
            Err(detail) => failed(detail, LOGIN),
        }
    }

    /// Checks each deployed function.
    async fn functions(&self, report: &mut Report) {
        let name = self.name;
        let mut found = 0;
        for function in deployable() {
            let path = format!("/2015-03-31/functions/{name}-{function}/configuration");
            let call = Call {
                service: "lambda",
                region: self.region,
                domain: "amazonaws.com",
                method: Method::GET,
                path: &path,
                headers: &[],
                body: Vec::new(),
            };
            let check = format!("function {function}");
            match self.call(call).await {
                Ok(None) => {}
                Ok(Some(configuration)) => {
                    found += 1;
                    report.add(&check, state(&configuration));
                    self.secrets(&configuration, report).await;
                }
                Err(detail) => {
                    found += 1;
                    let region = self.region;
                    let remedy = format!(
                        "aws lambda get-function --region {region} --function-name {name}-{function}"
                    );
                    report.add(&check, failed(detail, remedy));
                }
            }
        }
        if found == 0 {
            let detail = format!("no function {name}-... is deployed in {}", self.region);
            report.add(
                "functions",
                failed(detail, "terraform -chdir=infra/aws apply"),
            );
            return;
        }
        self.failed_work(report).await;
        self.alarms(report).await;
    }

    /// Checks that the secrets of a function have values, without which it doesn't start.
    async fn secrets(&self, configuration: &Value, report: &mut Report) {
        let variables = configuration["Environment"]["Variables"].as_object();
        for (variable, arn) in variables.into_iter().flatten() {
            let Some(arn) = arn.as_str().filter(|it| it.contains(":secretsmanager:")) else {
                continue;
            };
            let check = format!("secret {variable}");
            if report.has(&check) {
                continue;
            }
            let id = json!({ "SecretId": arn });
            let described = self.json("secretsmanager", "secretsmanager.DescribeSecret", id);
            let has_value = |it: &Value| {
                it["VersionIdsToStages"]
                    .as_object()
                    .is_some_and(|it| !it.is_empty())
            };
            let put = format!(
                "printf %s \"${variable}\" | aws secretsmanager put-secret-value --secret-id {arn} \
                 --region {} --secret-string file:///dev/stdin",
                self.region
            );
            let outcome = match described.await {
                Ok(Some(secret)) if has_value(&secret) => fine("has a value"),
                Ok(Some(_)) => failed("it has no value, so its functions don't start", put),
                Ok(None) => failed(
                    "the secret doesn't exist",
                    "terraform -chdir=infra/aws apply",
                ),
                Err(detail) => failed(detail, LOGIN),
            };
            report.add(check, outcome);
        }
    }

    /// Checks that the queues of failed work are empty.
    async fn failed_work(&self, report: &mut Report) {
        let name = self.name;
        let mut queues = vec![format!("{name}-failed-runs")];
        queues.extend(deployable().map(|it| format!("{name}-{it}-dead-letters")));
        for queue in queues {
            let found = self
                .json(
                    "sqs",
                    "AmazonSQS.GetQueueUrl",
                    json!({ "QueueName": queue }),
                )
                .await;
            let check = format!("queue {queue}");
            let url = match found {
                Ok(Some(url)) => url,
                Ok(None) => continue,
                Err(detail) => {
                    let region = self.region;
                    let remedy =
                        format!("aws sqs get-queue-url --region {region} --queue-name {queue}");
                    report.add(check, failed(detail, remedy));
                    continue;
                }
            };
            let count = json!({
                "QueueUrl": url["QueueUrl"], "AttributeNames": ["ApproximateNumberOfMessages"],
            });
            let count = self
                .json("sqs", "AmazonSQS.GetQueueAttributes", count)
                .await;
            let attribute = |it: &Value| {
                let count = &it["Attributes"]["ApproximateNumberOfMessages"];
                count.as_str().map(ToOwned::to_owned)
            };
            let address = url["QueueUrl"].as_str().unwrap_or_default();
            let region = self.region;
            let remedy = format!("aws sqs receive-message --region {region} --queue-url {address}");
            let outcome = match count.map(|it| it.as_ref().and_then(attribute)) {
                Ok(Some(count)) if count == "0" => fine("empty"),
                Ok(Some(count)) => failed(format!("{count} messages failed"), remedy),
                Ok(None) => failed("AWS doesn't return the number of messages", remedy),
                Err(detail) => failed(detail, remedy),
            };
            report.add(check, outcome);
        }
    }
}

/// The names of everything that can be deployed: each function, and all of them as one.
fn deployable() -> impl Iterator<Item = &'static str> {
    let names = FUNCTIONS.iter().map(|function| function.name);
    names.chain(["metasync"])
}

fn state(configuration: &Value) -> Outcome {
    let text = |name: &str| configuration[name].as_str().unwrap_or_default();
    let (state, update) = (text("State"), text("LastUpdateStatus"));
    if state == "Failed" || update == "Failed" {
        let reason = format!("{} {}", text("StateReason"), text("LastUpdateStatusReason"));
        return failed(reason.trim(), "terraform -chdir=infra/aws apply");
    }
    fine("deployed")
}
