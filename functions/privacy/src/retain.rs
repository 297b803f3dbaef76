//! What has had its time goes: messages by the memory of their robeing, keys of the archive with
//! them, and what is kept for a while only.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use message_log::personal::Counts;
use message_log::personal::expire::{self, Robeings};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::telemetry::{Unit, figure};
use robeing::ROBEINGS;
use uuid::Uuid;

use crate::run::Failures;
use crate::{Privacy, owners};

/// Until nothing is due or the time is up: how many rows of which table went.
pub async fn run(privacy: &Privacy, until: Instant, failures: &mut Failures) -> Counts {
    let now = Timestamp::now();
    let mut gone = Counts::new();
    // Without knowing who has a time of their own, nobody's memory ends.
    if let Some(own) = failures.note("reading memory_ttl_days", memory_days(privacy).await) {
        for (robeing, days) in &own {
            let only = Robeings::Only(robeing);
            let ended = memory(privacy, only, now, *days, until, &mut gone).await;
            failures.note("ending the memory of a robeing", ended);
        }
        if let Some(days) = privacy.retention_days {
            let others: Vec<String> = own.into_keys().collect();
            let others = Robeings::AllBut(&others);
            let ended = memory(privacy, others, now, days, until, &mut gone).await;
            failures.note("ending the memory of all others", ended);
        }
    }
    let ended = rest(privacy, now, until, &mut gone).await;
    failures.note("removing what is kept for a while", ended);
    if let Some(parts) = failures.note("removing empty files", empty_parts(privacy).await) {
        *gone.entry("archive, files".to_owned()).or_default() += parts;
    }
    gone.retain(|_, rows| *rows > 0);
    figure(
        "expired_rows",
        Unit::Count,
        gone.values().sum::<u64>() as f64,
    );
    gone
}

async fn memory_days(privacy: &Privacy) -> Result<BTreeMap<String, i64>> {
    owners::memory_days(&privacy.pool.get().await?).await
}

async fn rest(privacy: &Privacy, now: Timestamp, until: Instant, gone: &mut Counts) -> Result<()> {
    while Instant::now() < until {
        let mut client = privacy.pool.get().await?;
        let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
        let rest = expire::rest(&transaction, now).await?;
        transaction.commit().await?;
        if rest.iter().all(|(_, rows)| *rows == 0) {
            break;
        }
        for (table, rows) in rest {
            *gone.entry(table.to_owned()).or_default() += rows;
        }
    }
    Ok(())
}

async fn memory(
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
    let mut after = Some(Uuid::nil());
    while let Some(from) = after.filter(|_| Instant::now() < until) {
        let mut client = privacy.pool.get().await?;
        let transaction = db::begin(&mut client, &Scope::all(ROBEINGS)).await?;
        let expired = expire::messages(&transaction, robeings, before, from).await?;
        transaction.commit().await?;
        *gone.entry("conversation.log".to_owned()).or_default() += expired.rows;
        after = expired.next;
    }
    // A month's keys go once the whole of it has had its time.
    let month: Date = message_log::log::day_of(before).first_of_month();
    let (only, but) = match robeings {
        Robeings::Only(robeing) => (Some(robeing), &[][..]),
        Robeings::AllBut(others) => (None, others),
    };
    let client = privacy.pool.get().await?;
    let keys = db::once(
        &client,
        &Scope::all(ROBEINGS),
        client.execute_typed(
            "delete from privacy.person_key
             where month < $1 and ($2::text is null or robeing_id = $2) and robeing_id <> all ($3)",
            &[
                (&month, Type::DATE),
                (&only, Type::TEXT),
                (&but, Type::TEXT_ARRAY),
            ],
        ),
    )
    .await?;
    *gone.entry("privacy.person_key".to_owned()).or_default() += keys;
    Ok(())
}

/// Files of dropped months of which nothing can be read any more.
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
