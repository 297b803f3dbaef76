//! What is counted of a robeing, as whoever erases, exports and archives goes about it. Nothing here is
//! of one person: what they did is counted, and stays counted.
//!
//! Whoever adds a table with somebody's column here adds it to [`COLUMNS`], and to the calls below; a
//! test of `privacy` holds the list against the database.

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};

/// Each column that says whose a row is.
pub const COLUMNS: [(&str, &str); 4] = [
    ("robeing.task", "robeing_id"),
    ("robeing.growth", "robeing_id"),
    ("robeing.removed", "robeing_id"),
    ("robeing.stats", "robeing_id"),
];

/// Deletes whatever is known of a robeing here, in the caller's transaction: how many rows. To be
/// called once its rows are out of the log, whose counts would come back otherwise.
pub async fn erase(db: &Transaction<'_>, robeing_id: &str) -> Result<u64, Error> {
    // By itself, so that what a roll-up adds while this waits is seen below.
    db.batch_execute("select from robeing.watermark where name = 'stats-batch' for update")
        .await?;
    let mut erased = 0;
    for (table, _) in COLUMNS {
        let delete = format!("delete from {table} where robeing_id = $1");
        erased += db
            .execute_typed(&delete, &[(&robeing_id, Type::TEXT)])
            .await?;
    }
    Ok(erased)
}

/// How many rows there are.
pub async fn held(client: &Client, scope: &Scope, robeing_id: &str) -> Result<u64> {
    let mut held = 0;
    for (table, _) in COLUMNS {
        let select = format!("select from {table} where robeing_id = $1");
        let values = [(&robeing_id as _, Type::TEXT)];
        held += scoped::query(client, scope, &select, &values).await?.len() as u64;
    }
    Ok(held)
}

/// Each row as a line of JSON that names its table.
pub async fn export(db: &Transaction<'_>, robeing_id: &str) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for (table, _) in COLUMNS {
        let select = format!(
            "select (jsonb_build_object('table', '{table}') || to_jsonb(counted) - 'xid')::text
             from {table} as counted
             where robeing_id = $1"
        );
        for row in db
            .query_typed(&select, &[(&robeing_id, Type::TEXT)])
            .await?
        {
            lines.push(row.try_get(0)?);
        }
    }
    Ok(lines)
}

/// Whether all of the log is counted up to this transaction, which is included.
pub async fn has_counted(client: &Client, xid: &str) -> Result<bool> {
    let row = client
        .query_typed_opt(
            "select watermark.xid > $1::text::xid8
                    and cluster = (select system_identifier from pg_control_system())
             from robeing.watermark
             where name = 'stats-batch'",
            &[(&xid, Type::TEXT)],
        )
        .await?;
    Ok(row.map_or(Ok(false), |row| row.try_get(0))?)
}
