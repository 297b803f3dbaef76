//! Anchors: signed copies of the end of the chain in the bucket, which whoever changes the database can't change.

use anyhow::Context as _;
use jiff::Timestamp;
use platform::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::chain::{Digest, Framed};
use crate::keyring::Keyring;

const FOLDER: &str = "audit/anchors/";
const PURPOSE: &str = "audit anchor";
const VERSION: &[u8] = b"metasync audit anchor 1";

/// The end of the chain at a time.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Anchor {
    /// The number of the last entry.
    pub seq: i64,
    /// The digest of the last entry, in hexadecimal.
    pub digest: String,
    /// The number of entries since the anchor before this one.
    pub rows: i64,
    /// Entries that follow were recorded later, or in transactions that were open at this time.
    pub at: Timestamp,
    signature: String,
}

/// What became of an anchor that was to be written.
pub(super) enum Written {
    /// It is there, from now on or from an earlier attempt.
    Yes,
    /// Another chain has an anchor at this number.
    Conflict,
}

impl Anchor {
    pub fn new(keyring: &Keyring, seq: i64, digest: &Digest, rows: i64, at: Timestamp) -> Self {
        let mut anchor = Self {
            seq,
            digest: hex::encode(digest),
            rows,
            at,
            signature: String::new(),
        };
        anchor.signature = hex::encode(keyring.sign(PURPOSE, &anchor.signed()));
        anchor
    }

    fn signed(&self) -> Vec<u8> {
        let mut framed = Framed::new(VERSION);
        framed.add(&self.seq.to_be_bytes());
        framed.add(self.digest.as_bytes());
        framed.add(&self.rows.to_be_bytes());
        framed.add(&self.at.as_nanosecond().to_be_bytes());
        framed.0
    }

    fn is_signed(&self, keyring: &Keyring) -> bool {
        let signature = hex::decode(&self.signature).unwrap_or_default();
        keyring.verify(PURPOSE, &self.signed(), &signature)
    }

    /// The number of the last entry that an earlier anchor covers.
    pub fn previous(&self) -> i64 {
        self.seq - self.rows
    }

    pub async fn write(&self, store: &dyn Store, keyring: &Keyring) -> platform::Result<Written> {
        let body = serde_json::to_vec(self).context("an anchor is JSON")?;
        match store.put(&key(self.seq), body.into(), Put::IfAbsent).await {
            Ok(_) => Ok(Written::Yes),
            // Another sweep, or an attempt whose response was lost.
            Err(StoreError::Precondition(_)) => {
                let there = read(store, keyring, self.seq).await?;
                Ok(match there {
                    Some(there) if there.digest == self.digest => Written::Yes,
                    _ => Written::Conflict,
                })
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn key(seq: i64) -> String {
    format!("{FOLDER}{seq:020}.json")
}

/// The anchor at a number. None if there is none that a key of this deployment signed.
pub(super) async fn read(
    store: &dyn Store,
    keyring: &Keyring,
    seq: i64,
) -> platform::Result<Option<Anchor>> {
    let body = match store.get(&key(seq)).await {
        Ok(object) => object.body,
        Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let anchor: Option<Anchor> = serde_json::from_slice(&body).ok();
    Ok(anchor.filter(|it| it.seq == seq && it.is_signed(keyring)))
}

/// The numbers at which there are anchors, in order.
pub(super) async fn list(store: &dyn Store) -> platform::Result<Vec<i64>> {
    let keys = store.list(FOLDER).await?;
    let numbers = keys.iter().filter_map(|key| {
        let name = key.strip_prefix(FOLDER)?.strip_suffix(".json")?;
        name.parse().ok()
    });
    let mut numbers: Vec<i64> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}
