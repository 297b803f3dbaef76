//! The audit log: who did what to what, when and from where.
//!
//! An entry is inserted in the transaction that makes the change, so that neither exists without the other. A sweep
//! ([`AuditChain::sweep`]) adds committed entries to a chain of digests, and signs its end in the bucket, so that
//! [`AuditChain::verify`] finds entries that were changed, removed, inserted or reordered.

mod anchor;
mod chain;
pub(crate) mod empty;
mod list;
mod sweep;
mod verify;
mod whole;

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use aws_lc_rs::rand;
use platform::auth::CallerKind;
use platform::postgres::Pool;
use platform::postgres::types::{Json, Type};
use platform::secrets::Rotating;
use platform::store::Store;
use platform::{All as _, Caller, Resources};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::keyring::Keyring;

pub use list::{AuditEntry, Filter, MAX_PAGE};
pub use sweep::Swept;
pub use verify::{Fault, FaultKind, Verification};

/// The chain of the audit log, and its anchors in the bucket. Cheap to clone.
#[derive(Clone)]
pub struct AuditChain {
    pool: Pool,
    store: Arc<dyn Store>,
    keyring: Rotating<Keyring>,
}

impl AuditChain {
    /// Reads `METASYNC_KEYS`, and opens the database and the bucket.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let (pool, store, keyring) = (
            resources.postgres(),
            resources.store(),
            resources.rotating(Keyring::of),
        )
            .all()?;
        Ok(Self {
            pool,
            store,
            keyring,
        })
    }
}

/// Who does something.
#[derive(Clone, Debug)]
pub struct Actor {
    kind: ActorKind,
    /// The name of the caller: a person's id, or the name of a service, which some issuers make an e-mail address.
    name: String,
    /// The id of a token in the database: others may have the same name.
    token: Option<Uuid>,
    address: Option<IpAddr>,
    request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    Person,
    Token,
    Trigger,
    Command,
}

impl ActorKind {
    fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Token => "token",
            Self::Trigger => "trigger",
            Self::Command => "command",
        }
    }

    fn named(text: &str) -> anyhow::Result<Self> {
        let kind = serde_json::from_value(Value::from(text));
        kind.with_context(|| format!("{text:?} is not a kind of actor"))
    }
}

impl Actor {
    /// The caller of the current request, and the address that it came from.
    pub fn of(caller: &Caller, address: Option<IpAddr>) -> Self {
        let kind = match caller.kind {
            CallerKind::Person(_) => ActorKind::Person,
            CallerKind::Trigger => ActorKind::Trigger,
            CallerKind::Service | CallerKind::Token(_) | CallerKind::Subject => ActorKind::Token,
        };
        let token = match caller.kind {
            CallerKind::Token(id) => Some(id),
            _ => None,
        };
        Self {
            kind,
            token,
            name: caller.name.as_ref().to_owned(),
            address,
            request_id: request_id(),
        }
    }

    /// A person who is not a caller yet: one who signs in.
    pub fn person(id: Uuid, address: Option<IpAddr>) -> Self {
        Self {
            kind: ActorKind::Person,
            token: None,
            name: id.to_string(),
            address,
            request_id: request_id(),
        }
    }

    /// A process, which does it on its own.
    fn process() -> Self {
        Self {
            kind: ActorKind::Trigger,
            token: None,
            name: "metasync".to_owned(),
            address: None,
            request_id: None,
        }
    }

    /// Whether it is this person.
    pub(crate) fn is_person(&self, id: Uuid) -> bool {
        self.kind == ActorKind::Person && self.name == id.to_string()
    }

    /// The command line, which has the rights of whoever has the database.
    pub fn command() -> Self {
        Self {
            kind: ActorKind::Command,
            token: None,
            name: "metasync".to_owned(),
            address: None,
            request_id: None,
        }
    }
}

/// The id of the request. A caller may choose it, and the chain has it for ever, so only one that says nothing counts: a
/// UUID, or an id of a trace.
fn request_id() -> Option<String> {
    platform::telemetry::request_id().filter(|id| is_opaque(id))
}

fn is_opaque(id: &str) -> bool {
    let of_xray = id.strip_prefix("1-").and_then(|id| id.split_once('-'));
    let hex = match of_xray {
        Some((time, random)) if time.len() == 8 && random.len() == 24 => format!("{time}{random}"),
        _ if id.len() == 36 => return Uuid::try_parse(id).is_ok(),
        _ => id.to_owned(),
    };
    hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What was done to what.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// A kind of subject and a verb: `token.revoke`.
    pub action: &'a str,
    /// `person`, `token`, `setting` and so on.
    pub subject_kind: &'a str,
    /// The id of the subject. Never a name or an address of a person.
    pub subject: &'a str,
    /// What changed. It is part of the chain for ever, so it must have no personal data.
    pub detail: Value,
}

/// Inserts an entry. It becomes part of the chain at the next sweep after the commit.
pub async fn record(db: &Transaction<'_>, actor: &Actor, entry: &Entry<'_>) -> Result<(), Error> {
    let id = Uuid::now_v7();
    let address = actor.address.map(|it| it.to_string());
    let personal =
        serde_json::json!({"actor": actor.name, "address": address, "token": actor.token});
    let mut salt = [0; 16];
    // Only a system without random numbers fails, and such a one accepts no TLS connection either.
    rand::fill(&mut salt).unwrap_or_else(|_| panic!("the system has no random numbers"));
    let digest = personal_digest(&salt, &personal);
    db.execute_typed(
        "with entry as (
             insert into people.audit
                 (id, action, subject_kind, subject, detail, actor_kind, personal, salt, personal_digest, request_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             returning id
         )
         insert into people.audit_pending (audit_id) select id from entry",
        &[
            (&id, Type::UUID),
            (&entry.action, Type::TEXT),
            (&entry.subject_kind, Type::TEXT),
            (&entry.subject, Type::TEXT),
            (&Json(&entry.detail), Type::JSONB),
            (&actor.kind.name(), Type::TEXT),
            (&Json(&personal), Type::JSONB),
            (&salt.as_slice(), Type::BYTEA),
            (&digest.as_slice(), Type::BYTEA),
            (&actor.request_id, Type::TEXT),
        ],
    )
    .await?;
    Ok(())
}

/// The digest of what a row has about a person. It depends on the values alone, since Postgres may write the JSON in
/// another way.
fn personal_digest(salt: &[u8], personal: &Value) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(salt);
    for name in ["actor", "address", "token"] {
        let text = personal.get(name).and_then(Value::as_str);
        digest.update([u8::from(text.is_some())]);
        let text = text.unwrap_or_default();
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::is_opaque;

    #[test]
    fn only_an_id_that_says_nothing_enters_the_chain() {
        for id in [
            "0190b2a0-0000-7000-8000-0000000000aa",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "1-5759e988-bd862e3fe1be46a994272793",
        ] {
            assert!(is_opaque(id), "{id}");
        }
        for id in [
            "",
            "kim@example.com",
            "kim-kim-kim-kim-kim-kim-kim-kim-kim-",
            "1-kim.name-bd862e3fe1be46a994272793",
            "4bf92f3577b34da6a3ce929d0e0e473",
        ] {
            assert!(!is_opaque(id), "{id}");
        }
    }
}
