//! The verification: computes the chain again, and compares it with its anchors.
//!
//! Whoever can change the database can change entries and compute the chain again, but can't sign anchors. So the chain
//! shows which entry was changed if nothing else was, and the anchors show that something was in any case.

use std::time::Instant;

use futures::TryStreamExt as _;
use futures::future::join;
use futures::stream::{BoxStream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use platform::postgres::Client;
use platform::postgres::types::Type;
use platform::store::Store;
use platform::{Error, Result};
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::AuditChain;
use super::anchor::{self, Found};
use super::chain::{COLUMNS, Content, Digest, START, personal};
use super::whole::fault_of_the_whole;
use crate::keyring::Keyring;

/// How many entries one statement reads.
const PAGE: i64 = 2_000;
/// The longest time between the moment of an entry and its commit.
const LONGEST_TRANSACTION: SignedDuration = SignedDuration::from_hours(1);

/// The columns of a page before [`COLUMNS`]: the number, the id and the digest of a link; and after them.
const SEQ: usize = 0;
const AUDIT_ID: usize = 1;
const DIGEST: usize = 2;
const CONTENT: usize = 3;
const PERSONAL: usize = 12;

/// What a verification found.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AuditVerification)]
pub struct Verification {
    /// The number of entries that were verified.
    pub entries: i64,
    /// The number of anchors that were verified.
    pub anchors: i64,
    /// The number of the last entry that was verified.
    pub seq: i64,
    /// The number of verified entries without an actor, because the person was erased or the entry is old.
    pub erased: i64,
    /// The first fault. None if everything is as it was recorded.
    pub fault: Option<Fault>,
    /// The `after` of the next request, if the time was too short for the whole log.
    pub next: Option<i64>,
}

/// What is wrong with the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditFault)]
pub struct Fault {
    pub kind: FaultKind,
    /// The number of the entry in the chain. None for an entry that is not in the chain.
    pub seq: Option<i64>,
    /// The id of the entry, if it is known.
    pub entry: Option<Uuid>,
    pub detail: String,
}

/// How the audit log differs from what was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditFaultKind)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An entry has other values.
    Changed,
    /// An entry is gone.
    Removed,
    /// An entry was added later, or with an earlier time.
    Inserted,
    /// Entries have changed places.
    Reordered,
    /// The end of the log is gone.
    Cut,
    /// Entries were changed, and the chain was computed again.
    Rewritten,
    /// An anchor is missing, or was not signed by a key of `METASYNC_KEYS`.
    Anchor,
}

impl FaultKind {
    pub(super) fn at(self, seq: i64, entry: Option<Uuid>, detail: impl Into<String>) -> Fault {
        Fault {
            kind: self,
            seq: Some(seq),
            entry,
            detail: detail.into(),
        }
    }

    pub(super) fn beside(self, entry: Uuid, detail: &str) -> Fault {
        Fault {
            kind: self,
            seq: None,
            entry: Some(entry),
            detail: detail.to_owned(),
        }
    }
}

impl AuditChain {
    /// Verifies the log after the entry with the number `after`, 0 for the whole log, until this time.
    ///
    /// # Errors
    /// `Invalid` if the log has no such entry. `Unavailable` if the database or the bucket is not available.
    pub async fn verify(&self, after: i64, until: Instant) -> Result<Verification> {
        // Within the time of a request, so that a database that doesn't answer fails like that of any other route.
        let client = self.pool.get().await?;
        // A sweep may write an anchor at any time: those that are listed are in a chain that is read later.
        let (listed, anchored) = head(&client).await?;
        let beyond = anchor::beyond(&*self.store, listed).await?;
        let (end, _) = head(&client).await?;
        let keyring = self.keyring.current();
        drop(client);
        // Reading the chain takes as long as the caller gives it.
        let client = self.pool.within(std::time::Duration::MAX).get().await?;
        let mut done = Verification {
            seq: after,
            ..Verification::default()
        };
        done.fault = self
            .fault_of_newest(&keyring, beyond, anchored, end)
            .await?;
        if done.fault.is_some() {
            return Ok(done);
        }
        let mut walk = self.walk(&client, &keyring, after, end, anchored).await?;
        let mut rows = page(&client, after, end).await?;
        while !rows.is_empty() && walk.fault.is_none() {
            let last: i64 = rows[rows.len() - 1].try_get(SEQ)?;
            let (next, checked) = join(page(&client, last, end), walk.check(&rows)).await;
            checked?;
            rows = next?;
            if Instant::now() >= until && !rows.is_empty() && walk.fault.is_none() {
                done.next = Some(walk.seq);
                break;
            }
        }
        if walk.fault.is_none() && done.next.is_none() {
            walk.fault = match walk.seq {
                seq if seq < end => {
                    Some(FaultKind::Removed.at(seq + 1, None, "the end of the chain is gone"))
                }
                _ => fault_of_the_whole(&client, walk.digest, end).await?,
            };
        }
        Ok(Verification {
            entries: walk.entries,
            anchors: walk.anchors,
            seq: walk.seq,
            erased: walk.erased,
            fault: walk.fault,
            next: done.next,
        })
    }

