//! Counts everything again, from the log, the tasks, and what is left of removed rows.
//!
//! | no longer in the log as it was | counted instead |
//! | --- | --- |
//! | rows of a person, erased or deleted | `robeing.removed`, which a trigger of the log fills in the same transaction: by robeing, quarter hour and place, without a person |
//! | where a message was said or what it answers, if that becomes known after it was counted | the place that was counted, by `robeing.moved`, to which the same trigger adds the difference. It takes no lock: `robeing.hourly_counts`, by which the roll-ups of this release and of 0.1.0 count, deletes the differences that its counts include |
//! | a month, archived and dropped | the quarter hours of `robeing.growth`, which stay as they are |
//! | a robeing, erased | nothing: its counts are erased too |
//!
//! The result is exactly that of the roll-ups. A difference is an error, which the rebuild corrects.

use std::time::Duration;

use platform::Result;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde::Serialize;
use tokio_postgres::Transaction;
use watermark::{Horizon, Position};

use crate::leveling::{EarnedExperience, update_levels};
use crate::{Stats, WATERMARK};

/// The robeings whose levels are computed at once.
const PAGE: i64 = 5_000;

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Rebuilt {
    pub robeings: usize,
    pub conversations: i64,
    /// The number of rows of quarter hours and stats that were wrong.
    pub changed: i64,
}

/// Runs in one transaction without a time limit. Roll-ups wait for it, writers don't.
pub async fn run(stats: &Stats) -> Result<Rebuilt> {
    let mut client = stats.pool.within(Duration::MAX).get().await?;
    let transaction = scoped::begin(&mut client, &Scope::all(ROBEINGS)).await?;
    transaction
        .batch_execute("set local statement_timeout = 0")
        .await?;
    let locked = WATERMARK.lock(&transaction).await?;
    let rebuilt = match locked.position {
        Some(position) => recount(&transaction, position.xid).await?,
        None => recount_restored(&transaction).await?,
    };
    transaction.commit().await?;
    Ok(rebuilt)
}

/// Counts everything after a restore into another cluster, where all restored rows become rows of a past transaction.
/// The caller has locked the watermark.
pub(crate) async fn recount_restored(
    db: &Transaction<'_>,
) -> Result<Rebuilt, tokio_postgres::Error> {
    tracing::warn!("the database was restored from another cluster: counting everything again");
    db.batch_execute(
        "set local statement_timeout = 0;
         select conversation.adopt_cluster();
         update robeing.task set xid = '3';
         update robeing.removed set xid = '3';
         -- What was moved before it was counted is counted where it is now. What was moved after another job adopted
         -- the cluster is counted where it was. Recounts agree with either.
         delete from robeing.moved
         where row_xid >= (select xid from robeing.watermark where name = 'stats-batch');
         update robeing.moved set row_xid = '3'",
    )
    .await?;
    let horizon = Horizon::read(db).await?;
    let rebuilt = recount(db, horizon.xid).await?;
    WATERMARK
        .advance(db, Position::before(horizon.xid), horizon)
        .await?;
    Ok(rebuilt)
}

/// Deletes the differences to months that have left the log: their counts stay as they are. Conversations that a roll-up
/// still has to count stay.
async fn forget_dropped_months(
    db: &Transaction<'_>,
    below: i64,
) -> Result<(), tokio_postgres::Error> {
    db.execute_typed(
        "with months as materialized (
             select to_char(month, 'YYYY_MM') as month from conversation.months() as month
         ),
         moved as (
             delete from robeing.moved
             where row_xid < $1::text::xid8
               and to_char(hour at time zone 'utc', 'YYYY_MM') not in (select month from months)
         )
         delete from robeing.removed
         where (was_counted or xid < $1::text::xid8)
           and to_char(hour at time zone 'utc', 'YYYY_MM') not in (select month from months)",
        &[(&below.to_string(), Type::TEXT)],
    )
    .await?;
    Ok(())
}

/// Counts all transactions before `below`. The caller has locked the watermark.
async fn recount(db: &Transaction<'_>, below: i64) -> Result<Rebuilt, tokio_postgres::Error> {
    let counted = db
        .query_typed_one(
            include_str!("rebuild.sql"),
            &[(&below.to_string(), Type::TEXT)],
        )
        .await?;
    db.batch_execute("delete from robeing.outdated_day").await?;
    forget_dropped_months(db, below).await?;
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
        let earned = page
            .iter()
            .filter_map(|row| EarnedExperience::of(row).transpose());
        let earned = earned.collect::<Result<Vec<_>, _>>()?;
        changed += update_levels(db, &earned).await? as i64;
    }
    Ok(Rebuilt {
        robeings: counted.try_get::<_, i64>("robeings")?.unsigned_abs() as usize,
        conversations: counted.try_get("conversations")?,
        changed,
    })
}
