//! Whether what runs on Google Cloud is what the catalogue says: the services, their queues and their schedules; and
//! whether each service can do its work.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{APPLY, EDIT, Project};
use crate::catalogue::{Function, Queue, Schedule};
use crate::cli::doctor::difference::{Differences, unset};
use crate::cli::doctor::readiness::{Remedies, outcome};
use crate::cli::doctor::report::{Outcome, Report, failed, fine, skipped};

/// The ingress of a service behind a load balancer.
const INTERNAL: &str = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER";

/// A service that is deployed.
pub(super) struct Service<'a> {
    pub(super) function: &'a str,
    pub(super) expected: &'a Function,
    /// The prefix of the deployment's names.
    name: &'a str,
    region: String,
    /// As version 2 of the API returns it.
    is: Value,
}

impl Service<'_> {
    fn uri(&self) -> &str {
        self.is["uri"].as_str().unwrap_or_default()
    }

    fn container(&self) -> &Value {
        &self.is["template"]["containers"][0]
    }

    fn variables(&self) -> impl Iterator<Item = (&str, &Value)> {
        let env = self.container()["env"].as_array().into_iter().flatten();
        env.filter_map(|it| Some((it["name"].as_str()?, it)))
    }

    /// The variables that refer to a secret, and the secret's name.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables().filter_map(|(variable, is)| {
            let secret = is["valueSource"]["secretKeyRef"]["secret"].as_str()?;
            Some((variable, secret.rsplit('/').next().unwrap_or_default()))
        })
    }

    /// The audience of the tokens of its triggers.
    fn audience(&self) -> String {
        format!("{}-{}.events", self.name, self.function)
    }

    fn caller(&self, project: &str) -> String {
        let (name, function) = (self.name, self.function);
        format!("{name}-{function}-call@{project}.iam.gserviceaccount.com")
    }
}

