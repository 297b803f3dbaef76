//! What an issuer says about a person beside the ID token: OpenID Connect lets it leave the address and the name out.

use anyhow::{Context as _, ensure};
use http::{HeaderValue, Method, header};
use oauth2::AccessToken;
use platform::{Error, Result};
use serde_json::{Map, Value};
use url::Url;

use super::http::Bounded;

/// The claims that are taken from the response. Those that decide who may sign in at Google are not among them.
const CLAIMS: [&str; 4] = ["email", "email_verified", "name", "picture"];

/// Adds what the issuer says at this address to the claims of an ID token without an e-mail address.
///
/// # Errors
/// `Unavailable` if it says nothing, `Unauthenticated` if it speaks of another person.
pub async fn add(
    http: &Bounded,
    url: &Url,
    token: &AccessToken,
    claims: &mut Map<String, Value>,
) -> Result<()> {
    let mut about = fetch(http, url, token).await.map_err(|cause| {
        Error::unavailable(
            "the issuer can't complete sign-ins now: try again later",
            cause,
        )
    })?;
    // An access token that was swapped leads to somebody else.
    if about.get("sub") != claims.get("sub") {
        return Err(Error::Unauthenticated(
            "the issuer speaks of two people: sign in again".to_owned(),
        ));
    }
    // The issuer has verified the address that it sends with it, and no other.
    claims.remove("email_verified");
    for name in CLAIMS {
        if let Some(value) = about.remove(name) {
            claims.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

async fn fetch(
    http: &Bounded,
    url: &Url,
    token: &AccessToken,
) -> anyhow::Result<Map<String, Value>> {
    let mut request = reqwest::Request::new(Method::GET, url.clone());
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.secret()));
    let mut bearer = bearer.context("the access token is not ASCII")?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    let response = http.send(request).await?;
    let status = response.status();
    ensure!(status.is_success(), "{url} returned {status}");
    // The error of the parser might quote the response.
    let claims = serde_json::from_slice(response.body()).ok();
    claims.with_context(|| format!("{url} sent no JSON object"))
}
