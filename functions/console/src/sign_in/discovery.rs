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

/// Fetches the document when it is needed, and keeps it for an hour.
#[derive(Debug)]
pub struct Discovery {
    http: Bounded,
    clock: Clock,
    issuer: String,
    url: Url,
    last: Mutex<Option<(Moment, Option<Endpoints>)>>,
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
    /// `Unavailable` if the issuer doesn't send a valid document in time.
    pub async fn endpoints(&self) -> Result<Endpoints> {
        let mut last = self.last.lock().await;
        if let Some((at, known)) = &*last {
            let usable = if known.is_some() { FRESH } else { PAUSE };
            if self.clock.since(*at) < usable {
                return known.clone().ok_or_else(|| unavailable(None));
            }
        }
        let fetched = self.fetch().await;
        let at = self.clock.now();
        *last = Some((at, fetched.as_ref().ok().cloned()));
        fetched.map_err(|cause| unavailable(Some(cause)))
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
