//! The sweep: adds committed entries to the chain, and writes an anchor.
//!
//! An entry enters the chain in one transaction, together with the new end of the chain, so that a sweep that is killed
//! loses nothing, and the next one continues. One sweep at a time extends the chain; others leave it alone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use jiff::Timestamp;
use platform::Result;
use platform::postgres::Client;
use platform::postgres::types::Type;
use platform::telemetry::{Metrics, Unit};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::anchor::{Anchor, Written};
use super::chain::{COLUMNS, Content, Digest};
use super::{AuditChain, empty};
use crate::begin;

/// How many entries one transaction adds.
const BATCH: i64 = 5_000;
/// A sweep begins no further batch after this time. The next sweep continues.
const MAX_TIME: Duration = Duration::from_secs(40);
/// The longest time for which a sweep uses a connection.
const LONGEST: Duration = Duration::from_secs(60);

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditSwept)]
pub struct Swept {
    /// The number of entries that were added to the chain.
    pub rows: u64,
    /// The number of the last entry of the chain.
    pub seq: i64,
    /// The number of the last entry that an anchor covers.
    pub anchored_seq: i64,
    /// Whether everything that was committed before is in the chain; false if another sweep is in progress.
    pub complete: bool,
}

struct Batch {
    added: u64,
    last: Uuid,
    has_more: bool,
}

struct End {
    seq: i64,
    digest: Vec<u8>,
    anchored_seq: i64,
    now: Timestamp,
    /// When the oldest entry was recorded that is not in the chain.
    oldest: Option<Timestamp>,
}

impl AuditChain {
    /// Adds what was committed to the chain, for at most 40 s, and writes an anchor if the chain has grown.
    ///
    /// # Errors
    /// If the database or the bucket is not available, and if the bucket has an anchor of another chain.
    pub async fn sweep(&self) -> Result<Swept> {
        let started = Instant::now();
        let mut swept = Swept::default();
        let mut after = Uuid::nil();
        let mut client = self.pool.within(LONGEST).get().await?;
        while started.elapsed() < MAX_TIME && empty_batch(&mut client).await? {}
        while started.elapsed() < MAX_TIME {
            let Some(batch) = add_batch(&mut client, after).await? else {
                break;
            };
            swept.rows += batch.added;
            after = batch.last;
            if !batch.has_more {
                swept.complete = true;
                break;
            }
        }
        let end = End::read(&client).await?;
        drop(client);
        let metrics = Metrics::default();
        metrics.add("audit_rows_chained", Unit::Count, swept.rows as f64);
        let oldest = end.oldest.unwrap_or(end.now);
        let pending = end.now.duration_since(oldest).as_secs_f64().max(0.0);
        metrics.add("audit_oldest_pending_seconds", Unit::Seconds, pending);
        swept.seq = end.seq;
        swept.anchored_seq = self.anchor(&end).await?;
        Ok(swept)
    }

    /// Writes an anchor, unless one covers the whole chain.
    async fn anchor(&self, end: &End) -> Result<i64> {
        if end.anchored_seq >= end.seq {
            return Ok(end.anchored_seq);
        }
        let digest: Digest = end.digest.as_slice().try_into().context("not a digest")?;
        let rows = end.seq - end.anchored_seq;
        // Entries that wait will follow this anchor.
        let at = end.oldest.map_or(end.now, |oldest| oldest.min(end.now));
        let keyring = self.keyring.current();
        let anchor = Anchor::new(&keyring, end.seq, &digest, rows, at);
        if let Written::Conflict = anchor.write(&*self.store, &keyring).await? {
            return Err(anyhow!(
                "the bucket has an anchor of another audit log at {}: either the database was restored to an earlier \
                 state, or METASYNC_KEYS lacks the key that signed it, or somebody changed the log: run `metasync \
                 audit verify`",
                end.seq
            )
            .into());
        }
        let client = self.pool.within(LONGEST).get().await?;
        client
            .execute_typed(
                "update people.audit_head set anchored_seq = $1 where anchored_seq < $1",
                &[(&end.seq, Type::INT8)],
            )
            .await?;
        Ok(end.seq)
    }
}

