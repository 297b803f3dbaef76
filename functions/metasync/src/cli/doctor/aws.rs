//! Who we are to AWS, what is deployed there, and whether its secrets have values.

use std::time::{Duration, SystemTime};

use axum::http::Method;
use platform::aws::{Amazon, Call};
use platform::{Env, http_client};
use serde_json::{Value, json};

use super::{Outcome, Report, failed, fine, skipped};
use crate::functions::FUNCTIONS;

/// Amazon refuses what is signed 5 minutes off.
const OFF: Duration = Duration::from_secs(240);
const LOGIN: &str = "eval \"$(aws configure export-credentials --format env)\"";

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
        let mend = "export AWS_REGION=$(aws configure get region)";
        report.add("AWS region", failed("AWS_REGION is not set", mend));
        return Ok(());
    };
    let http = http_client::build(env)?;
    let amazon = Amazon::new(env, http.clone());
    let address = amazon.address("sts", region, "amazonaws.com");
    report.look("clock", clock(&http, &address)).await;
    let account = Account {
        amazon,
        region,
        name,
    };
    let login = account.login().await;
    let is_in = matches!(login, Outcome::Fine { .. });
    report.add("AWS login", login);
    if is_in {
        account.functions(report).await;
    }
    Ok(())
}

/// Whether this machine's clock is that of the server at `address`.
pub async fn clock(http: &reqwest::Client, address: &str) -> Outcome {
    let answer = match http.get(address).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let mend = format!("curl -sI {address}");
            return failed(format!("{address} can't be reached: {error}"), mend);
        }
    };
    let date = answer.headers().get("date").and_then(|it| it.to_str().ok());
    let date = date.and_then(|it| jiff::fmt::rfc2822::parse(it).ok());
    let Some(date) = date else {
        return skipped("nobody tells the time");
    };
    let there = SystemTime::from(date.timestamp());
    let here = SystemTime::now();
    let off = here
        .duration_since(there)
        .unwrap_or_else(|error| error.duration());
    if off > OFF {
        let detail = format!(
            "it is {} s off, and what it signs is refused",
            off.as_secs()
        );
        return failed(detail, "sudo timedatectl set-ntp true");
    }
    fine("right")
}

impl Account<'_> {
    /// None for what is not there.
    async fn ask(&self, call: Call<'_>) -> Result<Option<Value>, String> {
        let sent = self.amazon.send(call).await;
        let sent = sent.map_err(|error| format!("{error:#}"))?;
        let answer = sent.map_err(|error| format!("AWS can't be reached: {error}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        // SQS has had two names for it.
        let missing = ["ResourceNotFound", "QueueDoesNotExist", "NonExistentQueue"];
        if status == 404 || missing.iter().any(|name| text.contains(name)) {
            return Ok(None);
        }
        if status != 200 {
            let words: String = text.chars().take(300).collect();
            return Err(format!("AWS answers {status}: {words}"));
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
        self.ask(Call {
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
        match self.ask(call).await {
            Ok(_) => fine("valid"),
            Err(detail) => failed(detail, LOGIN),
        }
    }

    /// What is deployed: each function of the catalogue, or all of them as one.
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
            match self.ask(call).await {
                Ok(None) => {}
                Ok(Some(configuration)) => {
                    found += 1;
                    report.add(&check, state(&configuration));
                    self.secrets(&configuration, report).await;
                }
                Err(detail) => {
                    found += 1;
                    let region = self.region;
                    let mend = format!(
                        "aws lambda get-function --region {region} --function-name {name}-{function}"
                    );
                    report.add(&check, failed(detail, mend));
                }
            }
        }
        if found == 0 {
            let detail = format!("none is deployed as {name}-... in {}", self.region);
            report.add(
                "functions",
                failed(detail, "terraform -chdir=infra/aws apply"),
            );
            return;
        }
        self.given_up(report).await;
    }

    /// A function does not start before each secret that it reads has a value.
    async fn secrets(&self, configuration: &Value, report: &mut Report) {
        let variables = configuration["Environment"]["Variables"].as_object();
        for (variable, arn) in variables.into_iter().flatten() {
            let Some(arn) = arn.as_str().filter(|it| it.contains(":secretsmanager:")) else {
                continue;
            };
            let check = format!("secret {variable}");
            if report.0.iter().any(|known| known.check == check) {
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
                Ok(Some(_)) => failed("it has no value, so that its functions do not start", put),
                Ok(None) => failed(
                    "there is no such secret",
                    "terraform -chdir=infra/aws apply",
                ),
                Err(detail) => failed(detail, LOGIN),
            };
            report.add(check, outcome);
        }
    }

    /// Work that failed again and again waits for somebody to look at it.
    async fn given_up(&self, report: &mut Report) {
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
                    let mend =
                        format!("aws sqs get-queue-url --region {region} --queue-name {queue}");
                    report.add(check, failed(detail, mend));
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
            let mend = format!("aws sqs receive-message --region {region} --queue-url {address}");
            let outcome = match count.map(|it| it.as_ref().and_then(attribute)) {
                Ok(Some(count)) if count == "0" => fine("empty"),
                Ok(Some(count)) => failed(format!("{count} were given up"), mend),
                Ok(None) => failed("AWS does not tell how many were given up", mend),
                Err(detail) => failed(detail, mend),
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
