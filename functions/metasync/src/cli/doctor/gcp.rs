//! Who we are to Google, which APIs are enabled, what we may do, and whether secrets have values.

use platform::google::Google;
use platform::{Env, Secret, http_client};
use serde_json::{Value, json};

use super::{Outcome, Report, aws, failed, fine};

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const LOGIN: &str = "gcloud auth application-default login";

/// What the modules call, and what a run then calls.
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

/// A right that deploying takes, and the role that has it.
const RIGHTS: [(&str, &str); 8] = [
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
    report.look("clock", aws::clock(&http, &clock)).await;
    let Some(id) = env.get("GOOGLE_CLOUD_PROJECT") else {
        let mend = "export GOOGLE_CLOUD_PROJECT=$(gcloud config get project)";
        report.add(
            "Google project",
            failed("GOOGLE_CLOUD_PROJECT is not set", mend),
        );
        return Ok(());
    };
    // As gcloud takes a token that was made elsewhere.
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
    project.rights(report).await;
    project.secrets(name, report).await;
    Ok(())
}

/// Where an API is: `CLOUDSDK_API_ENDPOINT_OVERRIDES_<API>`, as gcloud has it, or Google's own.
fn endpoint(env: &Env, api: &str) -> String {
    let variable = format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{}", api.to_uppercase());
    let own = format!("https://{api}.googleapis.com");
    let given = env.get(&variable).unwrap_or(&own);
    given.trim_end_matches('/').to_owned()
}

impl Project<'_> {
    async fn ask(&self, api: &str, path: &str, body: Option<Value>) -> Result<Value, Outcome> {
        let url = format!("{}{path}", endpoint(self.env, api));
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).json(&body),
        };
        let sent = request.bearer_auth(self.token.expose()).send().await;
        let answer = sent.map_err(|error| {
            failed(
                format!("{api}.googleapis.com can't be reached: {error}"),
                "metasync doctor --gcp  # again",
            )
        })?;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap_or_default();
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let said = value["error"]["message"].as_str().unwrap_or_default();
        let id = self.id;
        match status {
            200 => Ok(value),
            401 => Err(failed("the login is wrong or has expired", LOGIN)),
            403 if said.contains("has not been used") || said.contains("disabled") => Err(failed(
                said,
                format!("gcloud services enable {api}.googleapis.com --project {id}"),
            )),
            403 => Err(failed(
                said,
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
                format!("Google answers {status}: {said}"),
                "metasync doctor --gcp  # again",
            )),
        }
    }

    async fn apis(&self, report: &mut Report) {
        let id = self.id;
        let names = APIS.map(|api| format!("names=projects/{id}/services/{api}.googleapis.com"));
        let path = format!("/v1/projects/{id}/services:batchGet?{}", names.join("&"));
        let services = match self.ask("serviceusage", &path, None).await {
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
            let mend = format!("gcloud services enable {missing} --project {id}");
            failed(format!("not enabled: {missing}"), mend)
        };
        report.add("APIs", outcome);
    }

    async fn rights(&self, report: &mut Report) {
        let id = self.id;
        let path = format!("/v1/projects/{id}:testIamPermissions");
        let wanted = json!({ "permissions": RIGHTS.map(|(right, _)| right) });
        let answer = match self.ask("cloudresourcemanager", &path, Some(wanted)).await {
            Ok(answer) => answer,
            Err(outcome) => return report.add("rights", outcome),
        };
        let had = answer["permissions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let missing = RIGHTS
            .iter()
            .filter(|(right, _)| !had.contains(&json!(right)));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            return report.add("rights", fine("enough to deploy"));
        }
        for (right, role) in missing {
            let mend = format!(
                "gcloud projects add-iam-policy-binding {id} --role {role} --member \"user:$(gcloud \
                 config get account)\""
            );
            report.add("rights", failed(format!("{right} is missing"), mend));
        }
    }

    /// Cloud Run starts no revision before each secret that it reads has a value.
    async fn secrets(&self, name: &str, report: &mut Report) {
        let id = self.id;
        let path = format!("/v1/projects/{id}/secrets?pageSize=500&filter=name:{name}-");
        let secrets = match self.ask("secretmanager", &path, None).await {
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
            let versions = self.ask("secretmanager", &path, None).await;
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
                    "it has no value, so that its services do not start",
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
