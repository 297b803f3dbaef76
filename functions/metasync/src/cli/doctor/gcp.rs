//! The project on Google Cloud: the login, the enabled APIs, the permissions to deploy, whether secrets
//! have values, and whether alarms reach somebody.

mod alarms;

use platform::google::Google;
use platform::{Env, Secret, http_client};
use serde_json::{Value, json};

use super::aws;
use super::report::{Outcome, Report, failed, fine};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const LOGIN: &str = "gcloud auth application-default login";

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

/// The permissions that a deployment needs, and the role that grants each.
const PERMISSIONS: [(&str, &str); 8] = [
    (
        "artifactregistry.repositories.create",
        "roles/artifactregistry.admin",
    ),
    ("cloudscheduler.jobs.create", "roles/cloudscheduler.admin"),
    ("iam.roles.create", "roles/iam.roleAdmin"),
    (
        "iam.serviceAccounts.create",
        "roles/iam.serviceAccountAdmin",
    ),
    ("pubsub.topics.create", "roles/pubsub.admin"),
    ("run.services.create", "roles/run.admin"),
    ("secretmanager.secrets.create", "roles/secretmanager.admin"),
    ("storage.buckets.create", "roles/storage.admin"),
];

struct Project<'a> {
    http: reqwest::Client,
    env: &'a Env,
    id: &'a str,
    token: Secret,
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
    let token = match env.secret("CLOUDSDK_AUTH_ACCESS_TOKEN") {
        Some(token) => Ok(token),
        None => Google::new(env).token(&[SCOPE]).await,
    };
    let token = match token {
        Ok(token) => token,
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
    };
    project.apis(report).await;
    project.permissions(report).await;
    project.secrets(name, report).await;
    project.alarms(name, report).await;
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
    async fn call(&self, api: &str, path: &str, body: Option<Value>) -> Result<Value, Outcome> {
        let url = format!("{}{path}", endpoint(self.env, api));
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(&body),
        };
        let sent = request.bearer_auth(self.token.expose()).send().await;
        let answer = sent.map_err(|error| {
            failed(
                format!("{api}.googleapis.com can't be reached: {error}"),
                "metasync doctor --gcp  # try again",
            )
        })?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let message = value["error"]["message"].as_str().unwrap_or_default();
        let id = self.id;
        match status {
            200 => Ok(value),
            401 => Err(failed("the login is invalid or has expired", LOGIN)),
            403 if message.contains("has not been used") || message.contains("disabled") => {
                Err(failed(
                    message,
                    format!("gcloud services enable {api}.googleapis.com --project {id}"),
                ))
            }
            403 => Err(failed(
                message,
                format!(
                    "gcloud projects add-iam-policy-binding {id} --role roles/viewer --member \
                     \"user:$(gcloud config get account)\""
                ),
            )),
            404 => Err(failed(
                format!("there is no project {id}"),
                "gcloud projects list",
            )),
            _ => Err(failed(
                format!("Google returns {status}: {message}"),
                "metasync doctor --gcp  # try again",
            )),
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

    async fn permissions(&self, report: &mut Report) {
        let id = self.id;
        let path = format!("/v1/projects/{id}:testIamPermissions");
        let wanted = json!({ "permissions": PERMISSIONS.map(|(permission, _)| permission) });
        let granted = match self.call("cloudresourcemanager", &path, Some(wanted)).await {
            Ok(granted) => granted,
            Err(outcome) => return report.add("rights", outcome),
        };
        let granted = granted["permissions"].as_array();
        let granted = granted.map(Vec::as_slice).unwrap_or_default();
        let missing = PERMISSIONS
            .iter()
            .filter(|(permission, _)| !granted.contains(&json!(permission)));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return report.add("rights", fine("enough to deploy"));
        }
        for (permission, role) in missing {
            let remedy = format!(
                "gcloud projects add-iam-policy-binding {id} --role {role} --member \"user:$(gcloud \
                 config get account)\""
            );
            report.add("rights", failed(format!("{permission} is missing"), remedy));
        }
    }

    /// Checks that the secrets have values, without which Cloud Run starts no revision.
    async fn secrets(&self, name: &str, report: &mut Report) {
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
            let path = format!("/v1/projects/{id}/secrets/{short}/versions?filter=state:ENABLED");
            let versions = self.call("secretmanager", &path, None).await;
            let outcome = match versions {
                Err(outcome) => outcome,
                Ok(versions)
                    if versions["versions"]
                        .as_array()
                        .is_some_and(|it| !it.is_empty()) =>
                {
                    fine("has a value")
                }
                Ok(_) => failed(
                    "it has no value, so its services don't start",
                    format!(
                        "printf %s \"${variable}\" | gcloud secrets versions add {short} --project {id} \
                         --data-file -"
                    ),
                ),
            };
            report.add(format!("secret {variable}"), outcome);
        }
    }
}
