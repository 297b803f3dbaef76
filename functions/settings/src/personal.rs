//! What is set up for a robeing, as whoever erases, exports and lets expire goes about it.
//!
//! Whoever adds a table with somebody's column here adds it to [`COLUMNS`], and to the calls below; a
//! test of `privacy` holds the list against the database.

use std::collections::BTreeMap;

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use tokio_postgres::{Error, Transaction};

/// Each column of the schema that says whose a row is.
pub const COLUMNS: [(&str, &str); 1] = [("robeing.settings", "robeing_id")];

/// Takes out all that was set, in the caller's transaction: how many rows lost something. The
/// revisions go on, so that nobody takes what was for what is.
pub async fn erase(db: &Transaction<'_>, robeing_id: &str) -> Result<u64, Error> {
    db.execute_typed(
        "update robeing.settings
         set user_preference = '{}', system_settings = '{}', skill_settings = '{}',
             user_revision = user_revision + 1, system_revision = system_revision + 1,
             skill_revision = skill_revision + 1, updated_at = now()
         where robeing_id = $1
           and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')",
        &[(&robeing_id, Type::TEXT)],
    )
    .await
}

/// How many rows hold something that was set.
pub async fn held(client: &Client, scope: &Scope, robeing_id: &str) -> Result<u64> {
    let rows = scoped::query(
        client,
        scope,
        "select from robeing.settings
         where robeing_id = $1
           and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')",
        &[(&robeing_id, Type::TEXT)],
    )
    .await?;
    Ok(rows.len() as u64)
}

/// Each row as a line of JSON that names its table.
pub async fn export(db: &Transaction<'_>, robeing_id: &str) -> Result<Vec<String>, Error> {
    let rows = db
        .query_typed(
            "select (jsonb_build_object('table', 'robeing.settings') || to_jsonb(settings))::text
             from robeing.settings
             where robeing_id = $1",
            &[(&robeing_id, Type::TEXT)],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// For how many days those robeings remember that were told to forget: a default forgets nothing.
pub async fn memory_days(client: &Client) -> Result<BTreeMap<String, i64>> {
    let rows = scoped::query(
        client,
        &Scope::all(ROBEINGS),
        "select robeing_id, (system_settings ->> 'memory_ttl_days')::int8 as days
         from robeing.settings
         where jsonb_typeof(system_settings -> 'memory_ttl_days') = 'number'",
        &[],
    )
    .await?;
    let pairs = rows
        .iter()
        .map(|row| Ok((row.try_get("robeing_id")?, row.try_get("days")?)));
    pairs.collect()
}
