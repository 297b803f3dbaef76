//! Who is calling, and what they may see. Without proof there is no caller, and no answer.
//!
//! A caller proves who they are by `Authorization: Bearer`: a service token, or a JWT of an OIDC
//! issuer. Routes below `/events/` also take the JWT of the service account whose
//! schedule or subscription calls them on Cloud Run.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `AUTH_TOKENS` | service tokens: `[{"name", "role", "scope": {"datasets", "robeings", "sessions"}, "sha256"}]` |
//! | `AUTH_ISSUER`, `AUTH_AUDIENCE` | whose JWTs are taken (`iss`), and for whom they must be made (`aud`) |
//! | `AUTH_JWKS_URL` | the issuer's keys; default: what its discovery document names |
//! | `AUTH_ROLE_CLAIM` | the claim with `reader`, `writer` or `admin`, alone or in a list; default `metasync_role` |
//! | `AUTH_SCOPE_CLAIM` | the claim with an object as in `AUTH_TOKENS`, or with its JSON; default `metasync_scope` |
//! | `AUTH_TRIGGER_ACCOUNT`, `AUTH_TRIGGER_AUDIENCE` | the service account (its email) that may call `/events/*`, and the audience its JWTs are made for |
//! | `AUTH_TRIGGER_ISSUER` | who makes them; default `https://accounts.google.com` |
//! | `AUTH_MODE` | `open`: everyone is admin of everything; goes with no other of these, and not on Lambda or Cloud Run |
//!
//! A claim is named as it stands in the JWT (`https://example.com/role`), or as a path
//! (`realm_access.roles`). A part of a scope that is missing is nothing, `["*"]` is everything.

mod keys;
mod local;
mod oidc;
mod token;

use std::fmt;
use std::sync::Arc;

use anyhow::{bail, ensure};
use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::{Env, Error, Resources};
use oidc::{Jwt, Oidc};
use token::Tokens;

/// How the names of callers begin that are no person and no service, but a platform.
pub(crate) const TRIGGER: &str = "trigger:";

/// Whoever proved who they are. A handler that takes one can't be reached without.
#[derive(Clone, Debug)]
pub struct Caller {
    pub name: Arc<str>,
    pub role: Role,
    pub scope: Arc<Scope>,
}

impl Caller {
    /// Whatever the platform has checked already: the function it invokes, or the account that calls.
    pub fn trigger(name: &str) -> Self {
        Self::unlimited(format!("{TRIGGER}{name}").into())
    }

    fn unlimited(name: Arc<str>) -> Self {
        Self {
            name,
            role: Role::Admin,
            scope: Arc::new(Scope::all()),
        }
    }

    /// `Invalid` where no robeing can have this name, see [`is_name`]. `Forbidden` where it is out of
    /// scope, which tells no more than that: it may exist or not.
    pub fn may_see_robeing(&self, robeing_id: &str) -> Result<(), Error> {
        if !is_name(robeing_id) {
            return Err(Error::Invalid(
                "a robeing's id has 1 to 100 characters, none of them a control character, and is \
                 not `*`"
                    .to_owned(),
            ));
        }
        if self.scope.robeings.contain(robeing_id) {
            return Ok(());
        }
        Err(Error::Forbidden(format!(
            "the robeing is not in the scope of {:?}",
            self.name
        )))
    }

    fn at_least(self, role: Role) -> Result<Self, Error> {
        if self.role >= role {
            return Ok(self);
        }
        Err(Error::Forbidden(format!(
            "this needs the role `{role}`, and {:?} has the role `{}`",
            self.name, self.role,
        )))
    }
}

/// Whether a robeing can have this name: 1 to 100 characters, no control character, and not `*`, which
/// stands for all names in a scope.
pub fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && name != "*" && !name.contains(char::is_control)
}

/// Each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Reader,
    Writer,
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Admin => "admin",
        })
    }
}

/// Which robeings, datasets (`project.dataset`) and sessions a caller may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    pub datasets: Names,
    pub robeings: Names,
    pub sessions: Names,
}

impl Scope {
    pub fn all() -> Self {
        Self {
            datasets: Names::All,
            robeings: Names::All,
            sessions: Names::All,
        }
    }
}

/// Everything, or the names in the list; an empty list is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    All,
    Only(Vec<String>),
}

impl Default for Names {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}

impl Names {
    pub fn contain(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| known == name),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Names {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(if names.iter().any(|name| name == "*") {
            Self::All
        } else {
            Self::Only(names)
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Error::Unauthenticated("send `Authorization: Bearer <token>`".into()))
    }
}

/// A caller who may write.
#[derive(Clone, Debug)]
pub struct Writer(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.at_least(Role::Writer).map(Self)
    }
}

