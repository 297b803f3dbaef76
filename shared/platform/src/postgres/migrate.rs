//! Migrations: SQL files, each of which is applied once, in order.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use refinery_core::error::Kind;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use refinery_core::{Migration, Runner};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Pool, describe, open};
use crate::Env;

const HISTORY: &str = "metasync.migration";
/// `metasync` in ASCII.
const LOCK: i64 = 0x6d65_7461_7379_6e63;

/// The names of the migrations that [`migrate`] would apply to a database.
pub async fn pending(pool: &Pool, files: &[(&str, &str)]) -> crate::Result<Vec<String>> {
    let db = pool.get().await?;
    let is_new = format!("select to_regclass('{HISTORY}') is null");
    let is_new: bool = db.query_typed_one(&is_new, &[]).await?.get(0);
    let mut applied: Vec<i32> = Vec::new();
    if !is_new {
        let versions = format!("select version::int4 from {HISTORY}");
        let rows = db.query_typed(&versions, &[]).await?;
        applied.extend(rows.iter().map(|row| row.get::<_, i32>(0)));
    }
    let number = |name: &str| name.split('_').next().and_then(|it| it.parse::<i32>().ok());
    let names = files.iter().map(|(name, _)| *name);
    let pending = names.filter(|name| number(name).is_none_or(|it| !applied.contains(&it)));
    Ok(pending.map(str::to_owned).collect())
}

/// Applies the pending `files` (name, `0001_owner_what.sql`, and text) to the database of `DATABASE_URL`, and
/// returns their names. For a deployment step or the command line, never for a cold start.
///
/// All files are one transaction: after an error, nothing has changed. The transaction also holds the lock
/// that a concurrent run waits for, so that this works behind a pooler, and with a single connection.
///
/// # Errors
/// If a migration fails, was changed after it was applied, was applied but is not among `files`, or has a
/// lower number than an applied one.
pub async fn migrate(env: &Env, files: &[(&str, &str)]) -> anyhow::Result<Vec<String>> {
    let migrations = files
        .iter()
        .map(|(name, sql)| {
            Migration::unapplied(&format!("V{}", name.replacen('_', "__", 1)), sql).map_err(|_| {
                anyhow!("{name:?} is not a name of a migration: write 0001_owner_what.sql")
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let pool = open(env)?.within(Duration::MAX);
    let mut client = pool.get().await.map_err(crate::Error::from)?;
    let transaction = client.transaction().await.map_err(crate::Error::from)?;
    transaction
        .batch_execute(&format!(
            "set local lock_timeout = '60s';
             select pg_advisory_xact_lock({LOCK});
             create schema if not exists metasync"
        ))
        .await
        .map_err(|error| {
            anyhow!(
                "can't begin to migrate: {}; the user needs the right to create schemas, and no other \
                 migration may run",
                describe(&error)
            )
        })?;

    let mut runner = Runner::new(&migrations);
    runner.set_migration_table_name(HISTORY);
    let mut locked = Locked(transaction);
    let report = runner.run_async(&mut locked).await.map_err(explain)?;
    locked.0.commit().await.map_err(crate::Error::from)?;
    Ok(report.applied_migrations().iter().map(file_name).collect())
}

/// The transaction that holds the lock. The driver of refinery opens one per migration, so the lock would
/// need a second connection.
struct Locked<'a>(tokio_postgres::Transaction<'a>);

impl AsyncTransaction for Locked<'_> {
    type Error = tokio_postgres::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        statements: T,
    ) -> Result<usize, Self::Error> {
        let mut count = 0;
        for statement in statements {
            self.0.batch_execute(statement).await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Locked<'_> {
    async fn query<'a>(&'a mut self, sql: &'a str) -> Result<Vec<Migration>, Self::Error> {
        let rows = self.0.query_typed(sql, &[]).await?;
        rows.iter()
            .map(|row| {
                // refinery wrote both; only the checksum is compared.
                let applied_on: String = row.try_get("applied_on")?;
                let checksum: String = row.try_get("checksum")?;
                Ok(Migration::applied(
                    row.try_get("version")?,
                    row.try_get("name")?,
                    OffsetDateTime::parse(&applied_on, &Rfc3339)
                        .unwrap_or(OffsetDateTime::UNIX_EPOCH),
                    checksum.parse().unwrap_or_default(),
                ))
            })
            .collect()
    }
}

impl AsyncMigrate for Locked<'_> {}

fn file_name(migration: &Migration) -> String {
    format!("{:04}_{}.sql", migration.version(), migration.name())
}

fn explain(error: refinery_core::Error) -> anyhow::Error {
    match error.kind() {
        Kind::DivergentVersion(applied, ours) => anyhow!(
            "migration {} was changed or renamed after it was applied (as {}): restore it, and write \
             a new file for the change",
            file_name(ours),
            file_name(applied)
        ),
        Kind::MissingVersion(migration) if migration.applied_on().is_some() => anyhow!(
            "migration {} of the database is unknown: a newer version has migrated it; use that \
             version",
            file_name(migration)
        ),
        Kind::MissingVersion(migration) => anyhow!(
            "migration {} has a lower number than an applied one: give it the next number",
            file_name(migration)
        ),
        Kind::RepeatedVersion(migration) => anyhow!(
            "migration {} has the number of another one: give it the next number",
            file_name(migration)
        ),
        Kind::Connection(step, cause) => match cause.downcast_ref() {
            Some(cause) => anyhow!("{step}, nothing was changed: {}", describe(cause)),
            None => anyhow!("{step}, nothing was changed"),
        },
        _ => Err::<(), _>(error).context("can't migrate").unwrap_err(),
    }
}
