//! Stand-ins for the APIs of Google Cloud, `gcloud` and `terraform`, with one deployment as state.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use metasync::catalogue;
use serde_json::{Value, json};

use super::{TOKENS, doctor};

const PROJECT: &str = "shop";
const CHANNEL: &str = "projects/shop/notificationChannels/1";
const REGION: &str = "europe-west3";
/// Passes its arguments and, if one of them is `-`, its input to the cloud, which carries the command out.
const PROGRAM: &str = r#"#!/bin/sh
case " $* " in *" - ") input=$(cat) ;; esac
[ "$*" = "config get account" ] && echo ann@example.com && exit
printf '%s\n%s' "$*" "$input" | curl -sS --fail-with-body --data-binary @- "$CLOUD/run/$(basename "$0")"
"#;

/// What a deployment on Google Cloud consists of. Every part can be changed, to seed a fault.
pub struct Deployment {
    url: String,
    pub disabled_apis: BTreeSet<String>,
    pub missing_permissions: BTreeSet<String>,
    /// The services, subscriptions and jobs by the path of the API.
    pub resources: BTreeMap<String, Value>,
    /// The newest version of each secret: its value, and whether it is enabled.
    pub secrets: BTreeMap<String, Option<(String, bool)>>,
    /// The display names of the alert policies.
    pub alarms: BTreeSet<String>,
    /// What each service reports about itself.
    pub reports: BTreeMap<String, (u16, Value)>,
    /// The values of `x-goog-user-project` that arrived.
    pub quota_projects: BTreeSet<String>,
    /// The service accounts that the caller may impersonate.
    pub impersonated: BTreeSet<String>,
}

pub struct Google {
    pub url: String,
    state: Arc<Mutex<Deployment>>,
    programs: tempfile::TempDir,
}

