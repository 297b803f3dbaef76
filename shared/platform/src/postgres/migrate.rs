//! Migrations: files of SQL, each applied once, in order.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use refinery_core::error::Kind;
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use refinery_core::{Migration, Runner};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{describe, open};
use crate::Env;

const HISTORY: &str = "metasync.migration";
/// `metasync` in ASCII.
const LOCK: i64 = 0x6d65_7461_7379_6e63;

/// The migrations that [`migrate`] would apply to the database of `DATABASE_URL`. Changes nothing.
pub async fn pending(env: &Env, files: &[(&str, &str)]) -> crate::Result<Vec<String>> {
    let db = open(env)?.get().await?;
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

/// Brings the database of `DATABASE_URL` up to date with `files` (name, `0001_owner_what.sql`, and
/// text), and returns the names of those that it applied.
///
/// All of them are one transaction: after an error nothing has changed. The transaction also holds
/// the lock that a second run waits for, on its own connection, so it works behind a pooler and
/// with a single connection. For a deployment step or the command line, never for a cold start.
///
/// # Errors
/// A migration that fails; one that was applied and has changed since; one that was applied and is
/// unknown here; one numbered below what was applied already.
pub async fn migrate(env: &Env, files: &[(&str, &str)]) -> anyhow::Result<Vec<String>> {
    let migrations = files
        .iter()
        .map(|(name, sql)| {
            Migration::unapplied(&format!("V{}", name.replacen('_', "__", 1)), sql).map_err(|_| {
                anyhow!("{name:?} is no name of a migration: write 0001_owner_what.sql")
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
                "cannot start to migrate: {}; it takes the right to create schemas, and that no \
                 other migration runs",
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

/// The transaction that holds the lock. refinery's own driver opens one per migration, for which
/// the lock would have to be locked on a second connection.
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
                // refinery's own writing, both; only the checksum decides anything.
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
            "migration {} was changed or renamed after it was applied (as {}): restore it, and put \
             the change in a new file",
            file_name(ours),
            file_name(applied)
        ),
        Kind::MissingVersion(migration) if migration.applied_on().is_some() => anyhow!(
            "the database has migration {}, which is unknown here: it was migrated by a newer \
             version; use that one",
            file_name(migration)
        ),
        Kind::MissingVersion(migration) => anyhow!(
            "migration {} is numbered below one that was applied already: give it the next number",
            file_name(migration)
        ),
        Kind::RepeatedVersion(migration) => anyhow!(
            "migration {} has the number of another one: give it the next number",
            file_name(migration)
        ),
        Kind::Connection(what, cause) => match cause.downcast_ref() {
            Some(cause) => anyhow!("{what}, nothing was changed: {}", describe(cause)),
            None => anyhow!("{what}, nothing was changed"),
        },
        _ => Err::<(), _>(error).context("cannot migrate").unwrap_err(),
    }
}
