//! The steps of an erasure, up to its receipt.

use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use personal::{Counts, Owner as _, Subject, add};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json as Jsonb, Type};
use platform::telemetry::{Metrics, Unit};
use robeing::ROBEINGS;
use serde_json::json;
use uuid::Uuid;

use crate::job::{Job, Outcome, Position};
use crate::personal::{Archive, lock_keys};
use crate::subject::stored_subject;
use crate::{Privacy, export, owners, receipt};

/// How many scans may find new rows before the erasure stops and leaves the rest to the next trigger.
const SCANS: u32 = 5;

/// The steps of an erasure.
#[derive(Default)]
pub struct ErasureJob {
    scans: u32,
}

#[async_trait]
impl Job for ErasureJob {
    const NAME: &'static str = "erasure";
    /// A step is one transaction, which locks the row of the erasure.
    const NEEDS_LEASE: bool = false;
    const DONE: &'static str = "erasures";
    const DURATION: &'static str = "erasure_duration";
    const UNFINISHED: &'static str =
        "select id from privacy.erasure where finished_at is null order by created_at";

    async fn step(
        &mut self,
        privacy: &Privacy,
        id: Uuid,
        _: Instant,
        metrics: &Metrics,
    ) -> Result<Outcome> {
        let subject = match erase_next(privacy, id).await? {
            Erased::Some => return Ok(Outcome::More),
            Erased::All(subject) => subject,
            Erased::Unavailable => return Ok(Outcome::Stop),
        };
        export::remove_overlapping(privacy, &subject).await?;
        if finish(privacy, id, &subject, metrics).await? {
            return Ok(Outcome::Done);
        }
        // New rows arrived: the next step starts over.
        self.scans += 1;
        Ok(match self.scans < SCANS {
            true => Outcome::More,
            false => Outcome::Stop,
        })
    }
}

enum Erased {
    /// One batch of rows.
    Some,
    /// Everything that the owners found.
    All(Subject),
    /// Nothing: the erasure is done, or another process runs it.
    Unavailable,
}

/// Erases one batch of rows.
async fn erase_next(privacy: &Privacy, id: Uuid) -> Result<Erased> {
    let mut client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select subject from privacy.erasure where id = $1 and finished_at is null",
        &[(&id, Type::UUID)],
    )
    .await?;
    let Some(row) = rows.first() else {
        return Ok(Erased::Unavailable);
    };
    let subject = stored_subject(row.try_get("subject")?)?;
    // The transaction has the scope of the caller who requested the erasure.
    let transaction = db::begin(&mut client, &subject.scope()).await?;
    let row = transaction
        .query_typed_opt(
            "select owner, after_id, erased from privacy.erasure
             where id = $1 and finished_at is null
             for update skip locked",
            &[(&id, Type::UUID)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Erased::Unavailable);
    };
    let mut position = Position::stored(row.try_get("owner")?, row.try_get("after_id")?);
    let Jsonb(mut erased) = row.try_get::<_, Jsonb<Counts>>("erased")?;
    if let Some(owner) = position.owner() {
        // Prevents an archive run from creating a key for rows that this transaction erases.
        lock_keys(&transaction).await?;
        let keys = Archive.erase(&transaction, &subject, Uuid::nil()).await?;
        add(&mut erased, keys.done);
        let step = owner.erase(&transaction, &subject, position.after).await?;
        add(&mut erased, step.done);
        position.advance(step.next);
    }
    let is_last = position.owner().is_none();
    if is_last {
        // If the scan finds something, the erasure starts over.
        position = Position::default();
    }
    transaction
        .execute_typed(
            "update privacy.erasure set owner = $2, after_id = $3, erased = $4 where id = $1",
            &[
                (&id, Type::UUID),
                (&position.name(), Type::TEXT),
                (&position.after, Type::UUID),
                (&Jsonb(&erased), Type::JSONB),
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(match is_last {
        false => Erased::Some,
        true => Erased::All(subject),
    })
}

/// Scans for remaining data. If there is none, finishes the erasure with a receipt and returns true.
async fn finish(privacy: &Privacy, id: Uuid, subject: &Subject, metrics: &Metrics) -> Result<bool> {
    let mut client = privacy.pool.get().await?;
    if !owners::held(&mut client, subject).await?.is_empty() {
        return Ok(false);
    }
    let copies = owners::orphaned_copies(&mut client, subject).await?;
    if !copies.is_empty() {
        tracing::error!(erasure = %id, ?copies, "copies of erased rows are left, so the erasure gets no receipt");
        return Ok(false);
    }
    let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    let row = transaction
        .query_typed_opt(
            "update privacy.erasure
             set finished_at = now(), subject = null, owner = null, after_id = null
             where id = $1 and finished_at is null
             returning subject_kind, subject_digest, scope, erased, created_at, finished_at",
            &[(&id, Type::UUID)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(true);
    };
    let Jsonb(erased) = row.try_get::<_, Jsonb<Counts>>("erased")?;
    let digest: Vec<u8> = row.try_get("subject_digest")?;
    let scope: Option<Vec<String>> = row.try_get("scope")?;
    let (requested_at, finished_at): (Timestamp, Timestamp) =
        (row.try_get("created_at")?, row.try_get("finished_at")?);
    let kept = kept_out_of_scope(subject);
    let body = json!({
        "erasure": id,
        "subject": {
            "kind": row.try_get::<_, String>("subject_kind")?,
            "digest": hex::encode(digest),
        },
        "robeings": scope,
        "erased": erased,
        "left": { "in_scope": 0, "kept": kept },
        "asked_at": requested_at,
        "verified_at": finished_at,
    });
    receipt::append(&transaction, &privacy.master(), id, &body.to_string()).await?;
    transaction.commit().await?;
    let rows: u64 = erased.values().sum();
    metrics.add("erased_rows", Unit::Count, rows as f64);
    tracing::info!(erasure = %id, rows, "finished an erasure");
    Ok(true)
}

/// What an erasure leaves in place, because the scope of the caller doesn't reach it.
fn kept_out_of_scope(subject: &Subject) -> Vec<&'static str> {
    let owners = owners::all().iter();
    let mut kept: Vec<&str> = owners
        .flat_map(|owner| owner.beyond_scope(subject))
        .copied()
        .collect();
    if subject.person().is_some() && subject.robeings.is_some() {
        kept.push("robeings out of scope");
    }
    kept
}