impl Google {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Deployment::new(&url)));
        let service = Router::new().fallback(reply).with_state(state.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, service).await.unwrap();
            });
        });
        let programs = tempfile::tempdir().unwrap();
        for name in ["gcloud", "terraform"] {
            write_program(&programs.path().join(name));
        }
        Self {
            url,
            state,
            programs,
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Deployment> {
        self.state.lock().unwrap()
    }

    /// The variables of the operator's shell.
    pub fn env(&self) -> Vec<(String, String)> {
        let apis = [
            "SERVICEUSAGE",
            "CLOUDRESOURCEMANAGER",
            "SECRETMANAGER",
            "MONITORING",
            "RUN",
            "PUBSUB",
            "CLOUDSCHEDULER",
            "IAMCREDENTIALS",
        ];
        let apis = apis.map(|api| format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"));
        let own = [
            ("AUTH_TOKENS", TOKENS.to_owned()),
            ("GOOGLE_CLOUD_PROJECT", PROJECT.to_owned()),
            ("CLOUDSDK_AUTH_ACCESS_TOKEN", "token".to_owned()),
            ("CLOUDSDK_BILLING_QUOTA_PROJECT", "quota".to_owned()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let apis = apis.into_iter().map(|name| (name, self.url.clone()));
        own.into_iter().chain(apis).collect()
    }

    pub fn doctor(&self) -> (bool, Vec<(String, String, String)>) {
        let env = self.env();
        let env: Vec<(&str, &str)> = env
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        doctor(&["--gcp"], &env)
    }

    /// Runs a command that the doctor printed, in a shell with these variables.
    pub fn run(&self, command: &str, variables: &[(&str, &str)]) {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.programs.path().display());
        let output = Command::new("sh")
            .args(["-ec", command])
            .env_clear()
            .env("PATH", path)
            .env("EDITOR", "true")
            .env("CLOUD", &self.url)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}\n{text}\n{errors}");
    }
}

fn write_program(path: &Path) {
    std::fs::write(path, PROGRAM).unwrap();
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    permissions.set_mode(0o755);
    std::fs::set_permissions(path, permissions).unwrap();
}

impl Deployment {
    fn new(url: &str) -> Self {
        let key = "07".repeat(32);
        let secrets = [
            ("AUTH_TOKENS", TOKENS.to_owned()),
            ("DATABASE_URL", "postgres://metasync@db/shop".to_owned()),
            ("MASKING_KEY", key.clone()),
            ("METASYNC_KEYS", key.clone()),
            ("PRIVACY_KEY", key),
            ("WAREHOUSE_URL", "postgres://reader@db/shop".to_owned()),
        ];
        let mut deployment = Self {
            url: url.to_owned(),
            disabled_apis: BTreeSet::new(),
            missing_permissions: BTreeSet::new(),
            resources: BTreeMap::new(),
            secrets: secrets
                .into_iter()
                .map(|(name, value)| (name.to_owned(), Some((value, true))))
                .collect(),
            alarms: BTreeSet::new(),
            reports: BTreeMap::new(),
            quota_projects: BTreeSet::new(),
            impersonated: BTreeSet::new(),
        };
        deployment.apply();
        deployment
    }

    /// Creates what the catalogue has.
    fn apply(&mut self) {
        self.resources.clear();
        let mut functions = catalogue::functions();
        functions.remove("metasync");
        for (name, function) in functions {
            let healthy = json!({"status": "ok", "checks": []});
            self.reports.entry(name.clone()).or_insert((200, healthy));
            let uri = format!("{}/services/{name}", self.url);
            let caller = format!("metasync-{name}-call@{PROJECT}.iam.gserviceaccount.com");
            let audience = format!("metasync-{name}.events");
            let token = json!({"serviceAccountEmail": caller, "audience": audience});
            let mut env = vec![json!({"name": "GOOGLE_CLOUD_PROJECT", "value": PROJECT})];
            if function.uses.bucket.is_used() {
                let bucket = format!("gs://{PROJECT}-metasync");
                env.push(json!({"name": "BUCKET_URL", "value": bucket}));
            }
            if !function.schedules.is_empty() || !function.queues.is_empty() {
                env.push(json!({"name": "AUTH_TRIGGER_ACCOUNT", "value": caller}));
                env.push(json!({"name": "AUTH_TRIGGER_AUDIENCE", "value": audience}));
            }
            let secrets = self.secrets.keys();
            for secret in secrets.filter(|it| function.reads.contains(*it)) {
                let key = json!({"secret": format!("metasync-{secret}"), "version": "latest"});
                env.push(json!({"name": secret, "valueSource": {"secretKeyRef": key}}));
            }
            let service = json!({
                "uri": uri,
                "invokerIamDisabled": true,
                "customAudiences": [audience],
                "terminalCondition": {"state": "CONDITION_SUCCEEDED"},
                "template": {
                    "timeout": format!("{}s", function.timeout_seconds),
                    "maxInstanceRequestConcurrency": function.concurrency.requests,
                    "scaling": {"maxInstanceCount": function.concurrency.instances},
                    "containers": [{
                        "command": [format!("/{name}")],
                        "env": env,
                        "resources": {"limits": {"memory": "512Mi"}},
                    }],
                },
            });
            let locations = format!("projects/{PROJECT}/locations/{REGION}");
            let path = format!("/v2/{locations}/services/metasync-{name}");
            self.resources.insert(path, service);
            self.alarms.insert(format!("metasync: {name} answers 5xx"));
            self.alarms
                .insert("metasync: many requests are refused".to_owned());
            let address = format!("{uri}/events/{name}");
            for owner in function.queues.keys() {
                self.alarms
                    .insert(format!("metasync: dead letters of {owner}"));
                let topic = format!("projects/{PROJECT}/topics/metasync-{owner}-dead-letters");
                let subscription = json!({
                    "state": "ACTIVE",
                    "ackDeadlineSeconds": 30,
                    "pushConfig": {"pushEndpoint": address, "oidcToken": token},
                    "deadLetterPolicy": {"deadLetterTopic": topic, "maxDeliveryAttempts": 5},
                });
                let path = format!("/v1/projects/{PROJECT}/subscriptions/metasync-{owner}");
                self.resources.insert(path, subscription);
            }
            for (schedule, when) in &function.schedules {
                self.alarms
                    .insert("metasync: a scheduled run failed".to_owned());
                let input = Value::from(when.input.clone()).to_string();
                let job = json!({
                    "state": "ENABLED",
                    "schedule": when.on_google_cloud(),
                    "httpTarget": {"uri": address, "oidcToken": token, "body": BASE64.encode(input)},
                });
                let path = format!("/v1/{locations}/jobs/metasync-{name}-{schedule}");
                self.resources.insert(path, job);
            }
        }
    }

    fn get(&mut self, path: &str, query: &str) -> (u16, Value) {
        let own = format!("/v1/projects/{PROJECT}");
        let rest = path.strip_prefix(&own).unwrap_or(path);
        let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["services:batchGet"] => {
                let names = query.split('&').filter_map(|it| it.strip_prefix("names="));
                let services = names.map(|name| {
                    let api = name.rsplit('/').next().unwrap_or_default();
                    let is_off = self.disabled_apis.contains(api);
                    json!({"name": name, "state": if is_off { "DISABLED" } else { "ENABLED" }})
                });
                (200, json!({"services": services.collect::<Vec<_>>()}))
            }
            ["secrets"] => {
                let each = self.secrets.keys();
                let each =
                    each.map(|name| json!({"name": format!("projects/1/secrets/metasync-{name}")}));
                (200, json!({"secrets": each.collect::<Vec<_>>()}))
            }
            ["secrets", secret, "versions"] => match self.secret(secret) {
                Some((_, enabled)) => {
                    let state = if *enabled { "ENABLED" } else { "DISABLED" };
                    let name = format!("projects/1/secrets/{secret}/versions/3");
                    (200, json!({"versions": [{"name": name, "state": state}]}))
                }
                None if self.secrets.contains_key(&secret[9..]) => (200, json!({})),
                None => (404, json!({})),
            },
            ["secrets", secret, "versions", "latest:access"] => match self.secret(secret) {
                Some((value, true)) => (200, json!({"payload": {"data": BASE64.encode(value)}})),
                _ => (404, json!({})),
            },
            [
                "apis",
                "serving.knative.dev",
                "v1",
                "namespaces",
                PROJECT,
                "services",
            ] => {
                let names = self.resources.keys().filter(|it| it.starts_with("/v2/"));
                let items = names.map(|path| {
                    let name = path.rsplit('/').next().unwrap_or_default();
                    let labels = json!({"cloud.googleapis.com/location": REGION});
                    json!({"metadata": {"name": name, "labels": labels}})
                });
                (200, json!({"items": items.collect::<Vec<_>>()}))
            }
            ["services", service, "readyz"] => self.reports[service].clone(),
            ["v3", "projects", PROJECT, "alertPolicies"] => {
                let own = |_: &&String| query.contains("%22metasync:");
                let policy = |it| json!({"displayName": it, "notificationChannels": [CHANNEL]});
                let policies: Vec<Value> = self.alarms.iter().filter(own).map(policy).collect();
                (200, json!({"alertPolicies": policies}))
            }
            ["v3", "projects", PROJECT, "notificationChannels"] => {
                (200, json!({"notificationChannels": [{"name": CHANNEL}]}))
            }
            _ => match self.resources.get(path) {
                Some(found) => (200, found.clone()),
                None => (404, json!({})),
            },
        }
    }

    fn secret(&self, name: &str) -> Option<&(String, bool)> {
        let variable = name.strip_prefix("metasync-")?;
        self.secrets.get(variable)?.as_ref()
    }

    fn post(&mut self, path: &str, body: &str) -> (u16, Value) {
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        if path.ends_with(":testIamPermissions") {
            let asked = json["permissions"].as_array().unwrap();
            assert!(asked.len() <= 100, "IAM tests 100 permissions at once");
            let granted = asked
                .iter()
                .filter(|it| !self.missing_permissions.contains(it.as_str().unwrap()));
            return (200, json!({"permissions": granted.collect::<Vec<_>>()}));
        }
        if let Some(account) = path.strip_suffix(":generateIdToken") {
            let account = account.rsplit('/').next().unwrap_or_default();
            return match self.impersonated.contains(account) {
                true => (200, json!({"token": "an-id-token"})),
                false => (403, json!({"error": {"message": "denied"}})),
            };
        }
        let Some(program) = path.strip_prefix("/run/") else {
            return (404, json!({}));
        };
        let (command, input) = body.split_once('\n').unwrap_or((body, ""));
        let words: Vec<&str> = command.split(' ').collect();
        match (program, &words[..]) {
            ("terraform", ["-chdir=infra/gcp", "apply"]) => self.apply(),
            ("gcloud", ["services", "enable", apis @ .., "--project", PROJECT]) => {
                self.disabled_apis
                    .retain(|api| !apis.contains(&api.as_str()));
            }
            (
                "gcloud",
                [
                    "projects",
                    "add-iam-policy-binding",
                    PROJECT,
                    "--role",
                    role,
                    "--member",
                    "user:ann@example.com",
                ],
            ) => {
                self.grant(role);
            }
            (
                "gcloud",
                [
                    "iam",
                    "service-accounts",
                    "add-iam-policy-binding",
                    account,
                    "--project",
                    PROJECT,
                    "--role",
                    "roles/iam.serviceAccountTokenCreator",
                    "--member",
                    "user:ann@example.com",
                ],
            ) => {
                self.impersonated.insert((*account).to_owned());
            }
            (
                "gcloud",
                [
                    "secrets",
                    "versions",
                    "add",
                    secret,
                    "--project",
                    PROJECT,
                    "--data-file",
                    "-",
                ],
            ) => {
                let variable = secret.strip_prefix("metasync-").unwrap();
                let value = Some((input.to_owned(), true));
                self.secrets.insert(variable.to_owned(), value);
            }
            (
                "gcloud",
                [
                    "secrets",
                    "versions",
                    "enable",
                    "3",
                    "--secret",
                    secret,
                    "--project",
                    PROJECT,
                ],
            ) => {
                let variable = secret.strip_prefix("metasync-").unwrap();
                if let Some(Some((_, enabled))) = self.secrets.get_mut(variable) {
                    *enabled = true;
                }
            }
            (
                "gcloud",
                [
                    "scheduler",
                    "jobs",
                    "run",
                    "metasync-schema-sync-sync",
                    "--location",
                    REGION,
                    "--project",
                    PROJECT,
                ],
            ) => {
                let healthy = json!({"status": "ok", "checks": []});
                self.reports.insert("cache-read".to_owned(), (200, healthy));
            }
            _ => return (400, json!(format!("unknown: {program} {command}"))),
        }
        (200, json!({}))
    }

    /// Grants the permissions of a role, by the prefixes that it covers.
    fn grant(&mut self, role: &str) {
        let prefixes: &[&str] = match role {
            "roles/artifactregistry.admin" => &["artifactregistry."],
            "roles/cloudscheduler.admin" => &["cloudscheduler."],
            "roles/cloudsql.admin" => &["cloudsql."],
            "roles/iam.roleAdmin" => &["iam.roles."],
            "roles/iam.serviceAccountAdmin" => &[
                "iam.serviceAccounts.create",
                "iam.serviceAccounts.delete",
                "iam.serviceAccounts.get",
                "iam.serviceAccounts.update",
            ],
            "roles/iam.serviceAccountUser" => &["iam.serviceAccounts.actAs"],
            "roles/monitoring.alertPolicyEditor" => &["monitoring.alertPolicies."],
            "roles/monitoring.notificationChannelEditor" => &["monitoring.notificationChannels."],
            "roles/pubsub.admin" => &["pubsub."],
            "roles/resourcemanager.projectIamAdmin" => &[
                "resourcemanager.projects.getIamPolicy",
                "resourcemanager.projects.setIamPolicy",
            ],
            "roles/browser" => &["resourcemanager.projects.get"],
            "roles/compute.loadBalancerAdmin" => &[
                "compute.backendServices.",
                "compute.global",
                "compute.regionNetworkEndpointGroups.",
                "compute.ssl",
                "compute.targetHttpsProxies.",
                "compute.urlMaps.",
            ],
            "roles/compute.networkAdmin" => &[
                "compute.addresses.",
                "compute.networks.",
                "compute.routers.",
                "compute.subnetworks.",
            ],
            "roles/run.admin" => &["run."],
            "roles/secretmanager.admin" => &["secretmanager."],
            "roles/serviceusage.serviceUsageAdmin" => &["serviceusage."],
            "roles/storage.admin" => &["storage."],
            other => panic!("{other} is no role of these tests"),
        };
        self.missing_permissions
            .retain(|it| !prefixes.iter().any(|prefix| it.starts_with(prefix)));
    }
}

async fn reply(State(state): State<Arc<Mutex<Deployment>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let mut state = state.lock().unwrap();
    if let Some(project) = parts.headers.get("x-goog-user-project") {
        let project = project.to_str().unwrap().to_owned();
        state.quota_projects.insert(project);
    }
    let is_private = path.strip_prefix("/services/").is_some_and(|rest| {
        let name = rest.split('/').next().unwrap_or_default();
        let service = format!("/v2/projects/{PROJECT}/locations/{REGION}/services/metasync-{name}");
        state.resources[&service]["invokerIamDisabled"] != true
    });
    if is_private
        && parts
            .headers
            .get("authorization")
            .is_none_or(|it| it != "Bearer an-id-token")
    {
        return StatusCode::FORBIDDEN.into_response();
    }
    let (status, value) = match parts.method.as_str() {
        "GET" => state.get(&path, &query),
        _ => state.post(&path, &body),
    };
    (StatusCode::from_u16(status).unwrap(), value.to_string()).into_response()
}
