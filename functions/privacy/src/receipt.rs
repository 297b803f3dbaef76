//! Receipts of erasures. Each receipt includes the hash of the previous one, so that a changed, removed or
//! inserted receipt is detected.
//!
//! `hash` is SHA-256 over the previous hash (32 zero bytes for the first receipt) and the text of `body`;
//! anyone can verify it. `signature` is HMAC-SHA256 over the hash, with a key that is not in the database,
//! so that rewriting the whole chain is detected as well.

use std::fmt;

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Row, Transaction};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::keys::MasterKeys;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasureReceipt)]
pub struct Receipt {
    /// Counts from 1 without gaps.
    pub number: i64,
    /// The number of erased rows per table, the digest of the subject, the robeings in scope, and when the
    /// erasure was requested and verified.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// The hash of the previous receipt, in hexadecimal.
    pub previous: String,
    /// SHA-256 of `previous` and `body`, in hexadecimal.
    pub hash: String,
    /// HMAC-SHA256 of `hash`, in hexadecimal.
    pub signature: String,
    /// Whether the hash and the signature match the body and the previous receipt.
    pub is_valid: bool,
}

/// A receipt as it is stored.
struct Stored {
    number: i64,
    body: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
    signature: Vec<u8>,
}

/// The previous hash of the first receipt.
const NO_PREVIOUS: [u8; 32] = [0; 32];

fn hash_of(previous: &[u8], body: &str) -> Vec<u8> {
    let hash = Sha256::new().chain_update(previous).chain_update(body);
    hash.finalize().to_vec()
}

impl Stored {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            number: row.try_get("number")?,
            body: row.try_get("body")?,
            previous: row.try_get("previous")?,
            hash: row.try_get("hash")?,
            signature: row.try_get("signature")?,
        })
    }

    /// What is wrong with the receipt, unless it is unchanged and comes directly after receipt `number` with the
    /// hash `previous`.
    fn fault_after(&self, number: i64, previous: &[u8], master: &MasterKeys) -> Option<Fault> {
        let expected = number + 1;
        if self.number != expected {
            return Some(Fault::Missing(expected));
        }
        if self.previous != previous || self.hash != hash_of(&self.previous, &self.body) {
            return Some(Fault::Changed(expected));
        }
        let is_signed = master.verify(&self.hash, &self.signature);
        (!is_signed).then_some(Fault::NotSigned(expected))
    }
}

/// Why the chain of receipts is broken, with the number of its first receipt that doesn't fit.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    Missing(i64),
    Changed(i64),
    /// Signed with a key that is not in `PRIVACY_KEY`, or by somebody who had none.
    NotSigned(i64),
}

impl fmt::Display for Fault {
    fn fmt(&self, it: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(number) => write!(
                it,
                "receipt {number} is missing, or another one was inserted before it: restore privacy.receipt from a \
                 backup"
            ),
            Self::Changed(number) => {
                write!(it, "receipt {number} was changed: restore it from a backup")
            }
            Self::NotSigned(number) => write!(
                it,
                "no key in PRIVACY_KEY signed receipt {number}: if a key was removed from PRIVACY_KEY, append it \
                 after a comma; otherwise the receipt was changed: restore it from a backup"
            ),
        }
    }
}

/// Appends a receipt. Other transactions that append one wait until this one ends.
pub async fn append(
    transaction: &Transaction<'_>,
    master: &MasterKeys,
    erasure: Uuid,
    body: &str,
) -> Result<(), tokio_postgres::Error> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('privacy.receipt', 0))";
    transaction.query_typed(lock, &[]).await?;
    let last = transaction
        .query_typed_opt(
            "select number, hash from privacy.receipt order by number desc limit 1",
            &[],
        )
        .await?;
    let (number, previous): (i64, Vec<u8>) = match last {
        Some(row) => (row.try_get(0)?, row.try_get(1)?),
        None => (0, NO_PREVIOUS.to_vec()),
    };
    let number = number + 1;
    let hash = hash_of(&previous, body);
    let signature = master.sign(&hash);
    transaction
        .execute_typed(
            "insert into privacy.receipt (number, erasure_id, body, previous, hash, signature)
         values ($1, $2, $3, $4, $5, $6)",
            &[
                (&number, Type::INT8),
                (&erasure, Type::UUID),
                (&body, Type::TEXT),
                (&previous, Type::BYTEA),
                (&hash, Type::BYTEA),
                (&signature, Type::BYTEA),
            ],
        )
        .await?;
    Ok(())
}

/// Reads the receipt of an erasure, and validates it against the previous one.
pub async fn read(client: &Client, master: &MasterKeys, erasure: Uuid) -> Result<Option<Receipt>> {
    let row = client
        .query_typed_opt(
            "select number, body, previous, hash, signature,
                    (select before.hash from privacy.receipt as before
                     where before.number = receipt.number - 1) as before
             from privacy.receipt
             where erasure_id = $1",
            &[(&erasure, Type::UUID)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let stored = Stored::of(&row)?;
    let before: Option<Vec<u8>> = row.try_get("before")?;
    let is_first = stored.number == 1;
    let before = before.or_else(|| is_first.then(|| NO_PREVIOUS.to_vec()));
    let is_valid = before.is_some_and(|it| {
        let fault = stored.fault_after(stored.number - 1, &it, master);
        fault.is_none()
    });
    // A body that was changed into invalid JSON is returned as a string.
    let body = RawValue::from_string(stored.body.clone());
    let body =
        body.or_else(|_| RawValue::from_string(serde_json::Value::from(stored.body).to_string()));
    Ok(Some(Receipt {
        number: stored.number,
        body: body.map_err(anyhow::Error::from)?,
        previous: hex::encode(stored.previous),
        hash: hex::encode(stored.hash),
        signature: hex::encode(stored.signature),
        is_valid,
    }))
}

/// The first fault of the chain, if any.
pub async fn first_fault(client: &Client, master: &MasterKeys) -> Result<Option<Fault>> {
    const PAGE: i64 = 1_000;
    let (mut number, mut previous) = (0, NO_PREVIOUS.to_vec());
    loop {
        let rows = client
            .query_typed(
                "select number, body, previous, hash, signature
                 from privacy.receipt where number > $1 order by number limit $2",
                &[(&number, Type::INT8), (&PAGE, Type::INT8)],
            )
            .await?;
        for row in &rows {
            let stored = Stored::of(row)?;
            if let Some(fault) = stored.fault_after(number, &previous, master) {
                return Ok(Some(fault));
            }
            (number, previous) = (stored.number, stored.hash);
        }
        if (rows.len() as i64) < PAGE {
            break;
        }
    }
    // Each finished erasure has a receipt, so removing the last receipts is detected as well.
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        "select count(*) from privacy.erasure where finished_at is not null",
        &[],
    )
    .await?;
    let finished: i64 = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => 0,
    };
    Ok((finished > number).then_some(Fault::Missing(number + 1)))
}
