//! The configuration of sign-in: the issuer, the client that is registered there, and who may sign in.

use anyhow::Context as _;
use people::policy::{GOOGLE, Policy};
use platform::Env;
use platform::auth::public_url;
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
        let policy = Policy::of(env)?;
        let Some(client_id) = env.get("SIGN_IN_CLIENT_ID") else {
            return Ok(None);
        };
        let public_url = public_url(env)?.context(
            "SIGN_IN_CLIENT_ID is set, but PUBLIC_URL is not: set it to the origin of the pages, such as \
             https://metasync.example",
        )?;
        Ok(Some(Self {
            issuer: env.get("SIGN_IN_ISSUER").unwrap_or(GOOGLE).to_owned(),
            client_id: client_id.to_owned(),
            callback: public_url.join(CALLBACK)?,
            policy,
        }))
    }
}
