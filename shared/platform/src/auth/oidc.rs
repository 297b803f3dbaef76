//! JWTs of an OIDC issuer: verifies signature, issuer, audience and time, and reads the role and the scope
//! from the claims.

use std::sync::Arc;

use anyhow::ensure;
use jsonwebtoken::{Header, Validation};
use serde_json::{Map, Value};

use super::keys::{Keys, Source};
use super::{Caller, Role, Scope, pair, unauthenticated};
use crate::{Error, Resources};

type Claims = Map<String, Value>;

pub(super) struct Oidc {
    verifier: Verifier,
    grants: Grants,
}

/// Verifies the JWTs that an issuer creates for one audience.
pub(super) struct Verifier {
    /// The names of the issuer, its claim `iss`.
    issuers: Vec<String>,
    audience: String,
    keys: Keys,
}

/// What a valid JWT grants.
enum Grants {
    /// The role and the scope in the claims of these names.
    Claims { role: String, scope: String },
    /// The rights of a trigger, if the JWT belongs to this service account.
    Trigger { account: String },
}

/// A decoded JWT. Nothing in it is trustworthy before [`Verifier::verify`] has verified it.
pub(super) struct Jwt<'a> {
    encoded: &'a str,
    header: Header,
    issuer: String,
}

impl<'a> Jwt<'a> {
    /// Decodes a JWT. Returns None if it is none, or if it is not signed (`none` is not an algorithm here).
    pub(super) fn parse(encoded: &'a str) -> Option<Self> {
        let header = jsonwebtoken::decode_header(encoded).ok()?;
        let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(encoded).ok()?;
        let issuer = claims.get("iss")?.as_str()?.to_owned();
        Some(Self {
            encoded,
            header,
            issuer,
        })
    }
}

impl Oidc {
    /// Reads `AUTH_ISSUER`, `AUTH_AUDIENCE` and the variables that go with them.
    pub(super) fn callers(resources: &Resources) -> anyhow::Result<Option<Self>> {
        let env = resources.env();
        let issuer = ("AUTH_ISSUER", "the issuer of the JWTs, their claim `iss`");
        let audience = (
            "AUTH_AUDIENCE",
            "the audience of the JWTs, their claim `aud`",
        );
        let Some((issuer, audience)) = pair(env, issuer, audience)? else {
            for name in ["AUTH_JWKS_URL", "AUTH_ROLE_CLAIM", "AUTH_SCOPE_CLAIM"] {
                ensure!(
                    env.get(name).is_none(),
                    "{name} is set, but AUTH_ISSUER is not: set both"
                );
            }
            return Ok(None);
        };
        let source = match env.get("AUTH_JWKS_URL") {
            Some(url) => Source::at("AUTH_JWKS_URL", url)?,
            None => Source::of_issuer("AUTH_ISSUER", issuer)?,
        };
        let claim = |name, default: &str| env.get(name).unwrap_or(default).to_owned();
        let grants = Grants::Claims {
            role: claim("AUTH_ROLE_CLAIM", "metasync_role"),
            scope: claim("AUTH_SCOPE_CLAIM", "metasync_scope"),
        };
        Self::new(resources, issuer, audience, source, grants).map(Some)
    }

    /// Reads `AUTH_TRIGGER_ACCOUNT` and `AUTH_TRIGGER_AUDIENCE`.
    pub(super) fn trigger(resources: &Resources) -> anyhow::Result<Option<Self>> {
        let env = resources.env();
        let account = (
            "AUTH_TRIGGER_ACCOUNT",
            "the email of the service account that calls",
        );
        let audience = ("AUTH_TRIGGER_AUDIENCE", "the audience of its JWTs");
        let issuer = env.get("AUTH_TRIGGER_ISSUER");
        let Some((account, audience)) = pair(env, account, audience)? else {
            ensure!(
                issuer.is_none(),
                "AUTH_TRIGGER_ISSUER is set, but AUTH_TRIGGER_ACCOUNT is not: set both",
            );
            return Ok(None);
        };
        let issuer = issuer.unwrap_or("https://accounts.google.com");
        let source = Source::of_issuer("AUTH_TRIGGER_ISSUER", issuer)?;
        let account = account.to_owned();
        Self::new(
            resources,
            issuer,
            audience,
            source,
            Grants::Trigger { account },
        )
        .map(Some)
    }

