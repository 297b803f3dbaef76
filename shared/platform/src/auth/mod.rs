//! Authentication and authorization: who calls, in which role, and within which scope. A request
//! without valid credentials has no caller and is refused.
//!
//! Callers authenticate with `Authorization: Bearer` and a service token, or a JWT of an OIDC issuer.
//! Routes below `/events/` also accept a JWT of the service account of the schedule or subscription
//! that calls them on Cloud Run. A function that registers [`Accounts`] also accepts their tokens, and on some routes
//! the cookie of a person who is signed in.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `AUTH_TOKENS` | service tokens: `[{"name", "role", "scope": {"<kind>": ["<name>"]}, "sha256"}]` |
//! | `AUTH_ISSUER`, `AUTH_AUDIENCE` | the issuer of accepted JWTs (`iss`), and their audience (`aud`) |
//! | `AUTH_JWKS_URL` | the issuer's keys; default: the URL in its discovery document |
//! | `AUTH_ROLE_CLAIM` | the claim that holds `reader`, `writer` or `admin`, alone or in a list; default `metasync_role` |
//! | `AUTH_SCOPE_CLAIM` | the claim that holds a scope, as in `AUTH_TOKENS`, as an object or as its JSON; default `metasync_scope` |
//! | `AUTH_TRIGGER_ACCOUNT`, `AUTH_TRIGGER_AUDIENCE` | the email of the service account that may call `/events/*`, and the audience of its JWTs |
//! | `AUTH_TRIGGER_ISSUER` | the issuer of those JWTs; default `https://accounts.google.com` |
//! | `PUBLIC_URL` | the origin of the pages; default: the host that a request names |
//! | `CORS_ORIGINS` | the origins whose pages may send requests with a token, separated by commas; default: none |
//! | `AUTH_MODE` | `open`: everyone is an admin with every scope; excludes the other variables, Lambda and Cloud Run |
//!
//! `AUTH_ROLE_CLAIM` and `AUTH_SCOPE_CLAIM` are the name of a claim (`https://example.com/role`) or a
//! path to it (`realm_access.roles`). See [`Scope`] for the kinds and names of a scope: a missing kind
//! grants nothing, `["*"]` grants everything of that kind.

mod accounts;
mod caller;
mod id_token;
mod keys;
mod local;
mod oidc;
mod origin;
mod scope;
mod token;

use std::sync::Arc;

use anyhow::bail;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::secrets::Rotating;
use crate::{All as _, Env, Error, Resources};
use oidc::{Jwt, Oidc};
use origin::OwnOrigin;
use token::Tokens;

pub(crate) use accounts::Registered;
pub use accounts::{Accounts, COOKIE, SignedIn, cookie};
pub use caller::{Admin, Caller, CallerKind, Role, Writer};
pub use id_token::{GOOGLE, IdTokens};
pub use keys::safe_url;
pub(crate) use origin::cors_origins;
pub use origin::public_url;
pub use scope::{Kind, NameList, Names, Scope, is_name};

/// Authenticates each request before [`crate::serve()`] routes it.
#[derive(Clone)]
pub struct Auth {
    /// None in the open mode.
    credentials: Option<Arc<Credentials>>,
    accounts: Registered,
    own_origin: OwnOrigin,
    cors_origins: Arc<[String]>,
}

/// The accepted credentials; at least one kind is configured.
struct Credentials {
    /// None if AUTH_TOKENS is unset. Its secret may get a value later.
    tokens: Rotating<Option<Tokens>>,
    oidc: Option<Oidc>,
    trigger: Option<Oidc>,
}

/// Set by Lambda and Cloud Run, where the function is reachable from other machines.
const PLATFORMS: [&str; 2] = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"];

/// Every variable except `AUTH_MODE`.
const CREDENTIALS: [&str; 9] = [
    "AUTH_TOKENS",
    "AUTH_ISSUER",
    "AUTH_AUDIENCE",
    "AUTH_JWKS_URL",
    "AUTH_ROLE_CLAIM",
    "AUTH_SCOPE_CLAIM",
    "AUTH_TRIGGER_ACCOUNT",
    "AUTH_TRIGGER_AUDIENCE",
    "AUTH_TRIGGER_ISSUER",
];

