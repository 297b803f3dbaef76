//! The public keys of an issuer. They are fetched when one is needed, cached, and fetched again when they
//! get old or when a token names an unknown key, but at most once per [`PAUSE`].

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::local::is_loopback;
use super::unauthenticated;
use crate::Error;
use crate::clock::{Clock, Moment};

/// The shortest time between two fetches, so that tokens with made-up keys don't flood the issuer.
const PAUSE: Duration = Duration::from_secs(5);
/// The age at which the keys are fetched again, so that withdrawn keys are dropped.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// The age up to which the keys are used while the issuer is down.
const USABLE: Duration = Duration::from_secs(24 * 60 * 60);
/// The time-out of each of the two requests of a fetch.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// The size limit of a response, in bytes. Google's keys have about 2 KB.
const LARGEST_RESPONSE: usize = 1024 * 1024;

pub(super) struct Key {
    pub(super) key: DecodingKey,
    /// The algorithms of the key: all of one family, and never those of a shared secret.
    pub(super) algorithms: Vec<Algorithm>,
}

/// Keys by their id, if they have one.
type ById = HashMap<Option<String>, Arc<Key>>;

#[derive(Clone)]
pub(super) struct Keys(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    clock: Clock,
    source: Source,
    /// Held during a fetch, so that only one runs at a time.
    fetching: Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<ById>,
    fetched: Option<Moment>,
    /// The time of the last attempt, and whether it succeeded.
    tried: Option<(Moment, bool)>,
}

impl Known {
    fn within(&self, age: Duration, now: Moment) -> bool {
        self.fetched.is_some_and(|fetched| now.since(fetched) < age)
    }

    fn just_tried(&self, now: Moment) -> bool {
        self.tried.is_some_and(|(at, _)| now.since(at) < PAUSE)
    }

    /// The key with this id. For a JWT without a key id, the only key, if there is only one.
    fn key(&self, id: Option<&str>, now: Moment) -> Option<Arc<Key>> {
        if !self.within(USABLE, now) {
            return None;
        }
        match id {
            Some(_) => self.keys.get(&id.map(str::to_owned)).cloned(),
            None if self.keys.len() == 1 => self.keys.values().next().cloned(),
            None => None,
        }
    }
}

impl Keys {
    pub(super) fn new(http: reqwest::Client, clock: Clock, source: Source) -> Self {
        Self(Arc::new(Inner {
            http,
            clock,
            source,
            fetching: Mutex::default(),
            known: RwLock::default(),
        }))
    }

    /// Finds the key with this id.
    ///
    /// # Errors
    /// `Unauthenticated` if the issuer has no such key, `Unavailable` if its keys can't be fetched.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Arc<Key>, Error> {
        let (known, now) = (self.0.known(), self.0.clock.now());
        if let Some(key) = known.key(id, now) {
            let due = !known.within(FRESH, now) && !known.just_tried(now);
            // Only one caller waits for the fetch; if it fails, the old keys are used.
            if !due || self.0.fetching.try_lock().is_err() {
                return Ok(key);
            }
        }
        let known = self.refetch().await;
        let key = known.key(id, self.0.clock.now());
        key.ok_or_else(|| unknown(&known))
    }

    /// Fetches the keys and returns what is known afterwards. It runs in a task of its own: if it were
    /// cancelled with the request, the next request would start it again.
    async fn refetch(&self) -> Known {
        let inner = self.0.clone();
        let fetch = tokio::spawn(async move {
            let _one = inner.fetching.lock().await;
            let known = inner.known();
            if known.just_tried(inner.clock.now()) {
                return;
            }
            let fetched = inner.fetch().await;
            let now = inner.clock.now();
            let mut known = inner.known.write().unwrap_or_else(PoisonError::into_inner);
            known.tried = Some((now, fetched.is_ok()));
            match fetched {
                Ok(keys) => {
                    known.keys = Arc::new(keys);
                    known.fetched = Some(now);
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "can't fetch the keys of the issuer");
                }
            }
        });
        // An error means that the task panicked; the known keys are then unchanged.
        let _ = fetch.await;
        self.0.known()
    }
}

fn unknown(known: &Known) -> Error {
    match known.tried {
        Some((_, true)) => {
            unauthenticated("the token is signed with a key that its issuer doesn't have")
        }
        _ => Error::Unavailable {
            detail: "the keys of the token's issuer can't be fetched".into(),
            cause: None,
        },
    }
}

/// Where the keys are published.
pub(super) enum Source {
    Jwks(url::Url),
    /// At the URL in the issuer's discovery document.
    Discovery {
        issuer: String,
        document: url::Url,
    },
}

impl Source {
    pub(super) fn at(variable: &str, url: &str) -> anyhow::Result<Self> {
        Ok(Self::Jwks(
            safe_url(url).with_context(|| variable.to_owned())?,
        ))
    }

    pub(super) fn of_issuer(variable: &str, issuer: &str) -> anyhow::Result<Self> {
        let document = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        Ok(Self::Discovery {
            issuer: issuer.to_owned(),
            document: safe_url(&document).with_context(|| variable.to_owned())?,
        })
    }
}

/// Parses a URL that must be encrypted or local: whoever can respond to it can let anybody in.
///
/// # Errors
/// If it is another one.
pub fn safe_url(url: &str) -> anyhow::Result<url::Url> {
    let parsed = url::Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
    ensure!(
        parsed.scheme() == "https" || (parsed.scheme() == "http" && is_loopback(&parsed)),
        "{url:?} must be an https URL",
    );
    Ok(parsed)
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

impl Inner {
    fn known(&self) -> Known {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn fetch(&self) -> anyhow::Result<ById> {
        let url = match &self.source {
            Source::Jwks(url) => url.clone(),
            Source::Discovery { issuer, document } => {
                let found: Discovered = self.get(document).await?;
                let named = &found.issuer;
                ensure!(
                    named == issuer,
                    "{document} names the issuer {named:?}, not {issuer:?}"
                );
                safe_url(&found.jwks_uri)?
            }
        };
        let jwks: Jwks = self.get(&url).await?;
        let keys: ById = jwks.keys.into_iter().filter_map(usable).collect();
        ensure!(
            !keys.is_empty(),
            "{url} has no supported key for signatures"
        );
        Ok(keys)
    }

    async fn get<T: DeserializeOwned>(&self, url: &url::Url) -> anyhow::Result<T> {
        let request = self.http.get(url.clone()).timeout(REQUEST_TIMEOUT);
        let mut response = request.send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_RESPONSE {
                bail!("{url} sent more than {LARGEST_RESPONSE} bytes");
            }
        }
        serde_json::from_slice(&body).with_context(|| format!("{url} sent an unexpected response"))
    }
}

/// The key, unless it is for encryption, a shared secret, or of an unknown type.
fn usable(jwk: serde_json::Value) -> Option<(Option<String>, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let for_signatures = match &jwk.common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(_) => false,
    };
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => vec![Algorithm::ES256],
            EllipticCurve::P384 => vec![Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
        _ => return None,
    };
    if let Some(only) = jwk.common.key_algorithm {
        algorithms.retain(|algorithm| Ok(*algorithm) == Algorithm::try_from(only));
    }
    if !for_signatures || algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id, Arc::new(Key { key, algorithms })))
}
