//! Days that an earlier release counted by hour: they are counted again by quarter hour, as far as the log still has
//! their rows. Totals don't change. The newest days come first.

use jiff::civil::Date;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};

use crate::WATERMARK;

const TIMEOUT: &str = "set local statement_timeout = '60s'";

/// Counts the newest day again. Returns whether there is more to do.
pub(crate) async fn step(db: &Transaction<'_>) -> Result<bool, Error> {
    // Without a position, the roll-up is about to count everything again.
    let locked = WATERMARK.try_lock(db).await?;
    let Some(position) = locked.and_then(|locked| locked.position) else {
        return Ok(false);
    };
    let day = db
        .query_typed_opt(
            "delete from robeing.outdated_day
             where day = (select max(day) from robeing.outdated_day)
             returning day",
            &[],
        )
        .await?;
    let Some(row) = day else {
        return Ok(false);
    };
    let day: Date = row.try_get("day")?;
    db.batch_execute(TIMEOUT).await?;
    db.execute_typed(
        include_str!("recount_day.sql"),
        &[(&day, Type::DATE), (&position.xid.to_string(), Type::TEXT)],
    )
    .await?;
    Ok(true)
}