impl Auth {
    /// Reads the `AUTH_*` variables.
    ///
    /// # Errors
    /// If they are incomplete, or if no caller could authenticate.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let (credentials, own_origin, cors_origins) = (
            Self::credentials(resources),
            OwnOrigin::open(resources.env()),
            cors_origins(resources.env()),
        )
            .all()?;
        Ok(Self {
            credentials: credentials.map(Arc::new),
            accounts: resources.accounts().clone(),
            own_origin,
            cors_origins: cors_origins.into(),
        })
    }

    /// None in the open mode.
    fn credentials(resources: &Resources) -> anyhow::Result<Option<Credentials>> {
        let env = resources.env();
        match env.get("AUTH_MODE") {
            None => {}
            Some("open") => {
                if let Some(other) = CREDENTIALS.into_iter().find(|name| env.get(name).is_some()) {
                    bail!("AUTH_MODE is \"open\" and {other} is set: unset one of the two");
                }
                if let Some(platform) = PLATFORMS.into_iter().find(|name| env.get(name).is_some()) {
                    bail!(
                        "AUTH_MODE is \"open\", which is for local use only, and {platform} is set, so \
                         others can call: set AUTH_TOKENS, or AUTH_ISSUER and AUTH_AUDIENCE, instead"
                    );
                }
                return Ok(None);
            }
            Some(other) => bail!("AUTH_MODE is {other:?}: set it to \"open\", or unset it"),
        }

        let tokens = resources.rotating(|env| {
            let tokens = env.secret("AUTH_TOKENS");
            tokens.map(|json| Tokens::parse(&json)).transpose()
        });
        let (tokens, oidc, trigger) =
            (tokens, Oidc::callers(resources), Oidc::trigger(resources)).all()?;
        if tokens.current().is_none() && oidc.is_none() && trigger.is_none() {
            let why = env.why_without_value("AUTH_TOKENS");
            let why = why.map(|why| format!("; {why}")).unwrap_or_default();
            bail!(
                "no caller can authenticate: set AUTH_TOKENS, or AUTH_ISSUER and AUTH_AUDIENCE, or \
                 AUTH_TRIGGER_ACCOUNT and AUTH_TRIGGER_AUDIENCE; for local use, AUTH_MODE=open{why}"
            );
        }
        Ok(Some(Credentials {
            tokens,
            oidc,
            trigger,
        }))
    }

    /// Whether every request is accepted. The server then binds to loopback only.
    pub fn is_open(&self) -> bool {
        self.credentials.is_none()
    }

    /// The callers of `AUTH_TOKENS`, with their scopes.
    pub fn token_callers(&self) -> Vec<Caller> {
        let tokens = self
            .credentials
            .as_ref()
            .map(|credentials| credentials.tokens.current());
        let tokens = tokens.as_deref().and_then(Option::as_ref);
        tokens
            .map(|tokens| tokens.callers().cloned().collect())
            .unwrap_or_default()
    }

    /// Returns the caller of a request to this target, or `None` if the headers hold no credentials.
    ///
    /// # Errors
    /// `Unauthenticated` if the credentials are not valid, `Forbidden` if they grant no access,
    /// `Unavailable` if the issuer's keys can't be fetched.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<Option<Caller>, Error> {
        let Some(credentials) = &self.credentials else {
            local::check(headers, target, &self.cors_origins)?;
            return Ok(Some(Caller::unlimited("anyone".into())));
        };
        let Some(bearer) = bearer(headers)? else {
            return Ok(None);
        };
        let path = target.path();
        let is_event = path == "/events" || path.starts_with("/events/");
        let caller = credentials.caller(bearer, is_event, self.accounts.get());
        let caller = caller.await?;
        if !is_event {
            return Ok(Some(caller));
        }
        if caller.person().is_some() {
            return Err(Error::Forbidden(
                "people can't call triggers: send a service token".to_owned(),
            ));
        }
        caller.at_least(Role::Admin).map(Some)
    }

    /// Like [`Auth::authenticate`], for a route that accepts the cookie of a person as well. A request with an
    /// `Authorization` header is authenticated by that alone.
    ///
    /// # Errors
    /// In addition, `Forbidden` if a page of another origin may have caused a change.
    pub(crate) async fn authenticate_person(
        &self,
        method: &Method,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<Option<SignedIn>, Error> {
        if let Some(caller) = self.authenticate(headers, target).await? {
            return Ok(Some(match self.accounts.get() {
                Some(accounts) if self.is_open() => accounts.local().await?.into(),
                _ => caller.into(),
            }));
        }
        let (Some(accounts), Some(cookie)) = (self.accounts.get(), cookie(headers, COOKIE)?) else {
            return Ok(None);
        };
        self.own_origin.check(method, headers, target)?;
        accounts.by_cookie(cookie).await
    }

    /// Checks a request to a route that needs no caller.
    ///
    /// # Errors
    /// `Forbidden` if a page of another origin may have caused a change, and in the open mode also if the request may
    /// come from another machine or from such a page.
    pub(crate) fn check_anybody(
        &self,
        method: &Method,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<(), Error> {
        if self.is_open() {
            local::check(headers, target, &self.cors_origins)?;
        }
        self.own_origin.check(method, headers, target)
    }
}

impl Credentials {
    async fn caller(
        &self,
        bearer: &str,
        is_event: bool,
        accounts: Option<&Arc<dyn Accounts>>,
    ) -> Result<Caller, Error> {
        let tokens = self.tokens.current();
        if let Some(caller) = tokens.as_ref().as_ref().and_then(|it| it.caller(bearer)) {
            return Ok(caller);
        }
        if let Some(accounts) = accounts.filter(|accounts| accounts.is_token(bearer)) {
            let caller = accounts.by_token(bearer).await?;
            return caller.ok_or_else(|| {
                unauthenticated("the token is unknown, has expired, or is revoked")
            });
        }
        let trigger = self.trigger.as_ref().filter(|_| is_event);
        by_jwt(bearer, [trigger, self.oidc.as_ref()]).await
    }
}

async fn by_jwt(bearer: &str, issuers: [Option<&Oidc>; 2]) -> Result<Caller, Error> {
    let jwt = Jwt::parse(bearer).ok_or_else(|| unauthenticated("the token is unknown"))?;
    let mut refusal = unauthenticated("the token's issuer is not trusted");
    for issuer in issuers
        .into_iter()
        .flatten()
        .filter(|issuer| issuer.issued(&jwt))
    {
        match issuer.caller(&jwt).await {
            Ok(caller) => return Ok(caller),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// The longest accepted token, in bytes. No issuer creates longer ones, and the time to check a signature
/// grows with the length.
const LONGEST: usize = 8 * 1024;

/// The token in the header, if there is one. Two headers are refused, because a proxy might check one
/// and this process the other.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(unauthenticated("send one `Authorization` header"));
    };
    let Some(value) = value else {
        return Ok(None);
    };
    if value.len() > LONGEST {
        return Err(unauthenticated("the token is longer than 8 KB"));
    }
    let characters = || {
        unauthenticated(
            "the token has other characters than letters, digits and `-._~+/=`: send it as it was \
             created, without quotes",
        )
    };
    let value = HeaderValue::to_str(value).map_err(|_| characters())?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthenticated(
            "the scheme of `Authorization` is not Bearer: send `Authorization: Bearer <token>`",
        ));
    }
    if token.is_empty() {
        return Err(unauthenticated(
            "the token is empty: send `Authorization: Bearer <token>`",
        ));
    }
    let is_valid = |letter: u8| letter.is_ascii_alphanumeric() || b"-._~+/=".contains(&letter);
    if !token.bytes().all(is_valid) {
        return Err(characters());
    }
    Ok(Some(token))
}

fn unauthenticated(detail: &str) -> Error {
    Error::Unauthenticated(detail.to_owned())
}

/// Two variables that must be set together.
fn pair<'a>(
    env: &'a Env,
    (one, meaning): (&str, &str),
    (other, its_meaning): (&str, &str),
) -> anyhow::Result<Option<(&'a str, &'a str)>> {
    if env.get(one).is_none() && env.get(other).is_none() {
        return Ok(None);
    }
    Ok(Some((
        env.required(one, meaning)?,
        env.required(other, its_meaning)?,
    )))
}