/// A caller who may do everything within their scope.
#[derive(Clone, Debug)]
pub struct Admin(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.at_least(Role::Admin).map(Self)
    }
}

/// What [`crate::serve()`] asks of each request before it is routed.
#[derive(Clone)]
pub struct Auth {
    /// None where everyone is let in.
    proofs: Option<Arc<Proofs>>,
}

/// The ways to prove who one is; at least one of them is there.
struct Proofs {
    tokens: Option<Tokens>,
    oidc: Option<Oidc>,
    trigger: Option<Oidc>,
}

/// What Lambda and Cloud Run set. There, others than this machine's users reach the function.
const PLATFORMS: [&str; 2] = ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"];

/// All but `AUTH_MODE`.
const REST: [&str; 9] = [
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
    /// From the `AUTH_*` variables; an error where they let nobody in, or are not whole.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let env = resources.env();
        match env.get("AUTH_MODE") {
            None => {}
            Some("open") => {
                if let Some(other) = REST.into_iter().find(|name| env.get(name).is_some()) {
                    bail!("AUTH_MODE is \"open\" and {other} is set: unset one of the two");
                }
                if let Some(platform) = PLATFORMS.into_iter().find(|name| env.get(name).is_some()) {
                    bail!(
                        "AUTH_MODE is \"open\", which is for one's own machine, and {platform} says \
                         that others can call: set AUTH_TOKENS, or AUTH_ISSUER and AUTH_AUDIENCE"
                    );
                }
                return Ok(Self { proofs: None });
            }
            Some(other) => bail!("AUTH_MODE is {other:?}: set it to \"open\", or unset it"),
        }

        let tokens = env.secret("AUTH_TOKENS");
        let tokens = tokens.map(|json| Tokens::parse(&json)).transpose()?;
        let oidc = Oidc::callers(resources)?;
        let trigger = Oidc::trigger(resources)?;
        ensure!(
            tokens.is_some() || oidc.is_some() || trigger.is_some(),
            "nobody may call: set AUTH_TOKENS, or AUTH_ISSUER and AUTH_AUDIENCE, or \
             AUTH_TRIGGER_ACCOUNT and AUTH_TRIGGER_AUDIENCE; on your own machine AUTH_MODE=open",
        );
        let proofs = Proofs {
            tokens,
            oidc,
            trigger,
        };
        Ok(Self {
            proofs: Some(Arc::new(proofs)),
        })
    }

    /// Whether everyone is let in: only loopback may be bound then.
    pub fn is_open(&self) -> bool {
        self.proofs.is_none()
    }

    /// Who sent these headers to this path. `None` where they say nothing about it. `Unauthenticated`
    /// where they prove nothing, `Forbidden` where what they prove grants nothing,
    /// `Unavailable` where the issuer could not be asked.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        path: &str,
    ) -> Result<Option<Caller>, Error> {
        let Some(proofs) = &self.proofs else {
            local::check(headers)?;
            return Ok(Some(Caller::unlimited("anyone".into())));
        };
        let Some(bearer) = bearer(headers)? else {
            return Ok(None);
        };
        let is_event = path == "/events" || path.starts_with("/events/");
        let trigger = proofs.trigger.as_ref().filter(|_| is_event);

        let caller = match proofs
            .tokens
            .as_ref()
            .and_then(|tokens| tokens.caller(bearer))
        {
            Some(caller) => caller,
            None => by_jwt(bearer, [trigger, proofs.oidc.as_ref()]).await?,
        };
        if is_event {
            return caller.at_least(Role::Admin).map(Some);
        }
        Ok(Some(caller))
    }
}

async fn by_jwt(bearer: &str, issuers: [Option<&Oidc>; 2]) -> Result<Caller, Error> {
    let jwt = Jwt::parse(bearer).ok_or_else(|| unauthenticated("the token is not known here"))?;
    let mut refusal = unauthenticated("the token's issuer is not trusted here");
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

/// No service sends longer ones, and checking a signature costs time by length.
const LONGEST: usize = 8 * 1024;

/// The token in the header, if there is one. Two headers are refused: a proxy in front and this
/// process might each believe another one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(unauthenticated("send one `Authorization` header"));
    };
    let Some(value) = value else {
        return Ok(None);
    };
    let form = || unauthenticated("send `Authorization: Bearer <token>`");
    if value.len() > LONGEST {
        return Err(unauthenticated("the token is longer than 8 KB"));
    }
    let (scheme, token) = HeaderValue::to_str(value)
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or_else(form)?;
    let token = token.trim_matches(' ');
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || b"-._~+/=".contains(&letter);
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || !token.bytes().all(letters) {
        return Err(form());
    }
    Ok(Some(token))
}

fn unauthenticated(detail: &str) -> Error {
    Error::Unauthenticated(detail.to_owned())
}

/// Two variables that make no sense alone.
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
