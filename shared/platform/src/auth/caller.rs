//! The caller of a request, and the extractors that require one of a certain role.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Kind, Names, Scope};
use crate::Error;

/// An authenticated caller. A handler that takes one is unreachable without authentication.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The name of a service, or the id of a person: logs must not contain personal data.
    pub name: Arc<str>,
    pub role: Role,
    pub scope: Arc<Scope>,
    pub kind: CallerKind,
}

/// What kind of caller calls. Names don't tell: those of services are chosen by admins and by issuers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// A token of `AUTH_TOKENS`, or a service that signs its requests.
    Service,
    /// The service token with this id, in the database.
    Token(Uuid),
    /// The subject of a JWT.
    Subject,
    /// The person with this id, who owns what they create.
    Person(Uuid),
    /// The platform that invokes a trigger.
    Trigger,
}

impl Caller {
    pub fn service(name: Arc<str>, role: Role, scope: Arc<Scope>) -> Self {
        Self {
            name,
            role,
            scope,
            kind: CallerKind::Service,
        }
    }

    pub fn of_token(id: Uuid, name: Arc<str>, role: Role, scope: Arc<Scope>) -> Self {
        Self {
            kind: CallerKind::Token(id),
            ..Self::service(name, role, scope)
        }
    }

    pub(super) fn of_subject(name: Arc<str>, role: Role, scope: Arc<Scope>) -> Self {
        Self {
            kind: CallerKind::Subject,
            ..Self::service(name, role, scope)
        }
    }

    pub fn of_person(id: Uuid, role: Role, scope: Arc<Scope>) -> Self {
        Self {
            kind: CallerKind::Person(id),
            ..Self::service(id.to_string().into(), role, scope)
        }
    }

    /// The platform that invokes a trigger, after it has authenticated itself: an admin of everything.
    pub fn trigger(name: &str) -> Self {
        Self {
            kind: CallerKind::Trigger,
            ..Self::unlimited(format!("trigger:{name}").into())
        }
    }

    /// The person who calls. None for services and triggers.
    pub fn person(&self) -> Option<Uuid> {
        match self.kind {
            CallerKind::Person(id) => Some(id),
            CallerKind::Service
            | CallerKind::Token(_)
            | CallerKind::Subject
            | CallerKind::Trigger => None,
        }
    }

    /// The name together with the kind: no caller of another kind has the same, whoever chose the name. A token that
    /// replaces one of the same name has the same.
    pub fn key(&self) -> Cow<'_, str> {
        let kind = match self.kind {
            // No name of another kind has a line break.
            CallerKind::Service => return (&*self.name).into(),
            CallerKind::Token(_) => "token",
            CallerKind::Subject => "subject",
            CallerKind::Person(_) => "person",
            CallerKind::Trigger => "trigger",
        };
        format!("{kind}\n{}", self.name).into()
    }

    pub(super) fn unlimited(name: Arc<str>) -> Self {
        Self::service(name, Role::Admin, Arc::new(Scope::all()))
    }

    /// Checks that the caller's scope includes every name of a kind, for what belongs to the whole deployment.
    ///
    /// # Errors
    /// `Forbidden` otherwise. The text names what the scope lacks.
    pub fn must_see_all(&self, kind: Kind) -> Result<(), Error> {
        match self.scope.of(kind) {
            Names::All => Ok(()),
            Names::Only(_) => Err(Error::Forbidden(format!(
                "this concerns all {kind}, so the scope of {:?} must have `\"{kind}\": [\"*\"]`",
                self.name,
                kind = kind.name(),
            ))),
        }
    }

    pub(super) fn at_least(self, role: Role) -> Result<Self, Error> {
        if self.role >= role {
            return Ok(self);
        }
        Err(Error::Forbidden(format!(
            "this needs the role `{role}`, and {:?} has the role `{}`",
            self.name, self.role,
        )))
    }
}

/// The role of a caller. Each role includes the permissions of those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, ToSchema,
)]
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

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(Error::no_caller)
    }
}

/// A caller with the role `writer` or `admin`.
#[derive(Clone, Debug)]
pub struct Writer(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.at_least(Role::Writer).map(Self)
    }
}

/// A caller with the role `admin`. The scope limits admins as well.
#[derive(Clone, Debug)]
pub struct Admin(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.at_least(Role::Admin).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_different_kinds_have_different_keys_whatever_their_names() {
        let id = Uuid::from_u128(7);
        let kinds = [
            CallerKind::Service,
            CallerKind::Token(id),
            CallerKind::Subject,
            CallerKind::Person(id),
            CallerKind::Trigger,
        ];
        let callers = kinds.map(|kind| Caller {
            kind,
            ..Caller::unlimited("root".into())
        });
        let mut keys: Vec<Cow<'_, str>> = callers.iter().map(Caller::key).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), kinds.len());
    }
}
