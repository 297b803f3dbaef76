//! Drops a month of the log.

use std::time::Duration;

use jiff::ToSpan as _;
use jiff::civil::Date;
use platform::postgres::Pool;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::{Error, Result};
use robeing::ROBEINGS;

use super::detachment;
use crate::ids::ids_of_month;
use crate::search::roll_up::remove_month;

/// After this time a detachment that waits for running transactions is given up. The next run resumes it.
const DETACH_TIMEOUT: Duration = Duration::from_secs(60);

/// Detaches the month from the log and drops it, together with its index, questions and intents. It blocks neither
/// readers nor writers of other months. If it was interrupted, it resumes.
pub async fn drop_month(pool: &Pool, month: Date) -> Result<()> {
    for parent in ["search_posting", "counted", "log"] {
        let child = format!("{parent}_{}", month.strftime("%Y_%m"));
        let mut client = pool.get().await?;
        if let Some(is_pending) = detachment(&client, parent, month).await? {
            let how = if is_pending {
                "finalize"
            } else {
                "concurrently"
            };
            let detach = format!(
                "alter table conversation.{parent} detach partition conversation.{child} {how}"
            );
            match tokio::time::timeout(DETACH_TIMEOUT, client.batch_execute(&detach)).await {
                Ok(detached) => detached?,
                Err(elapsed) => {
                    // The connection still waits, so it must not return to the pool.
                    client.close_when_dropped();
                    let detail = format!("transactions that read {child} take too long");
                    return Err(Error::unavailable(detail, elapsed));
                }
            }
        }
        client
            .batch_execute(&format!("drop table if exists conversation.{child}"))
            .await?;
    }
    let past = month.saturating_add(1.months());
    let client = pool.get().await?;
    remove_month(&client, month).await?;
    let (first, past_id) = ids_of_month(month);
    // Questions, intents and feedback are texts of people. They don't outlive the month.
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "with question as (
             delete from conversation.question where day >= $1 and day < $2
         ),
         feedback as (
             delete from conversation.feedback where message_id >= $3 and message_id < $4
         )
         delete from conversation.intent where day >= $1 and day < $2",
        &[
            (&month, Type::DATE),
            (&past, Type::DATE),
            (&first, Type::UUID),
            (&past_id, Type::UUID),
        ],
    )
    .await?;
    Ok(())
}
