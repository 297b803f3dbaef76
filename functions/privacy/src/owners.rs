//! The owners of what is somebody's: each call of theirs, in one place. A new domain is added here,
//! or a test says which of its columns was forgotten.

use std::collections::BTreeMap;

use jiff::civil::Date;
use message_log::months;
use message_log::personal::{self, Counts, Subject, Whose};
use platform::Result;
use platform::postgres::Client;
use tokio_postgres::{Error, Transaction};

/// All columns that say whose a row is.
pub fn columns() -> impl Iterator<Item = (&'static str, &'static str)> {
    let log = personal::COLUMNS.into_iter();
    let settings = settings::personal::COLUMNS.into_iter();
    let stats = stats_batch::personal::COLUMNS.into_iter();
    log.chain(settings).chain(stats).chain(crate::COLUMNS)
}

/// What stats-batch has of a robeing, in several tables.
const STATS: &str = "robeing.stats";

/// Whether all who count what is said have counted all of a closed month.
pub async fn have_counted(client: &Client, month: Date) -> Result<bool> {
    if !months::is_rolled_up(client, month).await? {
        return Ok(false);
    }
    match months::newest_xid(client, month).await? {
        Some(xid) => stats_batch::personal::has_counted(client, &xid).await,
        None => Ok(true),
    }
}

/// The robeing that is the subject, if it is one that the request reaches.
fn robeing(whose: &Whose) -> Option<&str> {
    let Subject::Robeing(robeing_id) = &whose.subject else {
        return None;
    };
    let is_in_scope = match &whose.robeings {
        None => true,
        Some(names) => names.contains(robeing_id),
    };
    is_in_scope.then_some(robeing_id)
}

/// How many rows hold something of theirs, outside of the archive.
pub async fn held(client: &Client, whose: &Whose) -> Result<Counts> {
    let mut counts = personal::held(client, whose).await?;
    if let Some(robeing_id) = robeing(whose) {
        let rows = settings::personal::held(client, &whose.scope(), robeing_id).await?;
        counts.insert("robeing.settings".to_owned(), rows);
        let rows = stats_batch::personal::held(client, &whose.scope(), robeing_id).await?;
        counts.insert(STATS.to_owned(), rows);
    }
    counts.retain(|_, rows| *rows > 0);
    Ok(counts)
}

/// What was made of rows that are erased and is still there, in the scope of the request.
pub async fn outlived(client: &Client, whose: &Whose) -> Result<Counts> {
    personal::outlived(client, whose).await
}

/// Erases what is not in the log; few rows, in one step.
pub async fn erase_rest(db: &Transaction<'_>, whose: &Whose) -> Result<Counts, Error> {
    let mut counts = Counts::new();
    if let Some(robeing_id) = robeing(whose) {
        let rows = settings::personal::erase(db, robeing_id).await?;
        counts.insert("robeing.settings".to_owned(), rows);
        let rows = stats_batch::personal::erase(db, robeing_id).await?;
        counts.insert(STATS.to_owned(), rows);
    }
    counts.retain(|_, rows| *rows > 0);
    Ok(counts)
}

/// What is not in the log, a line of JSON a row.
pub async fn export_rest(db: &Transaction<'_>, whose: &Whose) -> Result<Vec<String>, Error> {
    let mut lines = personal::export::rest(db, whose).await?;
    if let Some(robeing_id) = robeing(whose) {
        lines.extend(settings::personal::export(db, robeing_id).await?);
        lines.extend(stats_batch::personal::export(db, robeing_id).await?);
    }
    Ok(lines)
}

/// For how many days the robeings remember that say so.
pub async fn memory_days(client: &Client) -> Result<BTreeMap<String, i64>> {
    settings::personal::memory_days(client).await
}
