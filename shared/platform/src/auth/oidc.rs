//! JWTs of an OIDC issuer: signature, issuer, audience and time are checked, claims become a role
//! and a scope.

use std::sync::Arc;

use anyhow::ensure;
use jsonwebtoken::{Header, Validation};
use serde_json::{Map, Value};

use super::keys::{Keys, Source};
use super::{Caller, Role, Scope, pair, unauthenticated};
use crate::{Error, Resources};

type Claims = Map<String, Value>;

pub(super) struct Oidc {
    issuer: String,
    audience: String,
    keys: Keys,
    grants: Grants,
}

/// What a JWT that holds grants.
enum Grants {
    /// A role and a scope, as the claims of these names say.
    Claims { role: String, scope: String },
    /// A trigger's, if it is this account's.
    Trigger { account: String },
}

/// A JWT taken apart; nothing in it is true before [`Oidc::caller`] says so.
pub(super) struct Jwt<'a> {
    encoded: &'a str,
    header: Header,
    issuer: String,
}

impl<'a> Jwt<'a> {
    /// None where it is no JWT, or not signed (`none` is no algorithm here).
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
    /// From `AUTH_ISSUER`, `AUTH_AUDIENCE` and what goes with them.
    pub(super) fn callers(resources: &Resources) -> anyhow::Result<Option<Self>> {
        let env = resources.env();
        let issuer = (
            "AUTH_ISSUER",
            "the issuer of the JWTs, as their `iss` has it",
        );
        let audience = (
            "AUTH_AUDIENCE",
            "the audience of the JWTs, as their `aud` has it",
        );
        let Some((issuer, audience)) = pair(env, issuer, audience)? else {
            for name in ["AUTH_JWKS_URL", "AUTH_ROLE_CLAIM", "AUTH_SCOPE_CLAIM"] {
                ensure!(
                    env.get(name).is_none(),
                    "{name} is set, and AUTH_ISSUER is not: set both"
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

    /// From `AUTH_TRIGGER_ACCOUNT` and `AUTH_TRIGGER_AUDIENCE`.
    pub(super) fn trigger(resources: &Resources) -> anyhow::Result<Option<Self>> {
        let env = resources.env();
        let account = (
            "AUTH_TRIGGER_ACCOUNT",
            "the email of the service account that calls",
        );
        let audience = (
            "AUTH_TRIGGER_AUDIENCE",
            "the audience its JWTs are made for",
        );
        let issuer = env.get("AUTH_TRIGGER_ISSUER");
        let Some((account, audience)) = pair(env, account, audience)? else {
            ensure!(
                issuer.is_none(),
                "AUTH_TRIGGER_ISSUER is set, and AUTH_TRIGGER_ACCOUNT is not: set both",
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
        Ok(Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys: Keys::new(resources.http()?, resources.clock().clone(), source),
            grants,
        })
    }

    /// Whether this issuer is the one to ask about it.
    pub(super) fn issued(&self, jwt: &Jwt<'_>) -> bool {
        jwt.issuer == self.issuer
    }

    pub(super) async fn caller(&self, jwt: &Jwt<'_>) -> Result<Caller, Error> {
        let claims = self.verify(jwt).await?;
        match &self.grants {
            Grants::Trigger { account } => {
                let is = |name, value: &Value| claims.get(name) == Some(value);
                if is("email", &account.as_str().into()) && is("email_verified", &true.into()) {
                    return Ok(Caller::trigger(account));
                }
                Err(Error::Forbidden(
                    "the token is not of the account that may call here".into(),
                ))
            }
            Grants::Claims { role, scope } => by_claims(&claims, role, scope),
        }
    }

    async fn verify(&self, jwt: &Jwt<'_>) -> Result<Claims, Error> {
        // "Critical" headers change what a signature means, and we know none of them.
        if jwt.header.crit.is_some() {
            return Err(unauthenticated("the token has critical headers"));
        }
        let key = self.keys.find(jwt.header.kid.as_deref()).await?;
        let mut validation = Validation::new(jwt.header.alg);
        // What the key can do, never what the token asks for.
        validation.algorithms.clone_from(&key.algorithms);
        validation.leeway = 60;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        let verified = jsonwebtoken::decode(jwt.encoded, &key.key, &validation);
        let verified = verified.map_err(|error| {
            use jsonwebtoken::errors::ErrorKind as Kind;
            unauthenticated(match error.kind() {
                Kind::ExpiredSignature => "the token has expired",
                Kind::ImmatureSignature => "the token is not valid yet",
                Kind::InvalidAudience => "the token is made for another audience",
                _ => "the token does not hold",
            })
        })?;
        Ok(verified.claims)
    }
}

fn by_claims(claims: &Claims, role: &str, scope: &str) -> Result<Caller, Error> {
    let refuse = |detail: String| Err(Error::Forbidden(detail));
    let Some(name) = claims
        .get("sub")
        .and_then(Value::as_str)
        .filter(|sub| !sub.is_empty())
    else {
        return Err(unauthenticated("the token has no `sub`"));
    };
    let Some(found) = claim(claims, role).and_then(highest_role) else {
        return refuse(format!(
            "the token grants no role: none of ours in the claim `{role}`"
        ));
    };
    let granted = match claim(claims, scope) {
        None => Some(Scope::default()),
        // Issuers that can't put an object into a claim put its text there.
        Some(Value::String(json)) => serde_json::from_str(json).ok(),
        Some(object) => serde_json::from_value(object.clone()).ok(),
    };
    let Some(granted) = granted else {
        return refuse(format!("the token's claim `{scope}` is no scope"));
    };
    Ok(Caller {
        name: name.into(),
        role: found,
        scope: Arc::new(granted),
    })
}

/// By its whole name first, since names that are URLs have dots in them.
fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut parts = name.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    })
}

/// Issuers mix roles of other applications in, so names that are not ours are passed over.
fn highest_role(value: &Value) -> Option<Role> {
    match value {
        Value::Array(several) => several.iter().filter_map(one_role).max(),
        one => one_role(one),
    }
}

fn one_role(value: &Value) -> Option<Role> {
    serde_json::from_value(value.clone()).ok()
}
