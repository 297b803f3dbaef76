//! Anchors: signed copies of the end of the chain in the bucket, which whoever changes the database can't change.

use anyhow::Context as _;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use platform::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::chain::{Digest, Framed};
use crate::keyring::Keyring;

const FOLDER: &str = "audit/anchors/";
const PURPOSE: &str = "audit anchor";
const VERSION: &[u8] = b"metasync audit anchor 1";
/// The digits of a number in a name.
const DIGITS: usize = 20;
/// The digits at the end that one list varies: it has at most 10,000 anchors, whatever the age of the log.
const LISTED: usize = 4;
/// How many objects are read or listed at once.
const AT_ONCE: usize = 16;

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
                    Found::Anchor(there) if there.digest == self.digest => Written::Yes,
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

/// The number of a key. Other objects, and other spellings of a number, are no anchors.
fn number(of: &str) -> Option<i64> {
    let name = of.strip_prefix(FOLDER)?.strip_suffix(".json")?;
    name.parse().ok().filter(|seq| key(*seq) == of)
}

/// What is in the bucket at a number.
pub(super) enum Found {
    Nothing,
    /// Something that no key of this deployment signed.
    Unsigned,
    Anchor(Anchor),
}

/// The anchor at a number.
pub(super) async fn read(
    store: &dyn Store,
    keyring: &Keyring,
    seq: i64,
) -> platform::Result<Found> {
    let body = match store.get(&key(seq)).await {
        Ok(object) => object.body,
        Err(StoreError::NotFound(_)) => return Ok(Found::Nothing),
        Err(error) => return Err(error.into()),
    };
    let anchor: Option<Anchor> = serde_json::from_slice(&body).ok();
    let anchor = anchor.filter(|it| it.seq == seq && it.is_signed(keyring));
    Ok(anchor.map_or(Found::Unsigned, Found::Anchor))
}

/// The numbers at which there are anchors, of those that begin with these digits, in order.
async fn list(store: &dyn Store, digits: &str) -> platform::Result<Vec<i64>> {
    let keys = store.list(&format!("{FOLDER}{digits}")).await?;
    Ok(keys.iter().filter_map(|key| number(key)).collect())
}

/// The anchors after `after` up to `end`, with their numbers, in order.
pub(super) fn between<'a>(
    store: &'a dyn Store,
    keyring: &'a Keyring,
    after: i64,
    end: i64,
) -> impl Stream<Item = platform::Result<(i64, Found)>> + Send + 'a {
    let blocks = after / BLOCK..=end / BLOCK;
    let digits = blocks.map(|block| format!("{block:0width$}", width = DIGITS - LISTED));
    let lists = stream::iter(digits).map(async move |digits| list(store, &digits).await);
    let numbers = lists
        .buffered(AT_ONCE)
        .map_ok(move |numbers| {
            let within = numbers
                .into_iter()
                .filter(move |seq| *seq > after && *seq <= end);
            stream::iter(within.map(Ok::<i64, platform::Error>))
        })
        .try_flatten();
    numbers
        .map(async move |seq| {
            let seq = seq?;
            Ok((seq, read(store, keyring, seq).await?))
        })
        .buffered(AT_ONCE)
}

const BLOCK: i64 = 10_i64.pow(LISTED as u32);

/// The greatest number after `end` at which there is an anchor.
pub(super) async fn beyond(store: &dyn Store, end: i64) -> platform::Result<Option<i64>> {
    let lists = stream::iter(after(end)).map(async move |digits| list(store, &digits).await);
    let found: Vec<Vec<i64>> = lists.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().filter(|seq| *seq > end).max())
}

/// What the numbers after `end` begin with: the digits of its own block, and for each of them the greater ones after
/// the same digits.
fn after(end: i64) -> Vec<String> {
    let block = format!("{:0width$}", end / BLOCK, width = DIGITS - LISTED);
    let mut prefixes = vec![block.clone()];
    for (place, digit) in block.char_indices() {
        let greater = ('0'..='9').filter(|it| *it > digit);
        prefixes.extend(greater.map(|it| format!("{}{it}", &block[..place])));
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_that_is_written_is_one_of_an_anchor() {
        assert_eq!(number(&key(5)), Some(5));
        for name in ["5.json", "+5.json", "+0000000000000000005.json", "x.json"] {
            assert_eq!(number(&format!("{FOLDER}{name}")), None, "{name}");
        }
    }

    #[test]
    fn every_number_after_the_end_is_listed_once_and_none_before_its_block() {
        for end in [0, 9_999, 10_000, 123_456_789, i64::MAX - 1] {
            let prefixes = after(end);
            let lists = |seq: i64| {
                let digits = format!("{seq:020}");
                prefixes.iter().filter(|it| digits.starts_with(*it)).count()
            };
            for more in [1, 9_000, 10_000, 99_999, 1 << 40, i64::MAX / 2] {
                let seq = end.saturating_add(more);
                assert_eq!(lists(seq), 1, "{seq} after {end}");
            }
            assert_eq!(lists(end - end % BLOCK - 1), 0, "{end}");
        }
    }
}
