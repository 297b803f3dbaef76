//! Values that are kept in a secret manager, and stand in the environment by their name there.
//!
//! | a value of this form | is read from |
//! | --- | --- |
//! | `arn:aws:secretsmanager:<region>:<account>:secret:<name>`, after it perhaps `:<JSON key>:<stage>:<version id>`, as ECS writes it | AWS Secrets Manager |
//! | `projects/<project>/secrets/<name>/versions/<version>` | Google Secret Manager |
//!
//! [`resolve`] reads them once, at start. Where there are none it does nothing at all.

mod amazon;
mod google;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{sleep, timeout};

use crate::aws::Amazon;
use crate::{Env, http_client};
use amazon::Arn;
use google::{Google, Name};

/// For all of them together: Lambda gives a start 10 s.
const WITHIN: Duration = Duration::from_secs(8);
/// For one answer, so that a second attempt is still in time.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

enum Reference {
    Amazon(Arn),
    Google(Name),
}

/// Why a secret can't be had, and whether it could be a moment later.
struct Failure {
    may_pass: bool,
    reason: anyhow::Error,
}

type Read = Result<String, Failure>;

/// The same snapshot with the values themselves in place of their names.
///
/// A variable whose name ends in `_ARN` keeps its value: it is a name by intent.
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
            "the secret manager gave no answer in {} s",
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

/// One after the other: over one connection, since at a small function's share of a core another
/// handshake costs more than the answer takes.
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
                secret.with_context(|| format!("{variable} can't be read"))?
            }
        };
        known.insert(value, secret.clone());
        resolved = resolved.with(&variable, secret);
    }
    Ok(resolved)
}

/// Tries again for as long as [`resolve`] waits.
async fn read(amazon: &Amazon, google: &Google, reference: &Reference) -> anyhow::Result<String> {
    loop {
        let attempt = async {
            match reference {
                Reference::Amazon(arn) => amazon::read(amazon, arn).await,
                Reference::Google(name) => google.read(name).await,
            }
        };
        match timeout(ANSWER_WITHIN, attempt).await {
            Ok(Ok(secret)) => return Ok(secret),
            Ok(Err(Failure { may_pass, reason })) if !may_pass => return Err(reason),
            Ok(Err(Failure { reason, .. })) => {
                tracing::warn!(error = format!("{reason:#}"), "a secret is asked for again");
            }
            Err(_) => tracing::warn!("the secret manager is slow, and asked again"),
        }
        sleep(PAUSE).await;
    }
}

impl Failure {
    fn lasting(reason: impl Into<anyhow::Error>) -> Self {
        let reason = reason.into();
        Self {
            may_pass: false,
            reason,
        }
    }

    fn passing(reason: impl Into<anyhow::Error>) -> Self {
        let reason = reason.into();
        Self {
            may_pass: true,
            reason,
        }
    }
}

/// The answer's status and body; what broke on the way may pass.
async fn answer(sent: reqwest::Result<reqwest::Response>) -> Result<(u16, Vec<u8>), Failure> {
    let answer = sent.map_err(|error| Failure::passing(error.without_url()))?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await;
    let body = body.map_err(|error| Failure::passing(error.without_url()))?;
    if status == 429 || status >= 500 {
        return Err(Failure::passing(anyhow::anyhow!(
            "the secret manager answers {status}"
        )));
    }
    Ok((status, body.to_vec()))
}