    /// What the newest anchors show before the chain is read.
    async fn fault_of_newest(
        &self,
        keyring: &Keyring,
        beyond: Option<i64>,
        anchored: i64,
        end: i64,
    ) -> Result<Option<Fault>> {
        if let Some(newest) = beyond.filter(|newest| *newest > end) {
            return Ok(Some(
                match anchor::read(&*self.store, keyring, newest).await? {
                    Found::Anchor(_) => FaultKind::Cut.at(
                        end + 1,
                        None,
                        format!("the log ends at {end}, and an anchor is at {newest}"),
                    ),
                    Found::Unsigned | Found::Nothing => unsigned(newest),
                },
            ));
        }
        if anchored > 0 {
            return missing(&*self.store, keyring, anchored).await;
        }
        Ok(None)
    }

    async fn walk<'a>(
        &'a self,
        client: &Client,
        keyring: &'a Keyring,
        after: i64,
        end: i64,
        anchored: i64,
    ) -> Result<Walk<'a>> {
        let digest = match after {
            0 => START,
            _ => digest_at(client, after).await?.ok_or_else(|| {
                Error::Invalid("after: the audit log has no entry with this number".to_owned())
            })?,
        };
        let store = &*self.store;
        let mut read = anchor::between(store, keyring, after, end).boxed();
        let later = read.try_next().await?;
        let before = match &later {
            Some((_, Found::Anchor(next))) => next.previous(),
            _ => anchored,
        };
        let anchored_at = match before {
            1.. if before <= after => match anchor::read(store, keyring, before).await? {
                Found::Anchor(before) => Some(before.at),
                Found::Unsigned | Found::Nothing => None,
            },
            _ => None,
        };
        Ok(Walk {
            store,
            keyring,
            seq: after,
            digest,
            later,
            read,
            anchored: 0,
            anchored_at,
            entries: 0,
            anchors: 0,
            erased: 0,
            fault: None,
        })
    }
}

/// How far a verification has come.
struct Walk<'a> {
    store: &'a dyn Store,
    keyring: &'a Keyring,
    seq: i64,
    digest: Digest,
    /// The next anchor, and those after it.
    later: Option<(i64, Found)>,
    read: BoxStream<'a, Result<(i64, Found)>>,
    /// The number of the last anchor that was verified, and the latest time of one.
    anchored: i64,
    anchored_at: Option<Timestamp>,
    entries: i64,
    anchors: i64,
    erased: i64,
    fault: Option<Fault>,
}