/// Empties a batch of old entries. False if it was the last one.
async fn empty_batch(client: &mut Client) -> Result<bool> {
    let transaction = begin(client).await?;
    let emptied = empty::old(&transaction).await?;
    transaction.commit().await?;
    Ok(emptied as i64 == empty::BATCH)
}

/// Adds up to a batch of the entries after `after` to the chain. None if another sweep is doing that.
async fn add_batch(client: &mut Client, after: Uuid) -> Result<Option<Batch>> {
    let transaction = begin(client).await?;
    let head = transaction
        .query_typed_opt(
            "select seq, digest from people.audit_head for update skip locked",
            &[],
        )
        .await?;
    let Some(head) = head else {
        return Ok(None);
    };
    let seq: i64 = head.try_get(0)?;
    let digest: Vec<u8> = head.try_get(1)?;
    let sql = format!(
        "select pending.audit_id, {COLUMNS}
         from (select audit_id from people.audit_pending
               where audit_id > $1
                 and not exists (select from people.audit_link as link where link.audit_id = audit_pending.audit_id)
               order by audit_id limit $2) as pending
         left join people.audit on audit.id = pending.audit_id
         order by pending.audit_id"
    );
    let rows = transaction
        .query_typed(&sql, &[(&after, Type::UUID), (&BATCH, Type::INT8)])
        .await?;
    let mut batch = Batch {
        added: 0,
        last: after,
        has_more: rows.len() as i64 == BATCH,
    };
    let (mut ids, mut digests): (Vec<Uuid>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    let mut erased: Vec<String> = Vec::new();
    // The column has a constraint.
    let mut previous: Digest = digest.try_into().unwrap_or_default();
    for row in &rows {
        batch.last = row.try_get(0)?;
        // The verification reports one whose entry was removed, and one that is in the chain already.
        let Some(content) = Content::of(row, 1)? else {
            continue;
        };
        previous = content.digest(&previous);
        ids.push(content.id);
        if content.action == empty::ERASURE {
            erased.push(content.subject.to_owned());
        }
        digests.push(previous.to_vec());
    }
    if ids.is_empty() {
        return Ok(Some(batch));
    }
    // An erasure enters the chain once nothing is left of the person. Until then, the next batch begins here again.
    if empty::late(&transaction, &ids, &erased).await? {
        transaction.commit().await?;
        return Ok(Some(Batch {
            added: 0,
            last: after,
            has_more: true,
        }));
    }
    batch.added = ids.len() as u64;
    let last_seq = seq + ids.len() as i64;
    transaction
        .execute_typed(
            "with added as (
                 insert into people.audit_link (seq, audit_id, digest)
                 select $1 + n, audit_id, digest
                 from unnest($2::uuid[], $3::bytea[]) with ordinality as entry (audit_id, digest, n)
             ), removed as (
                 delete from people.audit_pending where audit_id = any ($2)
             )
             update people.audit_head set seq = $4, digest = $5",
            &[
                (&seq, Type::INT8),
                (&ids, Type::UUID_ARRAY),
                (&digests, Type::BYTEA_ARRAY),
                (&last_seq, Type::INT8),
                (&previous.as_slice(), Type::BYTEA),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(Some(batch))
}

impl End {
    async fn read(client: &Client) -> Result<Self> {
        let row = client
            .query_typed_opt(
                "select seq, digest, anchored_seq, clock_timestamp(),
                        (select min(at) from people.audit_pending join people.audit on audit.id = audit_id)
                 from people.audit_head",
                &[],
            )
            .await?;
        let row = row.context("people.audit_head has no row: run `metasync audit verify`")?;
        Ok(Self {
            seq: row.try_get(0)?,
            digest: row.try_get(1)?,
            anchored_seq: row.try_get(2)?,
            now: row.try_get(3)?,
            oldest: row.try_get(4)?,
        })
    }
}
