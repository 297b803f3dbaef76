//! The deployment on AWS: the login and its rights, the functions, their secrets and queues, and whether alarms reach
//! somebody.

mod alarms;
mod deployment;
mod failed_work;
mod identity;
mod needed;
mod permissions;
mod readiness;
mod secrets;

use std::time::{Duration, SystemTime};

use axum::http::Method;
use platform::aws::{Amazon, Call};
use platform::{Env, http_client};
use reqwest::Url;
use serde_json::Value;

use super::report::{Outcome, Report, failed, fine, skipped};
use crate::catalogue::{self, Function};
use identity::Identity;

/// The largest accepted error of the clock. AWS refuses signatures that are 5 minutes off.
const LARGEST_ERROR: Duration = Duration::from_secs(240);
pub const LOGIN: &str = "eval \"$(aws configure export-credentials --format env)\"";

/// Repairs what differs from the catalogue, and creates what doesn't exist.
const APPLY: &str = "terraform -chdir=infra/aws apply";
/// The same, after somebody has set what is missing.
const EDIT: &str = "${EDITOR:-vi} infra/aws/terraform.tfvars && terraform -chdir=infra/aws apply";

struct Account<'a> {
    env: &'a Env,
    amazon: Amazon,
    region: &'a str,
    name: &'a str,
    identity: Identity,
}

/// A function that is deployed.
struct Deployed<'a> {
    name: &'a str,
    expected: &'a Function,
    /// What `GetFunctionConfiguration` returns.
    configuration: Value,
}

impl Deployed<'_> {
    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.configuration["Environment"]["Variables"].as_object();
        let variables = variables.into_iter().flatten();
        variables.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
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
    let identity = Identity::unknown(region);
    let address = amazon.address("sts", region, identity.domain());
    report.check("clock", clock(&http, &address)).await;
    let mut account = Account {
        env,
        amazon,
        region,
        name,
        identity,
    };
    match account.login().await {
        Ok(identity) => {
            account.identity = identity;
            report.add("AWS login", fine("valid"));
            account.permissions(report).await;
            account.functions(report).await;
        }
        Err(outcome) => report.add("AWS login", outcome),
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

    /// A call without headers and body.
    fn request<'b>(&'b self, service: &'b str, method: Method, path: &'b str) -> Call<'b> {
        Call {
            service,
            region: self.region,
            domain: self.identity.domain(),
            method,
            path,
            headers: &[],
            body: Vec::new(),
        }
    }

    async fn json(
        &self,
        service: &str,
        target: &str,
        body: Value,
    ) -> Result<Option<Value>, String> {
        self.call(Call {
            headers: &[
                ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", target),
            ],
            body: body.to_string().into_bytes(),
            ..self.request(service, Method::POST, "/")
        })
        .await
    }

    /// A call of a service with a query API, which returns JSON on request.
    async fn query(
        &self,
        service: &str,
        region: &str,
        form: &[(String, String)],
    ) -> Result<Option<Value>, String> {
        let encoded = Url::parse_with_params("http://localhost", form);
        let encoded = encoded.map_err(|error| error.to_string())?;
        self.call(Call {
            region,
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("accept", "application/json"),
            ],
            body: encoded.query().unwrap_or_default().into(),
            ..self.request(service, Method::POST, "/")
        })
        .await
    }

    async fn login(&self) -> Result<Identity, Outcome> {
        let form = [
            ("Action", "GetCallerIdentity"),
            ("Version", "2011-06-15"),
            // moto reads this one, AWS the header.
            ("ContentType", "JSON"),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
        match self.query("sts", self.region, &form).await {
            Ok(found) => Ok(Identity::of(self.region, &found.unwrap_or_default())),
            Err(detail) => Err(failed(detail, LOGIN)),
        }
    }

    /// Checks each deployed function.
    async fn functions(&self, report: &mut Report) {
        let (name, region) = (self.name, self.region);
        let catalogue = catalogue::functions();
        let mut deployed = Vec::new();
        let mut found = 0;
        for (function, expected) in &catalogue {
            let path = format!("/2015-03-31/functions/{name}-{function}/configuration");
            let check = format!("function {function}");
            match self.call(self.request("lambda", Method::GET, &path)).await {
                Ok(None) => continue,
                Ok(Some(configuration)) => {
                    report.add(&check, state(&configuration));
                    deployed.push(Deployed {
                        name: function,
                        expected,
                        configuration,
                    });
                }
                Err(detail) => report.add(&check, failed(detail, self.show(function))),
            }
            found += 1;
        }
        if found == 0 {
            let detail = format!("no function {name}-... is deployed in {region}");
            report.add("functions", failed(detail, APPLY));
            return;
        }
        for function in &deployed {
            self.compare(function, report).await;
        }
        for function in &deployed {
            self.secrets(function, report).await;
        }
        let called = deployed.iter().map(|it| self.readiness(it.name));
        let called = futures::future::join_all(called).await;
        for (function, outcome) in deployed.iter().zip(called) {
            report.add(format!("readiness {}", function.name), outcome);
        }
        self.failed_work(report).await;
        self.alarms(&deployed, report).await;
    }

    /// The command that shows a function.
    fn show(&self, function: &str) -> String {
        let (name, region) = (self.name, self.region);
        format!("aws lambda get-function --region {region} --function-name {name}-{function}")
    }
}

/// The names of everything that can be deployed: each function, and all of them as one.
fn deployable() -> impl Iterator<Item = String> {
    catalogue::functions().into_keys()
}

fn state(configuration: &Value) -> Outcome {
    let text = |name: &str| configuration[name].as_str().unwrap_or_default();
    let (state, update) = (text("State"), text("LastUpdateStatus"));
    if state == "Failed" || update == "Failed" {
        let reason = format!("{} {}", text("StateReason"), text("LastUpdateStatusReason"));
        return failed(reason.trim(), APPLY);
    }
    fine("deployed")
}