    fn new(
        resources: &Resources,
        issuer: &str,
        audience: &str,
        source: Source,
        grants: Grants,
    ) -> anyhow::Result<Self> {
        let issuers = vec![issuer.to_owned()];
        let verifier = Verifier::new(resources, issuers, audience, source)?;
        Ok(Self { verifier, grants })
    }

    /// Whether the JWT names this issuer.
    pub(super) fn issued(&self, jwt: &Jwt<'_>) -> bool {
        self.verifier.issued(jwt)
    }

    /// Verifies a JWT and returns its caller.
    pub(super) async fn caller(&self, jwt: &Jwt<'_>) -> Result<Caller, Error> {
        let claims = self.verifier.verify(jwt).await?;
        match &self.grants {
            Grants::Trigger { account } => {
                let is = |name, value: &Value| claims.get(name) == Some(value);
                if is("email", &account.as_str().into()) && is("email_verified", &true.into()) {
                    return Ok(Caller::trigger(account));
                }
                Err(Error::Forbidden(
                    "the token belongs to another account than AUTH_TRIGGER_ACCOUNT".into(),
                ))
            }
            Grants::Claims { role, scope } => by_claims(&claims, role, scope),
        }
    }
}

impl Verifier {
    pub(super) fn new(
        resources: &Resources,
        issuers: Vec<String>,
        audience: &str,
        source: Source,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            issuers,
            audience: audience.to_owned(),
            keys: Keys::new(resources.http()?, resources.clock().clone(), source),
        })
    }

    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    /// Whether the JWT names this issuer.
    pub(super) fn issued(&self, jwt: &Jwt<'_>) -> bool {
        self.issuers.contains(&jwt.issuer)
    }

    /// Verifies signature, issuer, audience and time.
    pub(super) async fn verify(&self, jwt: &Jwt<'_>) -> Result<Claims, Error> {
        // "Critical" headers change the meaning of a signature, and none of them is supported.
        if jwt.header.crit.is_some() {
            return Err(unauthenticated("the token has a critical header"));
        }
        let key = self.keys.find(jwt.header.kid.as_deref()).await?;
        let mut validation = Validation::new(jwt.header.alg);
        // The algorithms of the key, never those that the token names.
        validation.algorithms.clone_from(&key.algorithms);
        validation.leeway = 60;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&self.issuers);
        validation.set_audience(&[&self.audience]);
        let verified = jsonwebtoken::decode(jwt.encoded, &key.key, &validation);
        let verified = verified.map_err(|error| {
            use jsonwebtoken::errors::ErrorKind as Kind;
            unauthenticated(match error.kind() {
                Kind::ExpiredSignature => "the token has expired",
                Kind::ImmatureSignature => "the token is not valid yet",
                Kind::InvalidAudience => "the token is for another audience",
                _ => "the token is not valid",
            })
        })?;
        Ok(verified.claims)
    }
}

fn by_claims(claims: &Claims, role: &str, scope: &str) -> Result<Caller, Error> {
    let refuse = |detail: String| Err(Error::Forbidden(detail));
    let Some(name) = claims.get("sub").and_then(Value::as_str) else {
        return Err(unauthenticated("the token has no `sub`"));
    };
    // The limit is that of OpenID Connect.
    if !(1..=255).contains(&name.chars().count()) || name.contains(char::is_control) {
        return Err(unauthenticated(
            "the `sub` of the token is not 1 to 255 printable characters",
        ));
    }
    let Some(found) = claim(claims, role).and_then(highest_role) else {
        return refuse(format!(
            "the token grants no role: its claim `{role}` has none of `reader`, `writer` and `admin`"
        ));
    };
    let granted = match claim(claims, scope) {
        None => Some(Scope::default()),
        // Some issuers can't put an object into a claim, only its text.
        Some(Value::String(json)) => serde_json::from_str(json).ok(),
        Some(object) => serde_json::from_value(object.clone()).ok(),
    };
    let Some(granted) = granted else {
        return refuse(format!("the claim `{scope}` of the token is not a scope"));
    };
    Ok(Caller::of_subject(name.into(), found, Arc::new(granted)))
}

/// The claim of this name, or at this path. The whole name comes first, because URLs have dots too.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })
}

/// Unknown roles are ignored, because issuers list those of other applications as well.
fn highest_role(value: &Value) -> Option<Role> {
    match value {
        Value::Array(several) => several.iter().filter_map(one_role).max(),
        one => one_role(one),
    }
}

fn one_role(value: &Value) -> Option<Role> {
    serde_json::from_value(value.clone()).ok()
}
