//! Whether the alert policies of a deployment reach somebody: each has a channel that is on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Project;
use super::services::Service;
use crate::cli::doctor::report::{Outcome, Report, failed, fine};

const APPLY: &str =
    "terraform -chdir=infra/gcp apply -var 'alarm_emails=[\"on-call@example.com\"]'";

impl Project<'_> {
    pub(super) async fn alarms(&self, name: &str, services: &[Service<'_>], report: &mut Report) {
        match self.broken_alarms(name, services).await {
            Ok((count, broken)) if broken.is_empty() => {
                let detail = format!("{count} alert policies, each with a receiver");
                report.add("alarms", fine(detail));
            }
            Ok((_, broken)) => {
                for outcome in broken {
                    report.add("alarms", outcome);
                }
            }
            Err(outcome) => report.add("alarms", outcome),
        }
    }

    /// The number of alert policies, and what keeps them from reaching somebody.
    async fn broken_alarms(
        &self,
        name: &str,
        services: &[Service<'_>],
    ) -> Result<(usize, Vec<Outcome>), Outcome> {
        let filter = format!("display_name%20%3D%20starts_with(%22{name}:%20%22)");
        let path = format!("alertPolicies?pageSize=500&filter={filter}");
        let policies = self.listed(&path, "alertPolicies").await?;
        if policies.is_empty() {
            let detail = format!("the deployment {name} has no alert policies");
            return Err(failed(detail, super::APPLY));
        }
        let mut named = BTreeSet::new();
        let expected = expected(name, services).into_iter();
        let missing =
            expected.filter(|called| policies.iter().all(|it| it["displayName"] != **called));
        let missing = missing.map(|called| {
            let detail = format!("the alert policy {called:?} doesn't exist");
            failed(detail, super::APPLY)
        });
        let mut broken: Vec<Outcome> = missing.collect();
        for policy in &policies {
            let called = policy["displayName"].as_str().unwrap_or_default();
            let resource = policy["name"].as_str().unwrap_or_default();
            let channels = policy["notificationChannels"].as_array();
            let channels: Vec<&str> = channels
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            if channels.is_empty() {
                broken.push(failed(format!("{called:?} has no receiver"), APPLY));
            } else if policy["enabled"] == false {
                let remedy = format!("gcloud monitoring policies update {resource} --enabled");
                broken.push(failed(format!("{called:?} is disabled"), remedy));
            }
            named.extend(channels.into_iter().map(str::to_owned));
        }
        if !named.is_empty() {
            let path = "notificationChannels?pageSize=500";
            let channels = self.listed(path, "notificationChannels").await?;
            let known: BTreeMap<&str, &Value> = channels
                .iter()
                .filter_map(|it| Some((it["name"].as_str()?, it)))
                .collect();
            let wrong = named
                .iter()
                .filter_map(|it| unreached(it, known.get(it.as_str()).copied()));
            broken.extend(wrong);
        }
        Ok((policies.len(), broken))
    }

    /// All pages of a list of Cloud Monitoring.
    async fn listed(&self, path: &str, field: &str) -> Result<Vec<Value>, Outcome> {
        let id = self.id;
        let first = format!("/v3/projects/{id}/{path}");
        let mut items = Vec::new();
        let mut page = first.clone();
        loop {
            let found = self.call("monitoring", &page, None).await?;
            items.extend(found[field].as_array().into_iter().flatten().cloned());
            match found["nextPageToken"].as_str() {
                Some(next) if !next.is_empty() => page = format!("{first}&pageToken={next}"),
                _ => return Ok(items),
            }
        }
    }
}

/// The names of the alert policies that these services have.
fn expected(name: &str, services: &[Service<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for service in services {
        names.insert(format!("{name}: {} answers 5xx", service.function));
        names.insert(format!("{name}: many requests are refused"));
        let queues = service.expected.queues.keys();
        names.extend(queues.map(|queue| format!("{name}: dead letters of {queue}")));
        if !service.expected.schedules.is_empty() {
            names.insert(format!("{name}: a scheduled run failed"));
        }
    }
    names
}

/// What is wrong with a notification channel that an alert policy names.
fn unreached(channel: &str, found: Option<&Value>) -> Option<Outcome> {
    let Some(found) = found else {
        let detail = format!("the notification channel {channel} doesn't exist");
        return Some(failed(detail, APPLY));
    };
    if found["enabled"] == false {
        let detail = format!("the notification channel {channel} is disabled");
        let remedy = format!("gcloud beta monitoring channels update {channel} --enabled");
        return Some(failed(detail, remedy));
    }
    if found["verificationStatus"] == "UNVERIFIED" {
        let detail = format!(
            "the notification channel {channel} is not verified: this command sends its code, which the console asks for"
        );
        let remedy = format!(
            "curl -sS -X POST -H \"authorization: Bearer $(gcloud auth print-access-token)\" \
             https://monitoring.googleapis.com/v3/{channel}:sendVerificationCode"
        );
        return Some(failed(detail, remedy));
    }
    None
}
