//! Google Secret Manager.

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::{Content, Failure, Read, received};
use crate::Env;
use crate::google::QUOTA_PROJECT;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// `projects/<project>/secrets/<name>/versions/<version>`.
pub(super) struct Name {
    full: String,
    project: String,
    secret: String,
}

impl Name {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let parts: Vec<&str> = value.split('/').collect();
        let ["projects", project, "secrets", secret, "versions", version] = parts[..] else {
            return None;
        };
        let plain = |part: &str| {
            let letters = |it: char| it.is_ascii_alphanumeric() || "-_.:".contains(it);
            !part.is_empty() && part.chars().all(letters)
        };
        let is_name = [project, secret, version].into_iter().all(plain);
        is_name.then(|| Self {
            full: value.to_owned(),
            project: project.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

pub(super) struct Google {
    http: reqwest::Client,
    endpoint: String,
    /// None for an emulator, which needs no token.
    login: Option<crate::google::Google>,
}

#[derive(Deserialize)]
struct Version {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    data: String,
}

impl Google {
    /// At `SECRET_MANAGER_EMULATOR_HOST` (a URL or `host:port`), or Google's own endpoint.
    pub(super) fn new(env: &Env, http: reqwest::Client) -> Self {
        let (endpoint, login) = match env.get("SECRET_MANAGER_EMULATOR_HOST") {
            Some(host) if host.contains("://") => (host.to_owned(), None),
            Some(host) => (format!("http://{host}"), None),
            None => (
                "https://secretmanager.googleapis.com".to_owned(),
                Some(crate::google::Google::new(env)),
            ),
        };
        Self {
            http,
            endpoint,
            login,
        }
    }

    pub(super) async fn read(&self, name: &Name) -> Read {
        let url = format!(
            "{}/v1/{}:access",
            self.endpoint.trim_end_matches('/'),
            name.full
        );
        let mut request = self.http.get(url);
        if let Some(login) = &self.login {
            let token = login.token(&[SCOPE]).await.map_err(Failure::permanent)?;
            request = request.bearer_auth(token.expose());
            if let Some(project) = login.quota_project() {
                request = request.header(QUOTA_PROJECT, project);
            }
        }
        let (status, body) = received(request.send().await).await?;
        if status != 200 {
            return Err(refused(name, status));
        }
        text(&body).map(Content::Text).map_err(Failure::permanent)
    }
}

fn text(body: &[u8]) -> anyhow::Result<String> {
    let version: Version = serde_json::from_slice(body)
        .map_err(|_| anyhow!("can't read the response of Secret Manager"))?;
    let bytes = BASE64.decode(version.payload.data);
    let bytes = bytes.context("the response of Secret Manager is not base64")?;
    String::from_utf8(bytes).map_err(|_| anyhow!("the secret is binary: store it as text"))
}

fn refused(name: &Name, status: u16) -> Failure {
    let Name {
        project, secret, ..
    } = name;
    let hint = match status {
        404 => format!(
            "the secret doesn't exist or has no value: set it with `gcloud secrets versions \
             add {secret} --project {project} --data-file -`"
        ),
        401 => "the Google login is not valid or has expired: log in again".to_owned(),
        403 => format!(
            "access denied, or the API is not enabled: run `gcloud services enable \
             secretmanager.googleapis.com --project {project}`, and grant the account \
             roles/secretmanager.secretAccessor on {secret}"
        ),
        _ => format!("Secret Manager returns {status}"),
    };
    Failure::permanent(anyhow!(hint))
}
