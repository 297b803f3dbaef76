//! Whole months of the log: created ahead of time, closed, read for an archive, and dropped.
//!
//! The database role must own the tables, since these functions create triggers and drop partitions.

mod drop;
mod read;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use tokio_postgres::Transaction;

use crate::ids::{day_of, ids_of_month};

pub use drop::drop_month;
pub use read::{Record, count, read};

/// How long a statement waits for a lock. Writers of the month wait behind it.
const LOCK_TIMEOUT: &str = "40ms";

/// Creates the partitions for the month of `now` and the next `months` months. Returns how many were missing.
pub async fn make_ahead(client: &Client, now: Timestamp, months: i32) -> Result<u32> {
    let first = day_of(now).first_of_month();
    let mut made = 0;
    for ahead in 0..=months {
        let month = first.saturating_add(ahead.months());
        if detachment(client, "log", month).await?.is_none() {
            let add = "select conversation.add_month($1)";
            client.query_typed(add, &[(&month, Type::DATE)]).await?;
            made += 1;
        }
    }
    Ok(made)
}

/// The months of the log that end before `day`, oldest first.
pub async fn ended_before(client: &Client, day: Date) -> Result<Vec<Date>> {
    let rows = client
        .query_typed(
            "select to_date(right(child.relname, 7), 'YYYY_MM') as month
             from pg_inherits
             join pg_class as child on child.oid = inhrelid
             where inhparent = 'conversation.log'::regclass
             order by month",
            &[],
        )
        .await?;
    let months = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Date>, _>>()?;
    let ended = |month: &Date| month.saturating_add(1.months()) <= day;
    Ok(months.into_iter().filter(ended).collect())
}

/// Closes a month: rows are neither inserted nor changed any more, but can be deleted. Answers in later months get
/// the person of the message that they answer, since that message leaves the log with its month.
pub async fn close(client: &mut Client, month: Date) -> Result<()> {
    let transaction = db::begin(client, &Scope::all(ROBEINGS)).await?;
    transaction
        .batch_execute(&format!("set local lock_timeout = '{LOCK_TIMEOUT}'"))
        .await?;
    let (first, past) = ids_of_month(month);
    transaction
        .execute_typed(
            "update conversation.log as answer
             set user_id = answered.user_id, slack_user_id = answered.slack_user_id
             from conversation.log as answered
             where answered.id >= $1
               and answered.id < $2
               and (answered.user_id is not null or answered.slack_user_id is not null)
               and answer.reply_to = answered.id
               and answer.reply_to >= $1
               and answer.reply_to < $2
               and answer.robeing_id = answered.robeing_id
               and answer.id >= $2
               and answer.user_id is null
               and answer.slack_user_id is null
               and answer.erased_at is null",
            &[(&first, Type::UUID), (&past, Type::UUID)],
        )
        .await?;
    transaction
        .query_typed(
            "select conversation.close_month($1)",
            &[(&month, Type::DATE)],
        )
        .await?;
    Ok(transaction.commit().await?)
}

/// The newest transaction that inserted a row of the month. Other functions compare it with their watermark.
pub async fn newest_xid(client: &Client, month: Date) -> Result<Option<String>> {
    let (first, past) = ids_of_month(month);
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        "select xid::text from conversation.log
         where id >= $1 and id < $2
         order by conversation.log.xid desc
         limit 1",
        &[(&first, Type::UUID), (&past, Type::UUID)],
    )
    .await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Whether the month can be read through the log. A month that is detached, or being detached, seems empty.
pub async fn is_whole(db: &Transaction<'_>, month: Date) -> Result<bool, tokio_postgres::Error> {
    let child = format!("conversation.log_{}", month.strftime("%Y_%m"));
    let row = db
        .query_typed_opt(
            "select not inhdetachpending
             from pg_inherits
             where inhrelid = to_regclass($1) and inhparent = 'conversation.log'::regclass",
            &[(&child, Type::TEXT)],
        )
        .await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

/// None if the month is not a partition of `parent`, and otherwise whether its detachment has begun.
async fn detachment(client: &Client, parent: &str, month: Date) -> Result<Option<bool>> {
    let child = format!("conversation.{parent}_{}", month.strftime("%Y_%m"));
    let parent = format!("conversation.{parent}");
    let row = client
        .query_typed_opt(
            "select inhdetachpending
             from pg_inherits
             where inhrelid = to_regclass($1) and inhparent = to_regclass($2)",
            &[(&child, Type::TEXT), (&parent, Type::TEXT)],
        )
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
