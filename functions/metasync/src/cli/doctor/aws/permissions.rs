//! Whether the caller may do what `terraform apply` does, by IAM's simulation of the caller's policies.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::identity::Principal;
use super::needed::{Needed, needed};
use super::{Account, LOGIN};
use crate::cli::doctor::report::{Outcome, Report, failed, fine, hint, skipped};

const CHECK: &str = "rights";
const ALLOWED: &str = "allowed";
const DENIED: &str = "explicitDeny";

/// The actions that are not allowed, each with the types of resources that need it.
#[derive(Default)]
struct Missing {
    implicit: BTreeMap<String, BTreeSet<&'static str>>,
    denied: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Account<'_> {
    pub(super) async fn permissions(&self, report: &mut Report) {
        let source = match self.source().await {
            Some(source) => source,
            None if self.identity.principal() == Principal::Root => {
                return report.add(CHECK, fine("the owner of the account has every right"));
            }
            None => return report.add(CHECK, skipped("no policies of this login to check")),
        };
        let mut missing: BTreeMap<Option<&str>, Missing> = BTreeMap::new();
        for needed in needed().filter(|it| !it.actions.is_empty()) {
            let of_use = missing.entry(needed.used_by).or_default();
            match self.simulate(&source, needed).await {
                Ok(decisions) => of_use.sort(needed.resource, decisions),
                Err(detail) => {
                    let detail = format!(
                        "the rights of this login can't be checked, which takes \
                         iam:SimulatePrincipalPolicy: {detail}"
                    );
                    return report.add(CHECK, skipped(detail));
                }
            }
        }
        let mut is_fine = true;
        for (used_by, missing) in missing {
            for outcome in self.outcomes(used_by, missing) {
                is_fine &= used_by.is_some();
                report.add(CHECK, outcome);
            }
        }
        if is_fine {
            report.add(CHECK, fine("enough for terraform apply"));
        }
    }

    fn outcomes(&self, used_by: Option<&str>, missing: Missing) -> Vec<Outcome> {
        let report = |detail: String, remedy: String| match used_by {
            None => failed(format!("terraform apply needs {detail}"), remedy),
            Some(variable) => hint(
                format!("terraform apply with {variable} needs {detail}"),
                remedy,
            ),
        };
        let Missing { implicit, denied } = missing;
        let mut outcomes = Vec::new();
        if !implicit.is_empty() {
            let remedy = self.grant(&implicit.keys().collect::<Vec<_>>());
            outcomes.push(report(listed(&implicit), remedy));
        }
        if !denied.is_empty() {
            let detail = format!("{}, which a policy denies", listed(&denied));
            outcomes.push(report(detail, self.policies()));
        }
        outcomes
    }

    /// The ARN whose policies are simulated.
    async fn source(&self) -> Option<String> {
        let (partition, account) = (self.identity.partition(), self.identity.account()?);
        match self.identity.principal() {
            Principal::User(_) => self.identity.arn(),
            Principal::Role(role) => {
                // Only IAM knows the path of a role.
                let form = [("Action", "GetRole"), ("RoleName", &role)];
                let found = self.iam(&form).await.ok().unwrap_or_default();
                let arn = &found["GetRoleResponse"]["GetRoleResult"]["Role"]["Arn"];
                let own = || format!("arn:{partition}:iam::{account}:role/{role}");
                Some(arn.as_str().map_or_else(own, str::to_owned))
            }
            Principal::Root | Principal::Unknown => None,
        }
    }

    async fn simulate(
        &self,
        source: &str,
        needed: &Needed,
    ) -> Result<Vec<(String, String)>, String> {
        let resource = self.arn(needed.on);
        let mut form = vec![
            ("Action".to_owned(), "SimulatePrincipalPolicy".to_owned()),
            ("PolicySourceArn".to_owned(), source.to_owned()),
            ("ResourceArns.member.1".to_owned(), resource),
            ("MaxItems".to_owned(), "1000".to_owned()),
        ];
        for (number, action) in (1..).zip(needed.actions) {
            form.push((format!("ActionNames.member.{number}"), (*action).to_owned()));
        }
        // Policies often depend on these.
        let context = [
            ("aws:RequestedRegion", self.region),
            ("iam:PassedToService", passed_to(needed)),
        ];
        for (number, (key, value)) in (1..).zip(context) {
            let entry = format!("ContextEntries.member.{number}");
            form.push((format!("{entry}.ContextKeyName"), key.to_owned()));
            form.push((format!("{entry}.ContextKeyType"), "string".to_owned()));
            form.push((
                format!("{entry}.ContextKeyValues.member.1"),
                value.to_owned(),
            ));
        }
        let form: Vec<(&str, &str)> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let found = decisions(&self.iam(&form).await?);
        if found.is_empty() {
            return Err("IAM returns no decisions".to_owned());
        }
        Ok(found)
    }

    async fn iam(&self, form: &[(&str, &str)]) -> Result<Value, String> {
        let own = [("Version", "2010-05-08"), ("ContentType", "JSON")];
        let form = form.iter().chain(&own);
        let form: Vec<(String, String)> = form
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let found = self.query("iam", self.identity.global_region(), &form);
        found.await.map(Option::unwrap_or_default)
    }