impl Walk<'_> {
    /// Verifies a page, up to the first fault.
    async fn check(&mut self, rows: &[Row]) -> Result<()> {
        for place in 0..rows.len() {
            self.fault = self.check_entry(rows, place)?;
            if self.fault.is_none()
                && let Some((_, found)) = self.later.take_if(|(seq, _)| *seq <= self.seq)
            {
                self.fault = self.check_anchor(found).await?;
            }
            if self.fault.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn check_entry(&mut self, rows: &[Row], place: usize) -> Result<Option<Fault>> {
        let row = &rows[place];
        let expected = self.seq + 1;
        let (seq, entry): (i64, Uuid) = (row.try_get(SEQ)?, row.try_get(AUDIT_ID)?);
        if seq != expected {
            return Ok(Some(FaultKind::Removed.at(
                expected,
                None,
                "the chain has a gap",
            )));
        }
        let Some(content) = Content::of(row, CONTENT)? else {
            return Ok(Some(FaultKind::Removed.at(
                seq,
                Some(entry),
                "the entry is gone",
            )));
        };
        let digest = content.digest(&self.digest);
        if digest != row.try_get::<_, &[u8]>(DIGEST)? {
            return self.mismatch(rows, place, entry).map(Some);
        }
        let (personal, salt) = personal(row, PERSONAL)?;
        if !content.is_of(personal.as_ref(), salt) {
            let detail = "the actor or the address is another one";
            return Ok(Some(FaultKind::Changed.at(seq, Some(entry), detail)));
        }
        if personal.is_none() && !matches!(content.actor_kind, "person" | "token") {
            let detail = "the actor is gone, and is no person";
            return Ok(Some(FaultKind::Changed.at(seq, Some(entry), detail)));
        }
        let earliest = self
            .anchored_at
            .map(|at| at.saturating_sub(LONGEST_TRANSACTION).unwrap_or(at));
        if earliest.is_some_and(|earliest| content.at < earliest) {
            let detail = "the entry has an earlier time than the anchor before it";
            return Ok(Some(FaultKind::Inserted.at(seq, Some(entry), detail)));
        }
        self.erased += i64::from(personal.is_none());
        self.entries += 1;
        (self.seq, self.digest) = (seq, digest);
        Ok(None)
    }

    /// Why the digest of an entry is not what it was.
    fn mismatch(&self, rows: &[Row], place: usize, entry: Uuid) -> Result<Fault> {
        let seq = self.seq + 1;
        let recorded: &[u8] = rows[place].try_get(DIGEST)?;
        let own = Content::of(&rows[place], CONTENT)?;
        for (other, row) in rows.iter().enumerate().filter(|(other, _)| *other != place) {
            let Some(content) = Content::of(row, CONTENT)? else {
                continue;
            };
            let digest = content.digest(&self.digest);
            let belongs_here = digest == recorded;
            let follows = digest == row.try_get::<_, &[u8]>(DIGEST)?;
            let is_next = own.is_some_and(|own| own.digest(&digest) == recorded);
            if follows && other == place + 1 && !is_next {
                let detail = "the chain is whole without the entry";
                return Ok(FaultKind::Inserted.at(seq, Some(entry), detail));
            }
            if belongs_here || follows {
                let now: i64 = row.try_get(SEQ)?;
                let detail = format!("the entry that was recorded here is now at {now}");
                return Ok(FaultKind::Reordered.at(seq, Some(entry), detail));
            }
        }
        let detail = "the entry has other values than it was recorded with";
        Ok(FaultKind::Changed.at(seq, Some(entry), detail))
    }

    /// Compares the chain with the anchor at this entry.
    async fn check_anchor(&mut self, found: Found) -> Result<Option<Fault>> {
        self.later = self.read.try_next().await?;
        let Found::Anchor(anchor) = found else {
            return Ok(Some(unsigned(self.seq)));
        };
        let previous = anchor.previous();
        if previous != 0 && previous != self.anchored {
            let fault = missing(self.store, self.keyring, previous).await?;
            if fault.is_some() {
                return Ok(fault);
            }
        }
        if anchor.digest != hex::encode(self.digest) {
            let detail = format!(
                "an entry after {previous} is not what the anchor at {} signs",
                self.seq
            );
            return Ok(Some(FaultKind::Rewritten.at(self.seq, None, detail)));
        }
        self.anchors += 1;
        self.anchored = self.seq;
        self.anchored_at = self.anchored_at.max(Some(anchor.at));
        Ok(None)
    }
}

fn unsigned(seq: i64) -> Fault {
    FaultKind::Anchor.at(seq, None, "no key of METASYNC_KEYS signed the anchor")
}

/// A fault if there is no anchor at a number.
async fn missing(store: &dyn Store, keyring: &Keyring, seq: i64) -> Result<Option<Fault>> {
    let found = anchor::read(store, keyring, seq).await?;
    let is_missing = matches!(found, Found::Nothing);
    Ok(is_missing.then(|| FaultKind::Anchor.at(seq, None, "the anchor is not in the bucket")))
}

/// The number of the last entry, and the last one with an anchor.
async fn head(client: &Client) -> Result<(i64, i64)> {
    let row = client
        .query_typed_opt("select seq, anchored_seq from people.audit_head", &[])
        .await?;
    match row {
        Some(row) => Ok((row.try_get(0)?, row.try_get(1)?)),
        None => Ok((0, 0)),
    }
}

async fn digest_at(client: &Client, seq: i64) -> Result<Option<Digest>> {
    let row = client
        .query_typed_opt(
            "select digest from people.audit_link where seq = $1",
            &[(&seq, Type::INT8)],
        )
        .await?;
    let digest: Option<Vec<u8>> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(digest.and_then(|digest| digest.try_into().ok()))
}

/// The next links with their entries.
async fn page(client: &Client, after: i64, end: i64) -> Result<Vec<Row>> {
    let sql = format!(
        "select link.seq, link.audit_id, link.digest, {COLUMNS}, audit.personal, audit.salt
         from (select seq, audit_id, digest from people.audit_link
               where seq > $1 and seq <= $2 order by seq limit $3) as link
         left join people.audit on audit.id = link.audit_id
         order by link.seq"
    );
    let values = [
        (&after as _, Type::INT8),
        (&end as _, Type::INT8),
        (&PAGE as _, Type::INT8),
    ];
    Ok(client.query_typed(&sql, &values).await?)
}
