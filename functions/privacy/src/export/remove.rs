//! Removes exports that have expired, and exports that may hold data of an erased subject.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use personal::Subject;
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use uuid::Uuid;

use super::FOLDER;
use crate::Privacy;
use crate::failures::Failures;
use crate::subject::{may_overlap, stored_subject};

/// Removes the exports that may hold data of the subject.
pub async fn remove_overlapping(privacy: &Privacy, subject: &Subject) -> Result<()> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id, subject from privacy.export",
        &[],
    )
    .await?;
    drop(client);
    for row in rows {
        let other = stored_subject(row.try_get("subject")?)?;
        if may_overlap(subject, &other) {
            remove(privacy, row.try_get("id")?).await?;
        }
    }
    Ok(())
}

/// Deletes the files before the row, so that a failure leaves no unknown file.
async fn remove(privacy: &Privacy, id: Uuid) -> Result<()> {
    for object in privacy.store.list(&format!("{FOLDER}/{id}/")).await? {
        privacy.store.delete(&object).await?;
    }
    let client = privacy.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "delete from privacy.export where id = $1",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(())
}

/// Removes an expired export of the request. Its row would keep the Idempotency-Key until the next daily run.
pub async fn remove_expired_of(privacy: &Privacy, request: &[u8]) -> Result<()> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id from privacy.export where request = $1 and expires_at <= now()",
        &[(&request, Type::BYTEA)],
    )
    .await?;
    drop(client);
    for row in rows {
        remove(privacy, row.try_get("id")?).await?;
    }
    Ok(())
}

/// Removes expired exports, and files without an export. Returns the number of removed exports.
pub async fn remove_expired(privacy: &Privacy, failures: &mut Failures) -> u64 {
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut removed = 0;
    let Some(exports) = failures.record("listing exports", list(privacy).await) else {
        return removed;
    };
    for (id, is_expired) in exports {
        let done = match is_expired {
            true => failures.record(&format!("removing export {id}"), remove(privacy, id).await),
            false => None,
        };
        match done {
            Some(()) => removed += 1,
            None => {
                kept.insert(id.to_string());
            }
        }
    }
    let orphans = remove_orphaned_files(privacy, &kept).await;
    failures.record("removing orphaned files", orphans);
    removed
}

/// The id of each export, and whether it has expired.
async fn list(privacy: &Privacy) -> Result<Vec<(Uuid, bool)>> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id, expires_at <= now() as is_expired from privacy.export",
        &[],
    )
    .await?;
    let exports = rows
        .iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("is_expired")?)));
    Ok(exports.collect::<Result<_, tokio_postgres::Error>>()?)
}

/// Removes the files of exports that are not in `kept`.
async fn remove_orphaned_files(privacy: &Privacy, kept: &BTreeSet<String>) -> Result<()> {
    for object in privacy.store.list(&format!("{FOLDER}/")).await? {
        let export = object.split('/').nth(1).unwrap_or_default();
        if !kept.contains(export) && is_old(export) {
            privacy.store.delete(&object).await?;
        }
    }
    Ok(())
}

/// Whether the export's id is older than an hour. A younger export may have started after the list was read.
fn is_old(export: &str) -> bool {
    let id = Uuid::try_parse(export).ok();
    let created_at = id.and_then(message_log::ids::time_of);
    created_at.is_none_or(|created_at| {
        Timestamp::now().duration_since(created_at) > SignedDuration::from_hours(1)
    })
}
