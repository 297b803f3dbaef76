//! Whether the alarms of a deployment reach somebody: each has a receiver, and each address has confirmed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Account, Deployed};
use crate::catalogue::{self, Function};
use crate::cli::doctor::report::{Outcome, Report, failed, fine, hint};

const APPLY: &str =
    "terraform -chdir=infra/aws apply -var 'alarm_emails=[\"on-call@example.com\"]'";
/// A topic has at most 100 subscriptions per page. This many pages are read.
const MAX_PAGES: usize = 50;

/// The parameters of a call of a query API.
type Form = Vec<(String, String)>;

impl Account<'_> {
    pub(super) async fn alarms(&self, deployed: &[Deployed<'_>], report: &mut Report) {
        match self.broken_alarms(deployed).await {
            Ok((count, broken)) if broken.is_empty() => {
                let detail = format!("{count} alarms, each with a receiver");
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

    /// The number of alarms, and what keeps them from reaching somebody.
    async fn broken_alarms(
        &self,
        deployed: &[Deployed<'_>],
    ) -> Result<(usize, Vec<Outcome>), Outcome> {
        let (name, region) = (self.name, self.region);
        // Another deployment's name may begin with this one's, so a prefix would find its alarms as well.
        let mut form = form("DescribeAlarms", "2010-08-01");
        let catalogue = catalogue::functions();
        for (number, name) in (1..).zip(names(name, catalogue.values())) {
            form.push((format!("AlarmNames.member.{number}"), name));
        }
        let found = self.query("monitoring", region, &form).await;
        let found = found.map_err(|detail| {
            let list = format!(
                "aws cloudwatch describe-alarms --region {region} --alarm-name-prefix {name}-"
            );
            failed(detail, list)
        })?;
        let found = found.unwrap_or_default();
        let found = &found["DescribeAlarmsResponse"]["DescribeAlarmsResult"]["MetricAlarms"];
        let alarms = found.as_array().map(Vec::as_slice).unwrap_or_default();
        if alarms.is_empty() {
            let detail = format!("the deployment {name} has no alarms");
            return Err(failed(detail, super::APPLY));
        }
        let mut topics = BTreeSet::new();
        let expected = names(name, deployed.iter().map(|it| it.expected)).into_iter();
        let missing = expected.filter(|called| alarms.iter().all(|it| it["AlarmName"] != **called));
        let missing =
            missing.map(|called| failed(format!("the alarm {called} doesn't exist"), super::APPLY));
        let mut broken: Vec<Outcome> = missing.collect();
        for alarm in alarms {
            let called = alarm["AlarmName"].as_str().unwrap_or_default();
            let actions = alarm["AlarmActions"].as_array().into_iter().flatten();
            let actions: Vec<&str> = actions.filter_map(Value::as_str).collect();
            if actions.is_empty() {
                broken.push(failed(format!("{called} has no receiver"), APPLY));
            } else if alarm["ActionsEnabled"] == false {
                let remedy = format!(
                    "aws cloudwatch enable-alarm-actions --region {region} --alarm-names {called}"
                );
                broken.push(failed(
                    format!("the actions of {called} are disabled"),
                    remedy,
                ));
            }
            let sns = actions
                .into_iter()
                .filter(|it| it.split(':').nth(2) == Some("sns"));
            topics.extend(sns.map(str::to_owned));
        }
        for topic in &topics {
            match self.subscriptions(topic).await {
                Ok(subscriptions) => broken.extend(unreached(topic, &subscriptions)),
                Err(outcome) => broken.push(outcome),
            }
        }
        Ok((alarms.len(), broken))
    }

    async fn subscriptions(&self, topic: &str) -> Result<Vec<Value>, Outcome> {
        let region = region_of(topic);
        let mut first = form("ListSubscriptionsByTopic", "2010-03-31");
        first.push(("TopicArn".to_owned(), topic.to_owned()));
        let mut subscriptions = Vec::new();
        let mut page = first.clone();
        for _ in 0..MAX_PAGES {
            let found = match self.query("sns", region, &page).await {
                Ok(Some(found)) => found,
                Ok(None) => {
                    return Err(failed(format!("the topic {topic} doesn't exist"), APPLY));
                }
                // The topic of another account may not show its subscriptions.
                Err(detail) => {
                    let list = format!(
                        "aws sns list-subscriptions-by-topic --region {region} --topic-arn {topic}"
                    );
                    let detail = format!("the receivers of {topic} can't be listed: {detail}");
                    return Err(hint(detail, list));
                }
            };
            let found =
                &found["ListSubscriptionsByTopicResponse"]["ListSubscriptionsByTopicResult"];
            subscriptions.extend(
                found["Subscriptions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            let Some(next) = found["NextToken"].as_str().filter(|it| !it.is_empty()) else {
                break;
            };
            page.clone_from(&first);
            page.push(("NextToken".to_owned(), next.to_owned()));
        }
        Ok(subscriptions)
    }
}

/// What is wrong with the subscriptions of a topic.
fn unreached(topic: &str, subscriptions: &[Value]) -> Vec<Outcome> {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let subscribe = |protocol: &str, endpoint: &str| {
        let region = region_of(topic);
        format!(
            "aws sns subscribe --region {region} --topic-arn {topic} --protocol {protocol} \
             --notification-endpoint {endpoint}"
        )
    };
    // A subscription that ended is listed for some days.
    let mut current = subscriptions
        .iter()
        .filter(|it| it["SubscriptionArn"] != "Deleted")
        .peekable();
    if current.peek().is_none() {
        let detail = format!("the topic {topic} has no subscription");
        return vec![failed(detail, subscribe("email", "on-call@example.com"))];
    }
    let pending = current.filter(|it| it["SubscriptionArn"] == "PendingConfirmation");
    pending
        .map(|it| {
            let (protocol, endpoint) = (text(&it["Protocol"]), text(&it["Endpoint"]));
            let detail = format!(
                "a subscription of {topic} by {protocol} is not confirmed: follow the link in the message from AWS, \
                 which this command sends again"
            );
            failed(detail, subscribe(&protocol, &endpoint))
        })
        .collect()
}

fn form(action: &str, version: &str) -> Form {
    // moto reads the last one, AWS the header.
    [
        ("Action", action),
        ("Version", version),
        ("ContentType", "JSON"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn region_of(topic: &str) -> &str {
    topic.split(':').nth(3).unwrap_or_default()
}

/// The names of the alarms of a deployment with these functions.
fn names<'a>(name: &str, functions: impl Iterator<Item = &'a Function>) -> BTreeSet<String> {
    let every = ["refused-requests", "server-errors"].map(|it| format!("{name}-{it}"));
    let mut names = BTreeSet::from(every);
    for function in functions {
        for queue in function.queues.keys() {
            names.extend(["dead-letters", "waiting"].map(|it| format!("{name}-{queue}-{it}")));
        }
        if !function.schedules.is_empty() {
            names.insert(format!("{name}-failed-runs"));
        }
    }
    names
}
