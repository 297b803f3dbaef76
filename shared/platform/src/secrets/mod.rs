//! Secrets in a secret manager, to which variables refer by name.
//!
//! | a value of this form | is read from |
//! | --- | --- |
//! | `arn:aws:secretsmanager:<region>:<account>:secret:<name>`, optionally followed by `:<JSON key>:<stage>:<version id>`, the format of ECS | AWS Secrets Manager |
//! | `projects/<project>/secrets/<name>/versions/<version>` | Google Secret Manager |
//!
//! [`resolve`] reads them once, at startup. Without references, it does nothing.

mod aws;
mod google;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{sleep, timeout};

use crate::aws::Amazon;
use crate::{Env, http_client};
use aws::Arn;
use google::{Google, Name};

/// The time for all secrets together. Lambda allows 10 s for startup.
const WITHIN: Duration = Duration::from_secs(8);
/// The time for one response, which leaves time for a second attempt.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

enum Reference {
    Amazon(Arn),
    Google(Name),
}

/// Why a secret can't be read, and whether another attempt may succeed.
struct Failure {
    is_temporary: bool,
    reason: anyhow::Error,
}

type Read = Result<String, Failure>;

/// Replaces the references in a snapshot of the environment by the secrets.
///
/// A variable whose name ends in `_ARN` keeps its value: it is meant to be an ARN.
pub async fn resolve(env: Env) -> anyhow::Result<Env> {
    let mut found = Vec::new();
    for (variable, value) in env.iter().filter(|(name, _)| !name.ends_with("_ARN")) {
        let reference = Reference::of(value).with_context(|| variable.to_owned())?;
        found.extend(reference.map(|it| (variable.to_owned(), value.to_owned(), it)));
    }
    if found.is_empty() {
        return Ok(env);
    }
    let read = timeout(WITHIN, read_all(env, found)).await;
    read.with_context(|| {
        format!(
            "the secret manager didn't respond within {} s",
            WITHIN.as_secs()
        )
    })?
}

impl Reference {
    fn of(value: &str) -> anyhow::Result<Option<Self>> {
        if let Some(arn) = Arn::parse(value)? {
            return Ok(Some(Self::Amazon(arn)));
        }
        Ok(Name::parse(value).map(Self::Google))
    }
}

/// Reads one secret after another over one connection: with a small function's share of a CPU, a second TLS
/// handshake takes longer than a response.
async fn read_all(env: Env, found: Vec<(String, String, Reference)>) -> anyhow::Result<Env> {
    let http = http_client::build(&env)?;
    let amazon = Amazon::new(&env, http.clone());
    let google = Google::new(&env, http);
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut resolved = env;
    for (variable, value, reference) in found {
        let secret = match known.get(&value) {
            Some(secret) => secret.clone(),
            None => {
                let secret = read(&amazon, &google, &reference).await;
                secret.with_context(|| format!("can't read the secret of {variable}"))?
            }
        };
        known.insert(value, secret.clone());
        resolved = resolved.with(&variable, secret);
    }
    Ok(resolved)
}

/// Retries until [`resolve`] gives up.
async fn read(amazon: &Amazon, google: &Google, reference: &Reference) -> anyhow::Result<String> {
    loop {
        let attempt = async {
            match reference {
                Reference::Amazon(arn) => aws::read(amazon, arn).await,
                Reference::Google(name) => google.read(name).await,
            }
        };
        match timeout(RESPONSE_TIMEOUT, attempt).await {
            Ok(Ok(secret)) => return Ok(secret),
            Ok(Err(failure)) if !failure.is_temporary => return Err(failure.reason),
            Ok(Err(Failure { reason, .. })) => {
                tracing::warn!(error = format!("{reason:#}"), "retrying to read a secret");
            }
            Err(_) => tracing::warn!("the secret manager is slow; retrying to read a secret"),
        }
        sleep(PAUSE).await;
    }
}

impl Failure {
    fn permanent(reason: impl Into<anyhow::Error>) -> Self {
        let reason = reason.into();
        Self {
            is_temporary: false,
            reason,
        }
    }

    fn temporary(reason: impl Into<anyhow::Error>) -> Self {
        let reason = reason.into();
        Self {
            is_temporary: true,
            reason,
        }
    }
}

/// The status and the body of a response. Failures of the connection are temporary.
async fn received(sent: reqwest::Result<reqwest::Response>) -> Result<(u16, Vec<u8>), Failure> {
    let response = sent.map_err(|error| Failure::temporary(error.without_url()))?;
    let status = response.status().as_u16();
    let body = response.bytes().await;
    let body = body.map_err(|error| Failure::temporary(error.without_url()))?;
    if status == 429 || status >= 500 {
        return Err(Failure::temporary(anyhow::anyhow!(
            "the secret manager returns {status}"
        )));
    }
    Ok((status, body.to_vec()))
}
