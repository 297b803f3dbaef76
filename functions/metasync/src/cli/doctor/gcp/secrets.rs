//! Whether the secrets have values that work. Cloud Run starts no revision without them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::services::Service;
use super::{APPLY, Project};
use crate::catalogue::Function;
use crate::cli::doctor::contents;
use crate::cli::doctor::report::{Outcome, Report, failed, fine, skipped};

impl Project<'_> {
    /// Checks the secrets that services refer to, and those that exist. Another deployment's name may begin with this
    /// one's, so what follows the prefix must be a variable of the catalogue.
    pub(super) async fn secrets(
        &self,
        name: &str,
        services: &[Service<'_>],
        catalogue: &BTreeMap<String, Function>,
        report: &mut Report,
    ) {
        let id = self.id;
        let path = format!("/v1/projects/{id}/secrets?pageSize=500&filter=name:{name}-");
        let secrets = match self.call("secretmanager", &path, None).await {
            Ok(secrets) => secrets,
            Err(outcome) => return report.add("secrets", outcome),
        };
        let prefix = format!("{name}-");
        let secrets = secrets["secrets"].as_array().into_iter().flatten();
        let existing = secrets.filter_map(|secret| {
            let short = secret["name"].as_str()?.rsplit('/').next()?;
            let variable = short.strip_prefix(&prefix)?;
            let mut functions = catalogue.values();
            functions
                .any(|it| it.reads.contains(variable))
                .then_some(variable)
        });
        let referred = services.iter().flat_map(Service::secrets);
        let referred = referred.filter_map(|(variable, secret)| {
            (secret.strip_prefix(&prefix) == Some(variable)).then_some(variable)
        });
        let variables: BTreeSet<&str> = existing.chain(referred).collect();
        for variable in variables {
            let outcome = self.secret(&format!("{prefix}{variable}"), variable).await;
            report.add(format!("secret {variable}"), outcome);
        }
    }

    async fn secret(&self, short: &str, variable: &str) -> Outcome {
        let id = self.id;
        let of_secret = format!("/v1/projects/{id}/secrets/{short}/versions");
        let add = format!(
            ": \"${{{variable}:?set it to the value}}\" && printf %s \"${variable}\" | gcloud secrets versions add {short} --project {id} --data-file -"
        );
        // The newest one comes first. Services read that one, whatever its state.
        let path = format!("{of_secret}?pageSize=1");
        let versions = match self.find("secretmanager", &path).await {
            Ok(Some(versions)) => versions,
            Ok(None) => {
                return failed(
                    "the secret doesn't exist, so its services don't start",
                    APPLY,
                );
            }
            Err(outcome) => return outcome,
        };
        let newest = &versions["versions"][0];
        let number = newest["name"].as_str().unwrap_or_default();
        let number = number.rsplit('/').next().unwrap_or_default();
        match newest["state"].as_str() {
            Some("ENABLED") => {}
            Some("DISABLED") => {
                let enable = format!(
                    "gcloud secrets versions enable {number} --secret {short} --project {id}"
                );
                let detail = "its newest version is disabled, so its services don't start";
                return failed(detail, enable);
            }
            _ => return failed("it has no value, so its services don't start", add),
        }
        let path = format!("{of_secret}/latest:access");
        let (status, value) = match self.send("secretmanager", &path, None).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        match (status, text(&value)) {
            (200, Some(text)) => match contents::fault(variable, &text) {
                Some(fault) => failed(fault, add),
                None => fine("has a value of the right form"),
            },
            (200, None) => failed("it is binary: store it as text", add),
            (403, _) => skipped("it has a value, which this login may not read"),
            _ => self.refusal("secretmanager", status, &value),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    let data = value["payload"]["data"].as_str()?;
    String::from_utf8(BASE64.decode(data).ok()?).ok()
}
