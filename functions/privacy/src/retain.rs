//! Retention: deletes messages after the retention of their robeing, the keys of the archive with them, and
//! what is kept for a fixed time only.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::{Timestamp, ToSpan as _};
use personal::{Counts, Robeings, add, count};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Unit, figure};
use robeing::ROBEINGS;
use uuid::Uuid;

use crate::run::Failures;
use crate::{Privacy, owners};

/// Deletes what has expired until nothing is left or `until`, and returns how many rows of which table went.
pub async fn run(privacy: &Privacy, until: Instant, failures: &mut Failures) -> Counts {
    let now = Timestamp::now();
    let mut gone = Counts::new();
    // If it is unknown which robeings have a retention of their own, no message expires.
    let own = failures.note("reading memory_ttl_days", retention_days(privacy).await);
    if let Some(own) = own {
        for (robeing, days) in &own {
            let only = Robeings::Only(robeing);
            let expired = by_retention(privacy, only, now, *days, until, &mut gone).await;
            failures.note("deleting expired messages of a robeing", expired);
        }
        if let Some(days) = privacy.retention_days {
            let others: Vec<String> = own.into_keys().collect();
            let others = Robeings::Except(&others);
            let expired = by_retention(privacy, others, now, days, until, &mut gone).await;
            failures.note("deleting expired messages of the other robeings", expired);
        }
    }
    let expired = by_age(privacy, now, until, &mut gone).await;
    failures.note("deleting what is kept for a fixed time", expired);
    if let Some(parts) = failures.note("removing empty files", empty_parts(privacy).await) {
        count(&mut gone, "archive, files", parts);
    }
    let rows: u64 = gone.values().sum();
    figure("expired_rows", Unit::Count, rows as f64);
    gone
}

/// The robeings with a retention of their own, in days.
async fn retention_days(privacy: &Privacy) -> Result<BTreeMap<String, i64>> {
    let mut client = privacy.pool.get().await?;
    let transaction = db::read(&mut client, &Scope::all(ROBEINGS)).await?;
    let mut days = BTreeMap::new();
    for owner in owners::all() {
        days.extend(owner.retention_days(&transaction).await?);
    }
    Ok(days)
}

async fn by_age(
    privacy: &Privacy,
    now: Timestamp,
    until: Instant,
    gone: &mut Counts,
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
            add(gone, expired);
        }
    }
    Ok(())
}

async fn by_retention(
    privacy: &Privacy,
    robeings: Robeings<'_>,
    now: Timestamp,
    days: i64,
    until: Instant,
    gone: &mut Counts,
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
            add(gone, step.done);
            after = step.next;
        }
    }
    Ok(())
}

/// Removes the files of dropped months of which no row can be read any more.
async fn empty_parts(privacy: &Privacy) -> Result<u64> {
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
