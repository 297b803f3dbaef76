//! Everything counted again, from the log, the tasks, and what remains of what left the log.
//!
//! | what is gone from the log | what is counted instead |
//! | --- | --- |
//! | a person's rows, erased or deleted | `robeing.removed`, which a trigger of the log fills in the same transaction: by robeing, hour and place, without a person |
//! | a month, archived and dropped | the hours of `robeing.growth`, which stay as they are |
//! | a robeing, erased | nothing: [`crate::stats::erase`] |
//!
//! So the outcome is what the roll-ups came to, bit for bit; what differs is a fault, and is put right.

use std::time::Duration;

use platform::Result;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Transaction;

use crate::Stats;
use crate::roll_up::{Grown, settle};

/// Robeings whose levels are computed at a time.
const PAGE: i64 = 5_000;

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Rebuilt {
    pub robeings: usize,
    pub conversations: i64,
    /// Rows of hours and stats that were not as they should be: 0 where all is well.
    pub changed: i64,
}

/// In one transaction, and for as long as it takes; roll-ups wait for it, writers don't.
pub async fn run(stats: &Stats) -> Result<Rebuilt> {
    let mut client = stats.pool.within(Duration::MAX).get().await?;
    let transaction = scoped::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    transaction
        .batch_execute("set local statement_timeout = 0")
        .await?;
    let mark = transaction
        .query_typed_one(
            "select xid::text from robeing.watermark where name = 'stats-batch' for update",
            &[],
        )
        .await?;
    let mark: String = mark.try_get(0)?;
    let rebuilt = recount(&transaction, mark.parse().unwrap_or_default()).await?;
    transaction.commit().await?;
    Ok(rebuilt)
}

/// All below the mark, which the transaction holds.
pub(crate) async fn recount(
    db: &Transaction<'_>,
    mark: i64,
) -> Result<Rebuilt, tokio_postgres::Error> {
    let counted = db
        .query_typed_one(
            include_str!("rebuild.sql"),
            &[(&mark.to_string(), Type::TEXT)],
        )
        .await?;
    let mut changed: i64 = counted.try_get("changed")?;
    let mut after = String::new();
    loop {
        let page = db
            .query_typed(
                "select robeing_id, memory_experience, compute_experience, empathy_experience,
                        leadership_experience, ethics_experience
                 from robeing.stats
                 where robeing_id > $1
                 order by robeing_id
                 limit $2",
                &[(&after, Type::TEXT), (&PAGE, Type::INT8)],
            )
            .await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.try_get("robeing_id")?;
        let grown = page.iter().filter_map(|row| Grown::of(row).transpose());
        let grown = grown.collect::<Result<Vec<_>, _>>()?;
        changed += settle(db, &grown).await? as i64;
    }
    Ok(Rebuilt {
        robeings: counted.try_get::<_, i64>("robeings")?.unsigned_abs() as usize,
        conversations: counted.try_get("conversations")?,
        changed,
    })
}
