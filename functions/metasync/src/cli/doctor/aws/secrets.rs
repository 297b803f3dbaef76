//! Whether the secrets of a function exist and have values that work.

use platform::Env;
use serde_json::json;

use super::{APPLY, Account, Deployed, LOGIN};
use crate::cli::doctor::contents;
use crate::cli::doctor::report::{Outcome, Report, failed, fine, skipped};

impl Account<'_> {
    /// Checks each secret once, also if several functions read it.
    pub(super) async fn secrets(&self, deployed: &Deployed<'_>, report: &mut Report) {
        for (variable, reference) in deployed.variables() {
            let check = format!("secret {variable}");
            if reference.contains(":secretsmanager:") && !report.has(&check) {
                let outcome = self.secret(variable, reference).await;
                report.add(check, outcome);
            }
        }
    }

    async fn secret(&self, variable: &str, reference: &str) -> Outcome {
        let region = self.region;
        let id = json!({ "SecretId": reference });
        let described = self.json("secretsmanager", "secretsmanager.DescribeSecret", id);
        let secret = match described.await {
            Ok(Some(secret)) => secret,
            Ok(None) => return failed("the secret doesn't exist", APPLY),
            Err(detail) => return failed(detail, LOGIN),
        };
        if !secret["DeletedDate"].is_null() {
            let restore = format!(
                "aws secretsmanager restore-secret --region {region} --secret-id {reference}"
            );
            return failed(
                "it is scheduled for deletion, so its functions can't read it",
                restore,
            );
        }
        let put = format!(
            ": \"${{{variable}:?set it to the value}}\" && printf %s \"${variable}\" | aws secretsmanager put-secret-value --secret-id {reference} \
             --region {region} --secret-string file:///dev/stdin"
        );
        let versions = secret["VersionIdsToStages"].as_object();
        if versions.is_none_or(serde_json::Map::is_empty) {
            let detail = "it has no value, so functions that require it don't start";
            return failed(detail, put);
        }
        match self.value(variable, reference).await {
            Ok(value) => match contents::fault(variable, &value) {
                Some(fault) => failed(fault, put),
                None => fine("has a value of the right form"),
            },
            Err(detail) if detail.contains("access denied") => {
                skipped("it has a value, which this login may not read")
            }
            Err(detail) => failed(detail, put),
        }
    }

    /// The value, read as a function reads it.
    async fn value(&self, variable: &str, reference: &str) -> Result<String, String> {
        let used =
            |name: &str| name.starts_with("AWS_") || name.to_ascii_uppercase().ends_with("_PROXY");
        let env = self.env.iter().filter(|(name, _)| used(name));
        let env: Env = env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let env = env.with(variable, reference);
        let resolved = platform::secrets::resolve(env).await;
        let resolved = resolved.map_err(|error| format!("{error:#}"))?;
        match resolved.get(variable) {
            Some(value) => Ok(value.to_owned()),
            None => Err("it has no current value, or an empty one".to_owned()),
        }
    }
}