impl Project<'_> {
    /// The services of a deployment. None if they can't be listed, which the report says then.
    pub(super) async fn deployed<'b>(
        &self,
        name: &'b str,
        catalogue: &'b BTreeMap<String, Function>,
        report: &mut Report,
    ) -> Option<Vec<Service<'b>>> {
        // Without a region in the host, this lists the services of all regions.
        let path = format!(
            "/apis/serving.knative.dev/v1/namespaces/{}/services",
            self.id
        );
        let listed = match self.call("run", &path, None).await {
            Ok(listed) => listed,
            Err(outcome) => {
                report.add("services", outcome);
                return None;
            }
        };
        let mut deployed = Vec::new();
        for item in listed["items"].as_array().into_iter().flatten() {
            let metadata = &item["metadata"];
            let called = metadata["name"].as_str().unwrap_or_default();
            let function = called.strip_prefix(&format!("{name}-"));
            let Some((function, expected)) =
                function.and_then(|function| catalogue.get_key_value(function))
            else {
                continue;
            };
            let region = &metadata["labels"]["cloud.googleapis.com/location"];
            let region = region.as_str().unwrap_or_default().to_owned();
            let path = format!(
                "/v2/projects/{}/locations/{region}/services/{called}",
                self.id
            );
            match self.call("run", &path, None).await {
                Ok(is) => deployed.push(Service {
                    function,
                    expected,
                    name,
                    region,
                    is,
                }),
                Err(outcome) => report.add(format!("service {function}"), outcome),
            }
        }
        if deployed.is_empty() {
            let detail = format!("no service {name}-... is deployed in {}", self.id);
            report.add("services", failed(detail, APPLY));
        }
        deployed.sort_by_key(|service| service.function);
        Some(deployed)
    }

    pub(super) async fn services(&self, deployed: &[Service<'_>], report: &mut Report) {
        for service in deployed {
            report.add(format!("service {}", service.function), state(&service.is));
            self.compare(service, report).await;
        }
        let called = deployed.iter().map(|it| self.readiness(it));
        let called = futures::future::join_all(called).await;
        for (service, outcome) in deployed.iter().zip(called) {
            report.add(format!("readiness {}", service.function), outcome);
        }
    }

    async fn compare(&self, service: &Service<'_>, report: &mut Report) {
        let check = format!("configuration {}", service.function);
        let mut differences = Differences::default();
        settings(service, &mut differences);
        self.environment(service, &mut differences);
        for (owner, queue) in &service.expected.queues {
            if let Err(outcome) = self.queue(service, owner, queue, &mut differences).await {
                return report.add(check, outcome);
            }
        }
        for (schedule, when) in &service.expected.schedules {
            let compared = self.schedule(service, schedule, when, &mut differences);
            if let Err(outcome) = compared.await {
                return report.add(check, outcome);
            }
        }
        let missing = unset(service.function, |name| {
            service.variables().any(|(variable, _)| variable == name)
        });
        report.add(
            check,
            match missing {
                None if differences.is_empty() => fine("as in the catalogue"),
                None => failed(differences.text(), APPLY),
                Some(missing) => {
                    differences.add(missing);
                    failed(differences.text(), EDIT)
                }
            },
        );
    }

    fn environment(&self, service: &Service<'_>, differences: &mut Differences) {
        let expected = service.expected;
        let triggered = !expected.schedules.is_empty() || !expected.queues.is_empty();
        let bucket = format!("gs://{}-{}", self.id, service.name);
        let fixed = [
            ("GOOGLE_CLOUD_PROJECT", Some(self.id.to_owned())),
            (
                "BUCKET_URL",
                expected.uses.bucket.is_used().then_some(bucket),
            ),
            (
                "AUTH_TRIGGER_ACCOUNT",
                triggered.then(|| service.caller(self.id)),
            ),
            (
                "AUTH_TRIGGER_AUDIENCE",
                triggered.then(|| service.audience()),
            ),
        ];
        for (variable, value) in &fixed {
            let found = service.variables().find(|(name, _)| name == variable);
            let found = found.map(|(_, it)| it["value"].clone());
            differences.compare(variable, &found.unwrap_or_default(), value.clone());
        }
        let others = service
            .variables()
            .filter(|(name, _)| !fixed.iter().any(|(fixed, _)| fixed == name));
        for (variable, _) in others {
            let mut secrets = service.secrets();
            let secret = secrets.find(|(name, _)| *name == variable);
            if !expected.reads.contains(variable) {
                differences.add(format!(
                    "{variable} is set, and the service doesn't read it"
                ));
            } else if secret.is_some_and(|(_, it)| it != format!("{}-{variable}", service.name)) {
                differences.add(format!(
                    "{variable} refers to the secret of another deployment"
                ));
            }
        }
    }

    async fn queue(
        &self,
        service: &Service<'_>,
        owner: &str,
        queue: &Queue,
        differences: &mut Differences,
    ) -> Result<(), Outcome> {
        let path = format!(
            "/v1/projects/{}/subscriptions/{}-{owner}",
            self.id, service.name
        );
        let Some(is) = self.find("pubsub", &path).await? else {
            differences.add(format!("the queue {owner} has no subscription"));
            return Ok(());
        };
        let of = |what: &str| format!("{what} of the queue {owner}");
        differences.compare(&of("state"), &is["state"], "ACTIVE");
        let push = &is["pushConfig"];
        let address = format!("{}/events/{}", service.uri(), service.function);
        differences.compare(&of("address"), &push["pushEndpoint"], address);
        self.token(&of("token"), service, &push["oidcToken"], differences);
        differences.compare(
            &of("deadline in s"),
            &is["ackDeadlineSeconds"],
            service.expected.timeout_seconds.clamp(10, 600),
        );
        let dead = &is["deadLetterPolicy"];
        let attempts = &dead["maxDeliveryAttempts"];
        differences.compare(&of("deliveries"), attempts, queue.receives.max(5));
        let topic = dead["deadLetterTopic"].as_str().unwrap_or_default();
        if !topic.ends_with(&format!("/{}-{owner}-dead-letters", service.name)) {
            differences.add(format!("the queue {owner} keeps no dead letters"));
        }
        Ok(())
    }

    async fn schedule(
        &self,
        service: &Service<'_>,
        schedule: &str,
        when: &Schedule,
        differences: &mut Differences,
    ) -> Result<(), Outcome> {
        let (id, region, function) = (self.id, &service.region, service.function);
        let job = format!("{}-{function}-{schedule}", service.name);
        let path = format!("/v1/projects/{id}/locations/{region}/jobs/{job}");
        let Some(is) = self.find("cloudscheduler", &path).await? else {
            differences.add(format!("the schedule {schedule} doesn't exist"));
            return Ok(());
        };
        let of = |what: &str| format!("{what} of the schedule {schedule}");
        differences.compare(&of("state"), &is["state"], "ENABLED");
        differences.compare(&of("times"), &is["schedule"], when.on_google_cloud());
        let target = &is["httpTarget"];
        let address = format!("{}/events/{function}", service.uri());
        differences.compare(&of("address"), &target["uri"], address);
        self.token(&of("token"), service, &target["oidcToken"], differences);
        let body = target["body"].as_str().unwrap_or_default();
        let body = BASE64.decode(body).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        differences.compare(&of("input"), &body, when.input.clone());
        Ok(())
    }

    fn token(&self, what: &str, service: &Service<'_>, is: &Value, differences: &mut Differences) {
        let expected = json!({
            "serviceAccountEmail": service.caller(self.id),
            "audience": service.audience(),
        });
        differences.compare(what, is, expected);
    }

    async fn readiness(&self, service: &Service<'_>) -> Outcome {
        let (id, name, region) = (self.id, service.name, &service.region);
        if service.is["ingress"] == INTERNAL {
            return skipped("the service accepts requests of its load balancer only");
        }
        let syncs = match service.function {
            "metasync" => "metasync-schema-sync-sync",
            _ => "schema-sync-sync",
        };
        let remedies = Remedies {
            log: format!(
                "gcloud run services logs read {name}-{} --region {region} --project {id} --limit 50",
                service.function
            ),
            sync: format!(
                "gcloud scheduler jobs run {name}-{syncs} --location {region} --project {id}"
            ),
            apply: APPLY,
            edit: EDIT,
        };
        let token = match self.invoker(service).await {
            Ok(token) => token,
            Err(outcome) => return outcome,
        };
        outcome(self.ready(service, token), &remedies).await
    }

    /// A token of the account that may call a service whose callers Cloud Run itself checks. None for others.
    async fn invoker(&self, service: &Service<'_>) -> Result<Option<String>, Outcome> {
        if service.is["invokerIamDisabled"] == true {
            return Ok(None);
        }
        let account = service.caller(self.id);
        let path = format!("/v1/projects/-/serviceAccounts/{account}:generateIdToken");
        let wanted = json!({ "audience": service.audience(), "includeEmail": true });
        match self.send("iamcredentials", &path, Some(wanted)).await? {
            (200, answer) => Ok(answer["token"].as_str().map(str::to_owned)),
            (403, _) => Err(failed(
                format!("this login may not act as {account}, which may call the service"),
                format!(
                    "gcloud iam service-accounts add-iam-policy-binding {account} --project {} --role \
                     roles/iam.serviceAccountTokenCreator --member \"{}\"",
                    self.id,
                    self.member()
                ),
            )),
            (status, answer) => Err(self.refusal("iamcredentials", status, &answer)),
        }
    }

    async fn ready(
        &self,
        service: &Service<'_>,
        token: Option<String>,
    ) -> Result<(u16, String), String> {
        let mut request = self.http.get(format!("{}/readyz", service.uri()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let sent = request.send().await;
        let answer =
            sent.map_err(|error| format!("{} can't be reached: {error}", service.uri()))?;
        let status = answer.status().as_u16();
        let text = answer.text().await;
        let text = text.map_err(|error| format!("the response is incomplete: {error}"))?;
        Ok((status, text))
    }
}

/// What the service itself says.
fn settings(service: &Service<'_>, differences: &mut Differences) {
    let (expected, template) = (service.expected, &service.is["template"]);
    let timeout = format!("{}s", expected.timeout_seconds);
    differences.compare("timeout", &template["timeout"], timeout);
    let instances = &template["scaling"]["maxInstanceCount"];
    differences.compare("instances", instances, expected.concurrency.instances);
    let requests = &template["maxInstanceRequestConcurrency"];
    differences.compare(
        "requests per instance",
        requests,
        expected.concurrency.requests,
    );
    let memory = format!("{}Mi", expected.memory_mb.max(512));
    let limits = &service.container()["resources"]["limits"];
    differences.compare("memory", &limits["memory"], memory);
    let command = json!([format!("/{}", service.function)]);
    differences.compare("command", &service.container()["command"], command);
    let audiences = json!([service.audience()]);
    differences.compare("audiences", &service.is["customAudiences"], audiences);
    let is_public = service.is["invokerIamDisabled"] == true;
    if is_public == expected.routes.is_empty() {
        differences.add(if is_public {
            "everyone can call it".to_owned()
        } else {
            "only callers that IAM admits can call it".to_owned()
        });
    }
}

fn state(service: &Value) -> Outcome {
    let condition = &service["terminalCondition"];
    if condition["state"] == "CONDITION_FAILED" {
        let message = condition["message"].as_str().unwrap_or_default();
        return failed(message, APPLY);
    }
    fine("deployed")
}
