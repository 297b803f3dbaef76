//! The cookie of a sign-in: a random value, of which the database has the digest.

use anyhow::anyhow;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use platform::auth::COOKIE;
use platform::postgres::types::{Json, Type};
use platform::{Error, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::grant::Grantor;
use crate::person::note;
use crate::{Actor, People, begin};

/// The random bytes of a cookie or a token.
const BYTES: usize = 32;
/// The characters of their form.
pub(crate) const CHARACTERS: usize = 43;

/// A secret that is shown once. The database has its SHA-256.
pub(crate) struct Random(pub String);

impl Random {
    pub fn new() -> Result<Self> {
        let mut bytes = [0; BYTES];
        rand::fill(&mut bytes).map_err(|_| anyhow!("the system has no random numbers"))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }
}

/// The SHA-256 under which a cookie or a token is stored.
pub(crate) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether a text has the form of a random value.
pub(crate) fn is_random(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() == CHARACTERS && text.bytes().all(is_plain)
}

/// The header that sets the cookie for 24 hours. `__Host-` means that it is sent to this host alone, over TLS.
pub(crate) fn set(value: &str) -> HeaderValue {
    let text = format!("{COOKIE}={value}; Path=/; Max-Age=86400; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).expect("a cookie is ASCII")
}

/// The header that removes the cookie.
pub fn removed() -> HeaderValue {
    let text = format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).expect("a cookie is ASCII")
}

/// Ends the sign-in with this cookie, and the tokens that came from it. Without one it changes nothing.
pub(crate) async fn end(db: &Transaction<'_>, value: &str, actor: &Actor) -> Result<()> {
    let ended = db
        .query_typed_opt(
            "delete from people.cookie where hash = $1 returning person_id",
            &[(&hash(value).as_slice(), Type::BYTEA)],
        )
        .await?;
    if let Some(row) = ended {
        note(db, actor, "person.sign_out", row.try_get(0)?, json!({})).await?;
    }
    Ok(())
}

/// Stores a new cookie and returns the header that sets it.
pub(crate) async fn issue(db: &Transaction<'_>, person: Uuid) -> Result<HeaderValue> {
    let Random(value) = Random::new()?;
    db.execute_typed(
        "insert into people.cookie (hash, person_id, expires_at) values ($1, $2, now() + interval '24 hours')",
        &[(&hash(&value).as_slice(), Type::BYTEA), (&person, Type::UUID)],
    )
    .await?;
    Ok(set(&value))
}

impl People {
    /// Ends the sign-in with this cookie, and the tokens that came from it. Without one it changes nothing.
    pub async fn sign_out(&self, value: &str, actor: &Actor) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        end(&transaction, value, actor).await?;
        self.commit(transaction).await
    }

    /// Ends every sign-in of a person, and returns how many there were.
    ///
    /// # Errors
    /// `NotFound` if there is no such person within the reach.
    pub async fn end_sign_ins(&self, person: Uuid, by: &Grantor<'_>) -> Result<u64> {
        let mut client = self.client().await?;
        let transaction = begin(&mut client).await?;
        let known = transaction
            .query_typed_opt(
                "select from people.person where id = $1 and people.includes($2, scope) for update",
                &[(&person, Type::UUID), (&Json(by.reach), Type::JSONB)],
            )
            .await?;
        if known.is_none() {
            return Err(Error::NotFound("there is no such person".to_owned()));
        }
        let ended = transaction
            .execute_typed(
                "delete from people.cookie where person_id = $1",
                &[(&person, Type::UUID)],
            )
            .await?;
        let detail = json!({ "sign_ins": ended });
        note(
            &transaction,
            by.actor,
            "person.end_sign_ins",
            person,
            detail,
        )
        .await?;
        self.commit(transaction).await?;
        Ok(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_random_and_bound_to_the_host() {
        let Random(value) = Random::new().unwrap();
        assert!(is_random(&value));
        assert_ne!(value, Random::new().unwrap().0);
        let header = set(&value);
        let header = header.to_str().unwrap();
        assert!(header.starts_with(&format!("__Host-metasync={value}; Path=/;")));
        for part in ["Secure", "HttpOnly", "SameSite=Lax", "Max-Age=86400"] {
            assert!(header.contains(part), "{header}");
        }
        assert!(!header.contains("Domain"));
    }
}
