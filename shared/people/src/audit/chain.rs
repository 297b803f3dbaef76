//! The chain: the digest of each entry is one of the digest before it and of the entry.

use jiff::Timestamp;
use platform::postgres::types::Json;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use super::personal_digest;

/// The SHA-256 of an entry and of everything before it.
pub(super) type Digest = [u8; 32];

/// What precedes the first entry.
pub(super) const START: Digest = [0; 32];

/// The first part of what is digested. Another form of entries gets another version.
const VERSION: &[u8] = b"metasync audit entry 1";

/// The columns of an entry that the chain covers, in the order of [`Content::of`].
///
/// Postgres writes equal JSON in one way, which a dump and a restore keep.
pub(super) const COLUMNS: &str =
    "audit.id, case when isfinite(audit.at) then audit.at end, audit.action, audit.subject_kind, audit.subject,
    audit.detail::text, audit.actor_kind, audit.personal_digest, audit.request_id";
const COUNT: usize = 9;

/// What the chain covers of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub id: Uuid,
    pub at: Timestamp,
    pub action: &'a str,
    pub subject_kind: &'a str,
    pub subject: &'a str,
    pub detail: &'a str,
    pub actor_kind: &'a str,
    pub personal_digest: &'a [u8],
    pub request_id: Option<&'a str>,
}

impl<'a> Content<'a> {
    /// Reads [`COLUMNS`], which begin at `first`. None if the row of the entry is gone.
    pub fn of(row: &'a Row, first: usize) -> Result<Option<Self>, Error> {
        let Some(id) = row.try_get(first)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            // No entry is recorded without an end, so the digest is another one.
            at: row
                .try_get::<_, Option<Timestamp>>(first + 1)?
                .unwrap_or(Timestamp::MIN),
            action: row.try_get(first + 2)?,
            subject_kind: row.try_get(first + 3)?,
            subject: row.try_get(first + 4)?,
            detail: row.try_get(first + 5)?,
            actor_kind: row.try_get(first + 6)?,
            personal_digest: row.try_get(first + 7)?,
            request_id: row.try_get(first + COUNT - 1)?,
        }))
    }

    /// The digest of the entry after the one with the digest `previous`.
    pub fn digest(&self, previous: &Digest) -> Digest {
        let mut framed = Framed::new(VERSION);
        framed.add(previous);
        framed.add(self.id.as_bytes());
        framed.add(&self.at.as_microsecond().to_be_bytes());
        for text in [
            self.action,
            self.subject_kind,
            self.subject,
            self.detail,
            self.actor_kind,
        ] {
            framed.add(text.as_bytes());
        }
        framed.add(self.personal_digest);
        framed.add_optional(self.request_id);
        Sha256::digest(&framed.0).into()
    }

    /// Whether `personal` is what the entry was recorded with. It is also whole without one, after an erasure.
    pub fn is_of(&self, personal: Option<&Value>, salt: Option<&[u8]>) -> bool {
        match (personal, salt) {
            (Some(personal), Some(salt)) => personal_digest(salt, personal) == self.personal_digest,
            _ => true,
        }
    }
}

/// Reads who did it and the salt, in two columns from `first`.
pub(super) fn personal(row: &Row, first: usize) -> Result<(Option<Value>, Option<&[u8]>), Error> {
    let personal: Option<Json<Value>> = row.try_get(first)?;
    Ok((personal.map(|Json(it)| it), row.try_get(first + 1)?))
}

/// Parts with their lengths, so that no two lists of parts give the same bytes.
pub(super) struct Framed(pub Vec<u8>);

impl Framed {
    pub fn new(version: &[u8]) -> Self {
        let mut framed = Self(Vec::with_capacity(512));
        framed.add(version);
        framed
    }

    pub fn add(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u64).to_be_bytes());
        self.0.extend_from_slice(part);
    }

    /// An absent text differs from an empty one.
    pub fn add_optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        self.add(text.unwrap_or_default().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content() -> Content<'static> {
        Content {
            id: Uuid::from_u128(7),
            at: "2026-01-31T09:30:00.000001Z".parse().unwrap(),
            action: "token.revoke",
            subject_kind: "token",
            subject: "t1",
            detail: "{}",
            actor_kind: "person",
            personal_digest: &[1; 32],
            request_id: None,
        }
    }

    #[test]
    fn the_form_of_an_entry_stays() {
        // Another digest here means that no chain of an earlier release verifies.
        assert_eq!(
            hex::encode(content().digest(&START)),
            "ff9e295511eb751eb83d9c9f6f8b3a6407721c7d05db13c6b7e330e81decfc71"
        );
    }

    #[test]
    fn every_part_of_an_entry_and_the_digest_before_it_count() {
        let it = content();
        let changed = [
            Content {
                id: Uuid::from_u128(8),
                ..it
            },
            Content {
                at: "2026-01-31T09:30:00.000002Z".parse().unwrap(),
                ..it
            },
            Content {
                action: "token.revok",
                subject_kind: "etoken",
                ..it
            },
            Content {
                subject_kind: "tokent",
                subject: "1",
                ..it
            },
            Content {
                subject: "t2",
                ..it
            },
            Content {
                detail: "{} ",
                ..it
            },
            Content {
                actor_kind: "token",
                ..it
            },
            Content {
                personal_digest: &[2; 32],
                ..it
            },
            Content {
                request_id: Some(""),
                ..it
            },
        ];
        let mut digests: Vec<Digest> = changed.iter().map(|it| it.digest(&START)).collect();
        digests.push(it.digest(&START));
        digests.push(it.digest(&[1; 32]));
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn who_did_it_is_checked_until_it_is_erased() {
        let personal = json!({"actor": "kim", "address": null});
        let digest = personal_digest(b"salt", &personal);
        let it = Content {
            personal_digest: &digest,
            ..content()
        };
        assert!(it.is_of(Some(&personal), Some(b"salt")));
        assert!(it.is_of(None, None));
        for (other, salt) in [
            (json!({"actor": "lee", "address": null}), b"salt"),
            (json!({"actor": "kim", "address": ""}), b"salt"),
            (personal, b"pepe"),
        ] {
            assert!(!it.is_of(Some(&other), Some(salt)), "{other}");
        }
    }
}
