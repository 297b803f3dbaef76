//! Receipts of erasures. Each receipt includes the hash of the previous one, so that a changed, removed or
//! inserted receipt is detected.
//!
//! `hash` is SHA-256 over the previous hash (32 zero bytes for the first receipt) and the text of `body`;
//! anyone can verify it. `signature` is HMAC-SHA256 over the hash, with a key that is not in the database,
//! so that rewriting the whole chain is detected as well.

use std::fmt;
use std::time::Instant;

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

    /// The position of the key that signed the receipt.
    ///
    /// # Errors
    /// What is wrong with it, unless it is unchanged and comes directly after receipt `number` with the hash
    /// `previous`.
    fn signer_after(
        &self,
        number: i64,
        previous: &[u8],
        master: &MasterKeys,
    ) -> Result<usize, Fault> {
        let expected = number + 1;
        if self.number != expected {
            return Err(Fault::Missing(expected));
        }
        if self.previous != previous || self.hash != hash_of(&self.previous, &self.body) {
            return Err(Fault::Changed(expected));
        }
        let signer = master.signer(&self.hash, &self.signature);
        signer.ok_or(Fault::NotSigned(expected))
    }
}

/// Why the chain of receipts is broken, with the number of its first receipt that doesn't fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let signer = stored.signer_after(stored.number - 1, &it, master);
        signer.is_ok()
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

/// The chain of receipts, as far as it was read.
pub struct Chain {
    /// The first fault, if any. The chain was not read beyond it.
    pub fault: Option<Fault>,
    /// How many receipts each key signed.
    pub signed: Vec<u64>,
}

/// Verifies the chain.
pub async fn verify(client: &Client, master: &MasterKeys) -> Result<Chain> {
    let mut reader = Reader::default();
    let mut signed = vec![0; master.count()];
    loop {
        let page = reader.next(client, master).await?;
        for (_, signer) in &page.receipts {
            signed[*signer] += 1;
        }
        if page.fault.is_some() || page.is_last {
            let fault = match page.fault {
                Some(fault) => Some(fault),
                None => missing_last(client, reader.number).await?,
            };
            return Ok(Chain { fault, signed });
        }
    }
}

/// Signs each receipt that another key signed with the first key, until `until`. Returns how many. It signs
/// only hashes whose signature it has verified, so that a receipt that was changed stays invalid, and stops
/// before the first fault.
pub async fn sign_again(client: &Client, master: &MasterKeys, until: Instant) -> Result<u64> {
    let mut reader = Reader::default();
    let mut count = 0;
    loop {
        let page = reader.next(client, master).await?;
        let old = page.receipts.iter().filter(|(_, signer)| *signer > 0);
        let (mut numbers, mut known, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for (receipt, _) in old {
            numbers.push(receipt.number);
            known.push(&*receipt.signature);
            new.push(master.sign(&receipt.hash));
        }
        if !numbers.is_empty() {
            count += client
                .execute_typed(
                    "update privacy.receipt as receipt
                     set signature = signed.new
                     from unnest($1::int8[], $2::bytea[], $3::bytea[]) as signed (number, known, new)
                     where receipt.number = signed.number and receipt.signature = signed.known",
                    &[
                        (&numbers, Type::INT8_ARRAY),
                        (&known, Type::BYTEA_ARRAY),
                        (&new, Type::BYTEA_ARRAY),
                    ],
                )
                .await?;
        }
        if page.fault.is_some() || page.is_last || Instant::now() >= until {
            return Ok(count);
        }
    }
}

/// Reads the chain from its beginning, in pages.
struct Reader {
    /// The number and the hash of the last receipt.
    number: i64,
    previous: Vec<u8>,
}

struct Page {
    /// The receipts up to the first fault, and the position of the key that signed each.
    receipts: Vec<(Stored, usize)>,
    fault: Option<Fault>,
    is_last: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            number: 0,
            previous: NO_PREVIOUS.to_vec(),
        }
    }
}

impl Reader {
    async fn next(&mut self, client: &Client, master: &MasterKeys) -> Result<Page> {
        const PAGE: i64 = 1_000;
        let rows = client
            .query_typed(
                "select number, body, previous, hash, signature
                 from privacy.receipt where number > $1 order by number limit $2",
                &[(&self.number, Type::INT8), (&PAGE, Type::INT8)],
            )
            .await?;
        let mut page = Page {
            receipts: Vec::with_capacity(rows.len()),
            fault: None,
            is_last: (rows.len() as i64) < PAGE,
        };
        for row in &rows {
            let stored = Stored::of(row)?;
            match stored.signer_after(self.number, &self.previous, master) {
                Ok(signer) => {
                    self.number = stored.number;
                    self.previous.clone_from(&stored.hash);
                    page.receipts.push((stored, signer));
                }
                Err(fault) => {
                    page.fault = Some(fault);
                    break;
                }
            }
        }
        Ok(page)
    }
}

/// The fault of a chain whose last receipts were removed: each finished erasure has one.
async fn missing_last(client: &Client, number: i64) -> Result<Option<Fault>> {
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
