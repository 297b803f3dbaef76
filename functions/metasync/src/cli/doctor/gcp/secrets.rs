//! Whether the secrets have values that work. Cloud Run starts no revision without them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::Project;
use crate::cli::doctor::contents;
use crate::cli::doctor::report::{Outcome, Report, failed, fine, skipped};

impl Project<'_> {
    pub(super) async fn secrets(&self, name: &str, report: &mut Report) {
        let id = self.id;
        let path = format!("/v1/projects/{id}/secrets?pageSize=500&filter=name:{name}-");
        let secrets = match self.call("secretmanager", &path, None).await {
            Ok(secrets) => secrets,
            Err(outcome) => return report.add("secrets", outcome),
        };
        for secret in secrets["secrets"].as_array().into_iter().flatten() {
            let full = secret["name"].as_str().unwrap_or_default();
            let short = full.rsplit('/').next().unwrap_or_default();
            let Some(variable) = short.strip_prefix(&format!("{name}-")) else {
                continue;
            };
            let outcome = self.secret(short, variable).await;
            report.add(format!("secret {variable}"), outcome);
        }
    }

    async fn secret(&self, short: &str, variable: &str) -> Outcome {
        let id = self.id;
        let of_secret = format!("/v1/projects/{id}/secrets/{short}/versions");
        let add = format!(
            "printf %s \"${variable}\" | gcloud secrets versions add {short} --project {id} --data-file -"
        );
        // The newest one comes first. Services read that one, whatever its state.
        let path = format!("{of_secret}?pageSize=1");
        let versions = match self.call("secretmanager", &path, None).await {
            Ok(versions) => versions,
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
