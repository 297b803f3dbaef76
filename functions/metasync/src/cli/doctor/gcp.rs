//! The project on Google Cloud: the login, the enabled APIs, the permissions to deploy, the services, their secrets and
//! queues, and whether alarms reach somebody.

mod alarms;
mod needed;
mod rights;
mod secrets;
mod services;

use platform::google::{Google, QUOTA_PROJECT};
use platform::{Env, Secret, http_client};
use serde_json::Value;

use super::aws;
use super::report::{Outcome, Report, failed, fine};
use crate::catalogue;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
pub const LOGIN: &str = "gcloud auth application-default login";

/// The APIs that Terraform and the functions call.
const APIS: [&str; 9] = [
    "artifactregistry",
    "bigquery",
    "cloudscheduler",
    "iam",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
];

/// Repairs what differs from the catalogue, and creates what doesn't exist.
const APPLY: &str = "terraform -chdir=infra/gcp apply";
/// The same, after somebody has set what is missing.
const EDIT: &str = "${EDITOR:-vi} infra/gcp/terraform.tfvars && terraform -chdir=infra/gcp apply";

struct Project<'a> {
    http: reqwest::Client,
    env: &'a Env,
    id: &'a str,
    token: Secret,
    /// The project whose quota a person's calls use.
    quota_project: Option<String>,
}

pub async fn check(env: &Env, name: &str, report: &mut Report) -> anyhow::Result<()> {
    let http = http_client::build(env)?;
    let clock = endpoint(env, "serviceusage");
    report.check("clock", aws::clock(&http, &clock)).await;
    let Some(id) = env.get("GOOGLE_CLOUD_PROJECT") else {
        let remedy = "export GOOGLE_CLOUD_PROJECT=$(gcloud config get project)";
        report.add(
            "Google project",
            failed("GOOGLE_CLOUD_PROJECT is not set", remedy),
        );
        return Ok(());
    };
    // The variable by which gcloud accepts a token.
    let login = match env.secret("CLOUDSDK_AUTH_ACCESS_TOKEN") {
        Some(token) => {
            let project = env.get("CLOUDSDK_BILLING_QUOTA_PROJECT");
            Ok((token, project.map(str::to_owned)))
        }
        None => {
            let google = Google::new(env);
            let token = google.token(&[SCOPE]).await;
            token.map(|token| (token, google.quota_project().map(str::to_owned)))
        }
    };
    let (token, quota_project) = match login {
        Ok(login) => login,
        Err(error) => {
            report.add("Google login", failed(format!("{error:#}"), LOGIN));
            return Ok(());
        }
    };
    let project = Project {
        http,
        env,
        id,
        token,
        quota_project,
    };
    project.apis(report).await;
    project.rights(report).await;
    let catalogue = catalogue::functions();
    let services = project.deployed(name, &catalogue, report).await;
    let services = services.unwrap_or_default();
    project.secrets(name, &services, &catalogue, report).await;
    project.services(&services, report).await;
    project.alarms(name, &services, report).await;
    Ok(())
}

/// The URL of an API: `CLOUDSDK_API_ENDPOINT_OVERRIDES_<API>`, which gcloud reads as well, or Google's own.
fn endpoint(env: &Env, api: &str) -> String {
    let variable = format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{}", api.to_uppercase());
    let own = format!("https://{api}.googleapis.com");
    let given = env.get(&variable).unwrap_or(&own);
    given.trim_end_matches('/').to_owned()
}

impl Project<'_> {
    /// The status and the body of a response.
    async fn send(
        &self,
        api: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), Outcome> {
        let url = format!("{}{path}", endpoint(self.env, api));
        let mut request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(&body),
        };
        if let Some(project) = &self.quota_project {
            request = request.header(QUOTA_PROJECT, project);
        }
        let sent = request.bearer_auth(self.token.expose()).send().await;
        let answer = sent.map_err(|error| {
            failed(
                format!("{api}.googleapis.com can't be reached: {error}"),
                "metasync doctor --gcp  # try again",
            )
        })?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        Ok((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    async fn call(&self, api: &str, path: &str, body: Option<Value>) -> Result<Value, Outcome> {
        match self.send(api, path, body).await? {
            (200, value) => Ok(value),
            (status, value) => Err(self.refusal(api, status, &value)),
        }
    }

    /// None if the resource doesn't exist.
    async fn find(&self, api: &str, path: &str) -> Result<Option<Value>, Outcome> {
        match self.send(api, path, None).await? {
            (200, value) => Ok(Some(value)),
            (404, _) => Ok(None),
            (status, value) => Err(self.refusal(api, status, &value)),
        }
    }

    fn refusal(&self, api: &str, status: u16, value: &Value) -> Outcome {
        let message = value["error"]["message"].as_str().unwrap_or_default();
        let id = self.id;
        match status {
            401 => failed("the login is invalid or has expired", LOGIN),
            403 if message.contains("has not been used") || message.contains("disabled") => failed(
                message,
                format!("gcloud services enable {api}.googleapis.com --project {id}"),
            ),
            403 if message.contains("serviceusage.services.use") => {
                let project = self.quota_project.as_deref().unwrap_or(id);
                let role = "roles/serviceusage.serviceUsageConsumer";
                failed(message, self.grant(project, role))
            }
            403 => failed(message, self.grant(id, "roles/viewer")),
            404 => failed(format!("there is no project {id}"), "gcloud projects list"),
            _ => failed(
                format!("Google returns {status}: {message}"),
                "metasync doctor --gcp  # try again",
            ),
        }
    }

    async fn apis(&self, report: &mut Report) {
        let id = self.id;
        let names = APIS.map(|api| format!("names=projects/{id}/services/{api}.googleapis.com"));
        let path = format!("/v1/projects/{id}/services:batchGet?{}", names.join("&"));
        let services = match self.call("serviceusage", &path, None).await {
            Ok(services) => services,
            Err(outcome) => return report.add("APIs", outcome),
        };
        report.add("Google login", fine("valid"));
        let services = services["services"].as_array().cloned().unwrap_or_default();
        let is_enabled = |api: &str| {
            services.iter().any(|service| {
                let name = service["name"].as_str().unwrap_or_default();
                name.ends_with(&format!("/{api}.googleapis.com")) && service["state"] == "ENABLED"
            })
        };
        let missing = APIS.iter().filter(|api| !is_enabled(api));
        let missing: Vec<String> = missing.map(|api| format!("{api}.googleapis.com")).collect();
        let outcome = if missing.is_empty() {
            fine("enabled")
        } else {
            let missing = missing.join(" ");
            let remedy = format!("gcloud services enable {missing} --project {id}");
            failed(format!("not enabled: {missing}"), remedy)
        };
        report.add("APIs", outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_checked_apis_are_those_that_the_module_enables_for_every_deployment_and_bigquery() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/modules/gcp/apis.tf");
        let text = std::fs::read_to_string(root).expect("the module");
        let list = text
            .split_once("concat(\n    [")
            .and_then(|(_, it)| it.split_once(']'));
        let (list, _) = list.expect("the list");
        let names = list
            .split('"')
            .filter_map(|it| it.strip_suffix(".googleapis.com"));
        let mut names: Vec<&str> = names.chain(["bigquery"]).collect();
        names.sort_unstable();
        assert_eq!(names, APIS);
    }
}
