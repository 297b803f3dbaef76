//! Secrets that are stored outside of the environment, to which variables refer.
//!
//! | a value of this form | is read from |
//! | --- | --- |
//! | `arn:aws:secretsmanager:<region>:<account>:secret:<name>`, optionally followed by `:<JSON key>:<stage>:<version id>`, the format of ECS | AWS Secrets Manager |
//! | `projects/<project>/secrets/<name>/versions/<version>` | Google Secret Manager |
//! | any path, in a variable `<NAME>_FILE` for the variable `<NAME>` | a file |
//!
//! [`resolve`] reads them at startup. Without references, it does nothing. [`Rotating`] values change when a
//! secret does, without a restart.

mod age;
mod aws;
mod file;
mod google;
mod refresh;
mod rotating;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::future::join_all;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::aws::Amazon;
use crate::{Env, http_client};
use aws::Arn;
use google::{Google, Name};

pub(crate) use refresh::Refresh;
pub use rotating::Rotating;

/// The time for all secrets together. Lambda allows 10 s for startup.
const WITHIN: Duration = Duration::from_secs(8);
/// The time for one response, which leaves time for a second attempt.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

enum Source {
    Amazon(Arn),
    Google(Name),
    File(PathBuf),
}

/// A variable whose value is stored elsewhere.
struct Reference {
    variable: String,
    /// The text of the reference. Equal references are read once.
    text: String,
    source: Source,
}

#[derive(Clone, PartialEq)]
enum Content {
    Text(String),
    /// The secret exists, but nobody has set it yet. `remedy` says how.
    NoValue {
        remedy: String,
    },
}

/// Why a secret can't be read, and whether another attempt may succeed.
struct Failure {
    is_temporary: bool,
    reason: anyhow::Error,
}

type Read = Result<Content, Failure>;

/// Replaces the references in a snapshot of the environment by the secrets.
///
/// A variable whose name ends in `_ARN` keeps its value: it is meant to be an ARN. A variable whose secret
/// has no value yet counts as unset, with a warning, so that a new secret doesn't stop a deployment that can
/// run without it.
pub async fn resolve(env: Env) -> anyhow::Result<Env> {
    let found = references(&env)?;
    if found.is_empty() {
        return Ok(env);
    }
    let read = timeout(WITHIN, read_all(env, &found)).await;
    let resolved = read.with_context(|| {
        format!(
            "the secret manager didn't respond within {} s",
            WITHIN.as_secs()
        )
    })??;
    for (name, remedy) in resolved.without_value() {
        tracing::warn!(
            "{name} counts as unset, because it refers to a secret without a value: {remedy}"
        );
    }
    Ok(resolved)
}

/// Like [`resolve`], for a report on a configuration: a secret that can't be read doesn't affect the others. Its
/// variable counts as unset, and [`Env::unread`] has the reason.
pub async fn resolve_each(env: Env) -> Env {
    let mut resolved = env.clone();
    let mut found = Vec::new();
    for (variable, reference) in each_reference(&env) {
        match reference {
            Ok(reference) => found.extend(reference),
            Err(error) => resolved.set_unread(variable, format!("{error:#}")),
        }
    }
    let managers = Managers::new(&env);
    let read = found.iter().map(async |reference| {
        let read = timeout(WITHIN, managers.retry(&reference.source)).await;
        let late = || anyhow!("no response within {} s", WITHIN.as_secs());
        (reference, read.unwrap_or_else(|_| Err(late())))
    });
    for (Reference { variable, .. }, read) in join_all(read).await {
        match read {
            // Set in two forms: neither is meant for certain.
            Ok(_) if resolved.why_unread(variable).is_some() => {}
            Ok(content) => content.put(variable, &mut resolved),
            Err(error) => resolved.set_unread(variable, format!("{error:#}")),
        }
    }
    resolved.set_given(env.clone());
    resolved
}

fn references(env: &Env) -> anyhow::Result<Vec<Reference>> {
    let each = each_reference(env).map(|(_, reference)| reference);
    each.filter_map(Result::transpose).collect()
}

