//! What the routes of people and of tokens have in common.

use http::{HeaderMap, HeaderValue, header};
use people::grant::Grantor;
use people::{Actor, RequestKey};
use platform::auth::{Admin, Scope};
use platform::serve::ClientAddress;
use platform::{Caller, Result, idempotency};
use uuid::Uuid;

/// An admin who administers people and tokens, as far as their own scope reaches.
pub struct Administrator {
    caller: Caller,
    actor: Actor,
}

impl Administrator {
    pub fn new(Admin(caller): Admin, ClientAddress(address): ClientAddress) -> Self {
        let actor = Actor::of(&caller, address);
        Self { caller, actor }
    }

    pub fn grantor(&self) -> Grantor<'_> {
        Grantor {
            actor: &self.actor,
            reach: self.reach(),
            person: self.caller.person(),
        }
    }

    pub fn reach(&self) -> &Scope {
        &self.caller.scope
    }

    /// The `Idempotency-Key` of a request, which belongs to its caller.
    pub fn key(&self, headers: &HeaderMap) -> Result<Option<RequestKey>> {
        let key = idempotency::key(headers)?;
        Ok(key.map(|key| RequestKey::of(&self.caller, &key)))
    }
}

/// A page of at most `limit` items, of one more that were found, and the cursor of the next page.
pub fn page<T>(mut found: Vec<T>, limit: i64, id: impl Fn(&T) -> Uuid) -> (Vec<T>, Option<Uuid>) {
    let limit = usize::try_from(limit).unwrap_or_default();
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(id);
    (found, next)
}

/// `ETag` of something with this revision.
pub fn etag(revision: i64) -> (http::HeaderName, HeaderValue) {
    let tag = HeaderValue::try_from(format!("\"{revision}\""));
    (header::ETAG, tag.expect("a number in quotes is ASCII"))
}

/// `Location` of something with this id.
pub fn location(path: &str, id: Uuid) -> (http::HeaderName, HeaderValue) {
    let location = HeaderValue::try_from(format!("{path}/{id}"));
    (header::LOCATION, location.expect("a path is ASCII"))
}
