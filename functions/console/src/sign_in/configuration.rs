//! The configuration of sign-in: the issuer, the client that is registered there, and who may sign in.

use anyhow::Context as _;
use people::policy::Policy;
use platform::auth::{GOOGLE, public_url, safe_url};
use platform::{All as _, Env};
use url::Url;

/// Where the issuer sends people back to.
const CALLBACK: &str = "/auth/callback";

/// What sign-in needs beside its secrets, which may change while the process runs.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The claim `iss` of the issuer's ID tokens.
    pub issuer: String,
    pub client_id: String,
    /// The address that is registered at the issuer.
    pub callback: Url,
    pub policy: Policy,
}

impl Configuration {
    /// Reads the variables of sign-in. None if `SIGN_IN_CLIENT_ID` is not set.
    ///
    /// # Errors
    /// If a value is not valid, or the address of the pages is missing.
    pub fn of(env: &Env) -> anyhow::Result<Option<Self>> {
        let client_id = env.get("SIGN_IN_CLIENT_ID");
        let (policy, issuer, callback) = (
            Policy::of(env),
            issuer(env),
            client_id.map(|_| callback(env)).transpose(),
        )
            .all()?;
        let configured = client_id.zip(callback);
        Ok(configured.map(|(client_id, callback)| Self {
            issuer,
            client_id: client_id.to_owned(),
            callback,
            policy,
        }))
    }
}

fn issuer(env: &Env) -> anyhow::Result<String> {
    let issuer = env.get("SIGN_IN_ISSUER").unwrap_or(GOOGLE);
    safe_url(issuer).ok().with_context(|| {
        format!(
            "SIGN_IN_ISSUER is {issuer:?}: set it to the https URL of the issuer, exactly as in the `iss` of its \
             tokens, such as {GOOGLE}"
        )
    })?;
    Ok(issuer.to_owned())
}

fn callback(env: &Env) -> anyhow::Result<Url> {
    let public_url = public_url(env)?.context(
        "SIGN_IN_CLIENT_ID is set, but PUBLIC_URL is not: set it to the origin of the pages, such as \
         https://metasync.example",
    )?;
    Ok(public_url.join(CALLBACK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_is_not_valid_or_missing_is_named_at_once_with_what_to_set() {
        let env = Env::default()
            .with("SIGN_IN_CLIENT_ID", "client")
            .with("SIGN_IN_ISSUER", "foo")
            .with("SIGN_IN_DOMAINS", "example")
            .with("SIGN_IN_ADMIN", "kim");
        let error = Configuration::of(&env).unwrap_err().to_string();
        for part in [
            "SIGN_IN_ISSUER is \"foo\": set it to the https URL of the issuer",
            "PUBLIC_URL is not: set it to the origin",
            "SIGN_IN_DOMAINS: ",
            "SIGN_IN_ADMIN is not an e-mail address",
        ] {
            assert_eq!(error.matches(part).count(), 1, "{part} in {error}");
        }
    }

    #[test]
    fn a_wrong_issuer_is_an_error_even_without_a_client() {
        for wrong in ["foo", "http://id.example", "id.example"] {
            let env = Env::default().with("SIGN_IN_ISSUER", wrong);
            let error = Configuration::of(&env).unwrap_err().to_string();
            assert!(error.starts_with("SIGN_IN_ISSUER is"), "{error}");
        }
        assert!(Configuration::of(&Env::default()).unwrap().is_none());
    }
}