/// Each variable, and its reference if it has one.
fn each_reference(env: &Env) -> impl Iterator<Item = (&str, anyhow::Result<Option<Reference>>)> {
    let pairs = env.iter().filter(|(name, _)| !name.ends_with("_ARN"));
    pairs.map(|(name, value)| {
        let variable = file::variable_of(name);
        let source = match variable {
            Some(variable) if env.get(variable).is_some() => Err(anyhow!(
                "{variable} and {name} are both set: unset one of the two"
            )),
            Some(_) => Ok(Some(Source::File(value.into()))),
            None => Source::of(value).with_context(|| name.to_owned()),
        };
        let variable = variable.unwrap_or(name);
        let reference = source.map(|source| {
            source.map(|source| Reference {
                variable: variable.to_owned(),
                text: value.to_owned(),
                source,
            })
        });
        (variable, reference)
    })
}

impl Content {
    fn put(self, variable: &str, env: &mut Env) {
        match self {
            Self::Text(secret) => *env = std::mem::take(env).with(variable, secret),
            Self::NoValue { remedy } => env.set_without_value(variable, remedy),
        }
    }
}

impl Source {
    fn of(value: &str) -> anyhow::Result<Option<Self>> {
        if let Some(arn) = Arn::parse(value)? {
            return Ok(Some(Self::Amazon(arn)));
        }
        Ok(Name::parse(value).map(Self::Google))
    }
}

async fn read_all(env: Env, found: &[Reference]) -> anyhow::Result<Env> {
    let managers = Managers::new(&env);
    // What was read, by the text of the reference.
    let mut known: BTreeMap<&str, Content> = BTreeMap::new();
    let mut resolved = env.clone();
    for reference in found {
        let content = match known.get(reference.text.as_str()) {
            Some(content) => content.clone(),
            None => {
                let read = managers.retry(&reference.source).await;
                let content = read
                    .with_context(|| format!("can't read the secret of {}", reference.variable))?;
                known.insert(&reference.text, content.clone());
                content
            }
        };
        content.put(&reference.variable, &mut resolved);
    }
    resolved.set_given(env);
    Ok(resolved)
}

/// The secret managers and files.
///
/// At startup, secrets are read one after another over one connection: with a small function's share of a CPU,
/// a second TLS handshake takes longer than a response.
struct Managers<'a> {
    env: &'a Env,
    /// Opened for the first reference to a secret manager: reading files is cheap and frequent.
    clients: OnceCell<(Amazon, Google)>,
}

impl<'a> Managers<'a> {
    fn new(env: &'a Env) -> Self {
        Self {
            env,
            clients: OnceCell::new(),
        }
    }

    async fn clients(&self) -> Result<&(Amazon, Google), Failure> {
        let open = async || {
            let http = http_client::build(self.env).map_err(Failure::permanent)?;
            let amazon = Amazon::new(self.env, http.clone());
            Ok((amazon, Google::new(self.env, http)))
        };
        self.clients.get_or_try_init(open).await
    }

    /// Reads a secret in one attempt, which takes at most [`RESPONSE_TIMEOUT`].
    async fn read(&self, source: &Source) -> Read {
        let attempt = async {
            match source {
                Source::Amazon(arn) => aws::read(&self.clients().await?.0, arn).await,
                Source::Google(name) => self.clients().await?.1.read(name).await,
                Source::File(path) => file::read(path).await,
            }
        };
        let in_time = timeout(RESPONSE_TIMEOUT, attempt).await;
        in_time.unwrap_or_else(|_| Err(Failure::temporary(anyhow!("no response in time"))))
    }

    /// Retries for as long as the caller waits.
    async fn retry(&self, source: &Source) -> anyhow::Result<Content> {
        loop {
            match self.read(source).await {
                Ok(content) => return Ok(content),
                Err(failure) if !failure.is_temporary => return Err(failure.reason),
                Err(Failure { reason, .. }) => {
                    tracing::warn!(error = format!("{reason:#}"), "retrying to read a secret");
                }
            }
            sleep(PAUSE).await;
        }
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
        return Err(Failure::temporary(anyhow!(
            "the secret manager returns {status}"
        )));
    }
    Ok((status, body.to_vec()))
}