    /// The ARN of a resource of this deployment.
    fn arn(&self, on: &str) -> String {
        let account = self.identity.account().unwrap_or_default();
        let filled = on
            .replace("{region}", self.region)
            .replace("{account}", account)
            .replace("{name}", self.name);
        match on {
            "*" => filled,
            _ => format!("arn:{}:{filled}", self.identity.partition()),
        }
    }

    /// The command by which an administrator grants actions. A managed policy, because inline policies of a user
    /// together have 2048 characters at most.
    fn grant(&self, actions: &[&String]) -> String {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        });
        let attach = match self.identity.principal() {
            Principal::User(name) => format!("attach-user-policy --user-name {name}"),
            Principal::Role(name) => format!("attach-role-policy --role-name {name}"),
            Principal::Root | Principal::Unknown => return LOGIN.to_owned(),
        };
        format!(
            "policy=$(aws iam create-policy --policy-name {}-apply-$(date +%s) --policy-document '{policy}' \
             --query Policy.Arn --output text) && aws iam {attach} --policy-arn \"$policy\"  # as an administrator",
            self.name
        )
    }

    /// The command that lists the policies of the caller.
    fn policies(&self) -> String {
        match self.identity.principal() {
            Principal::User(name) => {
                format!("aws iam list-attached-user-policies --user-name {name}")
            }
            Principal::Role(name) => {
                format!("aws iam list-attached-role-policies --role-name {name}")
            }
            Principal::Root | Principal::Unknown => LOGIN.to_owned(),
        }
    }
}

/// The service that gets the role of a resource.
fn passed_to(needed: &Needed) -> &'static str {
    match needed.resource {
        "aws_scheduler_schedule" => "scheduler.amazonaws.com",
        _ => "lambda.amazonaws.com",
    }
}

impl Missing {
    fn sort(&mut self, resource: &'static str, decisions: Vec<(String, String)>) {
        for (action, decision) in decisions {
            let missing = match decision.as_str() {
                ALLOWED => continue,
                DENIED => &mut self.denied,
                _ => &mut self.implicit,
            };
            missing.entry(action).or_default().insert(resource);
        }
    }
}

/// Actions, and the types of resources that need them.
fn listed(actions: &BTreeMap<String, BTreeSet<&str>>) -> String {
    let names: Vec<&str> = actions.keys().map(String::as_str).collect();
    let resources: BTreeSet<&str> = actions.values().flatten().copied().collect();
    let resources: Vec<&str> = resources.into_iter().collect();
    format!("{} for {}", names.join(", "), resources.join(", "))
}

/// The actions and their decisions in a response, which is JSON or XML.
fn decisions(response: &Value) -> Vec<(String, String)> {
    if let Value::String(xml) = response {
        let results = xml.split("<EvalActionName>").skip(1);
        let part = |text: &str, end: &str| text.split(end).next().map(str::to_owned);
        return results
            .filter_map(|result| {
                let (_, decision) = result.split_once("<EvalDecision>")?;
                Some((part(result, "<")?, part(decision, "<")?))
            })
            .collect();
    }
    let result = &response["SimulatePrincipalPolicyResponse"]["SimulatePrincipalPolicyResult"];
    let results = result["EvaluationResults"].as_array().into_iter().flatten();
    let text = |it: &Value| it.as_str().map(str::to_owned);
    results
        .filter_map(|it| Some((text(&it["EvalActionName"])?, text(&it["EvalDecision"])?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::modules::text_of;

    #[test]
    fn passing_a_role_is_simulated_for_each_service_that_a_role_of_the_modules_trusts() {
        let text = text_of("aws");
        let roles = text.split("resource \"aws_iam_role\" ").skip(1);
        let trusted = roles.filter_map(|role| {
            let (_, rest) = role.split_once("Service = \"")?;
            rest.split('"').next()
        });
        let trusted: BTreeSet<&str> = trusted.collect();
        let passes = needed().filter(|it| it.actions.contains(&"iam:PassRole"));
        assert_eq!(trusted, passes.map(passed_to).collect());
    }

    #[test]
    fn the_decisions_are_read_from_json_and_from_xml() {
        let expected = [
            ("s3:CreateBucket", "allowed"),
            ("sqs:CreateQueue", "implicitDeny"),
        ];
        let expected = expected.map(|(action, it)| (action.to_owned(), it.to_owned()));
        let each = expected
            .iter()
            .map(|(action, it)| json!({"EvalActionName": action, "EvalDecision": it}));
        let each: Vec<Value> = each.collect();
        let json = json!({"SimulatePrincipalPolicyResponse":
            {"SimulatePrincipalPolicyResult": {"EvaluationResults": each}}});
        assert_eq!(decisions(&json), expected);
        let xml = "<EvaluationResults><member><MatchedStatements/>\
            <EvalActionName>s3:CreateBucket</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
            <member><EvalDecisionDetails/><EvalActionName>sqs:CreateQueue</EvalActionName>\
            <EvalDecision>implicitDeny</EvalDecision></member></EvaluationResults>";
        assert_eq!(decisions(&json!(xml)), expected);
        assert_eq!(decisions(&json!({})), []);
    }
}
