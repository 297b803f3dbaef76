//! Days that an earlier release counted by hour: they are counted again by quarter hour, as far as the log still has
//! their rows. Totals don't change. The newest days come first.

use jiff::civil::Date;
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;

use crate::WATERMARK;

/// Erasures wait for a step, for up to 15 s.
const TIMEOUT: &str = "set local statement_timeout = '10s'";

/// Counts outdated days again, while there is time. The counts of a day that fails stay as they are until the next run.
pub(crate) async fn run(client: &mut Client, has_time: impl Fn() -> bool) {
    let mut below = Date::MAX;
    while has_time() {
        let day = match newest(client, below).await {
            Ok(Some(day)) => day,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the outdated days can't be read");
                return;
            }
        };
        match step(client, day).await {
            Ok(true) => {}
            // Another run has the lock, or is about to count everything again.
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%day, %error, "an outdated day can't be counted again: trying an earlier day");
                below = day;
            }
        }
    }
}

async fn newest(client: &Client, below: Date) -> Result<Option<Date>> {
    let rows = scoped::query(
        client,
        &Scope::all(ROBEINGS),
        "select max(day) as day from robeing.outdated_day where day < $1",
        &[(&below, Type::DATE)],
    )
    .await?;
    match rows.first() {
        Some(row) => Ok(row.try_get("day")?),
        None => Ok(None),
    }
}

/// Counts a day again. Returns whether it had the lock.
async fn step(client: &mut Client, day: Date) -> Result<bool> {
    let db = scoped::begin(client, &Scope::all(ROBEINGS)).await?;
    let locked = WATERMARK.try_lock(&db).await?;
    let Some(position) = locked.and_then(|locked| locked.position) else {
        return Ok(false);
    };
    db.batch_execute(TIMEOUT).await?;
    db.execute_typed(
        include_str!("recount_day.sql"),
        &[(&day, Type::DATE), (&position.xid.to_string(), Type::TEXT)],
    )
    .await?;
    db.execute_typed(
        "delete from robeing.outdated_day where day = $1",
        &[(&day, Type::DATE)],
    )
    .await?;
    db.commit().await?;
    Ok(true)
}
