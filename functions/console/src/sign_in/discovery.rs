//! The endpoints of the issuer, from its discovery document.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use oauth2::{AuthUrl, TokenUrl};
use platform::auth::safe_url;
use platform::clock::{Clock, Moment};
use platform::{Error, Result};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::http::Bounded;

/// The age at which the document is fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// The age up to which the document is used if it can't be fetched again.
const USABLE: Duration = Duration::from_secs(24 * 60 * 60);
/// The time after a failed fetch in which none is tried, so that waiting people don't wait for one another.
const PAUSE: Duration = Duration::from_secs(5);

/// What sign-in needs to know of the issuer.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub authorization: AuthUrl,
    pub token: TokenUrl,
    /// Where the issuer says more about a person.
    pub user_info: Option<Url>,
    /// Whether the client may authenticate with HTTP Basic, and with its secret in the body.
    pub accepts_basic: bool,
    pub accepts_post: bool,
    /// Whether the issuer names itself when it sends people back (RFC 9207).
    pub names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Fetches the document when it is needed, and keeps it for an hour; for a day while the issuer can't be reached.
#[derive(Debug)]
pub struct Discovery {
    http: Bounded,
    clock: Clock,
    issuer: String,
    url: Url,
    last: Mutex<Fetches>,
}

#[derive(Debug, Default)]
struct Fetches {
    known: Option<(Moment, Endpoints)>,
    failed: Option<Moment>,
}

impl Discovery {
    pub fn new(http: Bounded, clock: Clock, issuer: &str) -> anyhow::Result<Self> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        Ok(Self {
            http,
            clock,
            issuer: issuer.to_owned(),
            url: safe_url(&url).context("SIGN_IN_ISSUER")?,
            last: Mutex::default(),
        })
    }

    /// The endpoints.
    ///
    /// # Errors
    /// `Unavailable` if the issuer has not sent a valid document in time for a day.
    pub async fn endpoints(&self) -> Result<Endpoints> {
        let mut last = self.last.lock().await;
        let is_within = |at: Moment, age| self.clock.since(at) < age;
        let known = |last: &Fetches, age| match &last.known {
            Some((at, endpoints)) if is_within(*at, age) => Some(endpoints.clone()),
            _ => None,
        };
        if let Some(endpoints) = known(&last, FRESH) {
            return Ok(endpoints);
        }
        let mut cause = None;
        if last.failed.is_none_or(|at| !is_within(at, PAUSE)) {
            match self.fetch().await {
                Ok(endpoints) => {
                    last.known = Some((self.clock.now(), endpoints.clone()));
                    return Ok(endpoints);
                }
                Err(error) => {
                    last.failed = Some(self.clock.now());
                    cause = Some(error);
                }
            }
        }
        let Some(endpoints) = known(&last, USABLE) else {
            return Err(unavailable(cause));
        };
        if let Some(cause) = cause {
            let error = format!("{cause:#}");
            tracing::warn!(
                error,
                "the document of the issuer of sign-ins can't be fetched again"
            );
        }
        Ok(endpoints)
    }

    async fn fetch(&self) -> anyhow::Result<Endpoints> {
        let request = reqwest::Request::new(http::Method::GET, self.url.clone());
        let response = self.http.send(request).await?;
        let status = response.status();
        ensure!(status.is_success(), "{} returned {status}", self.url);
        let document: Document = serde_json::from_slice(response.body())
            .with_context(|| format!("{} sent an unexpected document", self.url))?;
        ensure!(
            document.issuer == self.issuer,
            "{} is the document of another issuer",
            self.url
        );
        let accepts = |method: &str| match &document.token_endpoint_auth_methods_supported {
            Some(methods) => methods.iter().any(|it| it == method),
            // The default of OpenID Connect Discovery 1.0.
            None => method == "client_secret_basic",
        };
        let user_info = document.userinfo_endpoint.as_deref().map(safe_url);
        Ok(Endpoints {
            authorization: AuthUrl::from_url(safe_url(&document.authorization_endpoint)?),
            token: TokenUrl::from_url(safe_url(&document.token_endpoint)?),
            user_info: user_info.transpose()?,
            accepts_basic: accepts("client_secret_basic"),
            accepts_post: accepts("client_secret_post"),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

fn unavailable(cause: Option<anyhow::Error>) -> Error {
    Error::Unavailable {
        detail: "the issuer of sign-ins can't be reached: try again later".to_owned(),
        cause,
    }
}
