//! Retention: deletes messages, and the archive keys of messages, after the retention time of their
//! robeing, and deletes rows that are kept for a fixed time.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{Timestamp, ToSpan as _};
use personal::{Counts, Robeings, add, count};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Metrics, Unit};
use robeing::ROBEINGS;
use uuid::Uuid;

use crate::failures::Failures;
use crate::{Privacy, owners};

/// Deletes expired rows until none are left or until `until`. Returns the number of deleted rows per
/// table.
pub async fn run(
    privacy: &Privacy,
    until: Instant,
    failures: &mut Failures,
    metrics: &Metrics,
) -> Counts {
    let now = Timestamp::now();
    let mut deleted = Counts::new();
    // If the retention of single robeings can't be read, no message expires.
    let own = failures.record("reading memory_ttl_days", retention_days(privacy).await);
    if let Some(own) = own {
        for (robeing, days) in &own {
            let only = Robeings::Only(robeing);
            let expired = expire(privacy, only, now, *days, until, &mut deleted).await;
            failures.record("deleting expired messages of a robeing", expired);
        }
        if let Some(days) = privacy.retention_days {
            let others: Vec<String> = own.into_keys().collect();
            let others = Robeings::Except(&others);
            let expired = expire(privacy, others, now, days, until, &mut deleted).await;
            failures.record("deleting expired messages of the other robeings", expired);
        }
    }
    let expired = expire_by_age(privacy, now, until, &mut deleted).await;
    failures.record("deleting rows with a fixed time to live", expired);
    let files = remove_unreadable_files(privacy).await;
    if let Some(files) = failures.record("removing unreadable archive files", files) {
        count(&mut deleted, "archive, files", files);
    }
    let rows: u64 = deleted.values().sum();
    metrics.add("expired_rows", Unit::Count, rows as f64);
    deleted
}

/// The retention in days of each robeing that has its own.
async fn retention_days(privacy: &Privacy) -> Result<BTreeMap<String, i64>> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::read(&mut client, &Scope::all(ROBEINGS)).await?;
    let mut days = BTreeMap::new();
    for owner in owners::all() {
        days.extend(owner.retention_days(&transaction).await?);
    }
    Ok(days)
}

/// Deletes rows that are kept for a fixed time.
async fn expire_by_age(
    privacy: &Privacy,
    now: Timestamp,
    until: Instant,
    deleted: &mut Counts,
) -> Result<()> {
    for owner in owners::all() {
        while Instant::now() < until {
            let mut client = privacy.pool.get().await?;
            let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
            let expired = owner.expire_by_age(&transaction, now).await?;
            transaction.commit().await?;
            if expired.is_empty() {
                break;
            }
            add(deleted, expired);
        }
    }
    Ok(())
}

/// Deletes rows of the robeings that are older than `days`.
async fn expire(
    privacy: &Privacy,
    robeings: Robeings<'_>,
    now: Timestamp,
    days: i64,
    until: Instant,
    deleted: &mut Counts,
) -> Result<()> {
    let before = now
        .saturating_sub((days * 24).hours())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    for owner in owners::all() {
        let mut after = Some(Uuid::nil());
        while let Some(from) = after.filter(|_| Instant::now() < until) {
            let mut client = privacy.pool.get().await?;
            let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
            let step = owner.expire(&transaction, robeings, before, from).await?;
            transaction.commit().await?;
            add(deleted, step.done);
            after = step.next;
        }
    }
    Ok(())
}

/// Removes the files of dropped months whose rows have lost all their keys.
async fn remove_unreadable_files(privacy: &Privacy) -> Result<u64> {
    let client = privacy.pool.get().await?;
    let rows = client
        .query_typed(
            "select id, object from privacy.part
             join privacy.month using (month)
             where state = 'dropped' and not exists (select from privacy.sealed where part_id = id)",
            &[],
        )
        .await?;
    drop(client);
    for row in &rows {
        privacy.store.delete(row.try_get(1)?).await?;
        let client = privacy.pool.get().await?;
        let id: i64 = row.try_get(0)?;
        client
            .execute_typed(
                "delete from privacy.part where id = $1",
                &[(&id, Type::INT8)],
            )
            .await?;
    }
    Ok(rows.len() as u64)
}
