//! Receipts of erasures: each names the one before it by its hash, so that one that is changed,
//! taken out or put between shows.
//!
//! `hash` is SHA-256 over the hash before it (32 zero bytes for the first) and the text of `body`,
//! which anybody can check; `signature` is HMAC-SHA256 over the hash with a key that is not in the
//! database, so that not even who rewrites all of them can make them fit.

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

use crate::keys::Master;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErasureReceipt)]
pub struct Receipt {
    /// From 1, without a gap.
    pub number: i64,
    /// What was erased where, of whom (a digest), for which robeings, and when nothing was left.
    #[schema(value_type = Object)]
    pub body: Box<RawValue>,
    /// In hex, as the two below.
    pub previous: String,
    pub hash: String,
    pub signature: String,
    /// Whether hash and signature are those of this body and of the receipt before it.
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

const FIRST: [u8; 32] = [0; 32];

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

    fn follows(&self, number: i64, previous: &[u8], master: &Master) -> bool {
        self.number == number + 1
            && self.previous == previous
            && self.hash == hash_of(&self.previous, &self.body)
            && master.has_signed(&self.hash, &self.signature)
    }
}

/// Adds a receipt at the end. Whoever adds another one waits until the transaction ends.
pub async fn add(
    transaction: &Transaction<'_>,
    master: &Master,
    erasure: Uuid,
    body: &str,
) -> Result<i64, tokio_postgres::Error> {
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
        None => (0, FIRST.to_vec()),
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
    Ok(number)
}

/// That of an erasure, held against the one before it.
pub async fn of(client: &Client, master: &Master, erasure: Uuid) -> Result<Option<Receipt>> {
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
    let before = before.or_else(|| is_first.then(|| FIRST.to_vec()));
    let is_valid = before.is_some_and(|it| stored.follows(stored.number - 1, &it, master));
    // A body that is no JSON any more is shown as the text it is.
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

/// The number of the first receipt that does not follow from the one before it, if there is one.
pub async fn first_broken(client: &Client, master: &Master) -> Result<Option<i64>> {
    const AT_ONCE: i64 = 1_000;
    let (mut number, mut previous) = (0, FIRST.to_vec());
    loop {
        let rows = client
            .query_typed(
                "select number, body, previous, hash, signature
                 from privacy.receipt where number > $1 order by number limit $2",
                &[(&number, Type::INT8), (&AT_ONCE, Type::INT8)],
            )
            .await?;
        for row in &rows {
            let stored = Stored::of(row)?;
            if !stored.follows(number, &previous, master) {
                return Ok(Some(number + 1));
            }
            (number, previous) = (stored.number, stored.hash);
        }
        if (rows.len() as i64) < AT_ONCE {
            break;
        }
    }
    // Each finished erasure has one, so that the end can't be cut off unseen.
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
    Ok((finished > number).then_some(number + 1))
}
