//! The ID tokens that an OIDC issuer creates when a person signs in.

use serde_json::{Map, Value};

use super::keys::Source;
use super::oidc::{Jwt, Verifier};
use super::unauthenticated;
use crate::{Resources, Result};

/// Google's issuer, which may leave out the scheme in `iss`.
pub const GOOGLE: &str = "https://accounts.google.com";

/// Verifies ID tokens like the JWTs of `AUTH_ISSUER`.
pub struct IdTokens(Verifier);

impl IdTokens {
    /// For the tokens that `issuer` creates for the client `audience`. `variable` is where the issuer is configured.
    ///
    /// # Errors
    /// If the issuer is not the address of a server over TLS.
    pub fn new(
        resources: &Resources,
        variable: &'static str,
        issuer: &str,
        audience: &str,
    ) -> anyhow::Result<Self> {
        let source = Source::of_issuer(variable, issuer)?;
        let mut issuers = vec![issuer.to_owned()];
        if issuer == GOOGLE {
            issuers.extend(GOOGLE.strip_prefix("https://").map(str::to_owned));
        }
        Verifier::new(resources, issuers, audience, source).map(Self)
    }

    /// Verifies signature, issuer, audience and time, and returns the claims. The nonce is the caller's to compare.
    ///
    /// # Errors
    /// `Unauthenticated` if the token is not valid, `Unavailable` if the issuer's keys can't be fetched.
    pub async fn verify(&self, jwt: &str) -> Result<Map<String, Value>> {
        let jwt = Jwt::parse(jwt).ok_or_else(|| unauthenticated("the ID token is not a JWT"))?;
        if !self.0.issued(&jwt) {
            return Err(unauthenticated("the ID token is of another issuer"));
        }
        let claims = self.0.verify(&jwt).await?;
        // A token for several clients names the one that it was created for.
        let is_shared =
            matches!(claims.get("aud"), Some(Value::Array(several)) if several.len() > 1);
        let is_own = claims.get("azp").and_then(Value::as_str) == Some(self.0.audience());
        if is_shared && !is_own {
            return Err(unauthenticated(
                "the ID token was created for another client",
            ));
        }
        Ok(claims)
    }
}
