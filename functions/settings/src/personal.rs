//! The settings of a robeing: implements [`personal::Owner`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use personal::{Counts, Owner, Step, Subject, Table, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

const TABLE: &str = "robeing.settings";
const TABLES: [Table; 1] = [Table::personal(TABLE, &["robeing_id"])];

/// The settings as an owner of personal data.
#[derive(Clone, Copy, Debug)]
pub struct Settings;

#[async_trait]
impl Owner for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
        let mut counts = Counts::new();
        if let Some(robeing_id) = subject.robeing_in_reach() {
            let rows = db
                .query_typed(
                    "select from robeing.settings
                     where robeing_id = $1
                       and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')",
                    &[(robeing_id, Type::TEXT)],
                )
                .await?;
            count(&mut counts, TABLE, rows.len() as u64);
        }
        Ok(counts)
    }

    /// Revisions increase, so that no cached value is taken for the current one.
    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Counts>, Error> {
        let mut counts = Counts::new();
        if let Some(robeing_id) = subject.robeing_in_reach() {
            let rows = db
                .execute_typed(
                    "update robeing.settings
                     set user_preference = '{}', system_settings = '{}', skill_settings = '{}',
                         user_revision = user_revision + 1, system_revision = system_revision + 1,
                         skill_revision = skill_revision + 1, updated_at = now()
                     where robeing_id = $1
                       and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')",
                    &[(robeing_id, Type::TEXT)],
                )
                .await?;
            count(&mut counts, TABLE, rows);
        }
        Ok(Step::last(counts))
    }

    async fn export(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Vec<String>>, Error> {
        let Some(robeing_id) = subject.robeing_in_reach() else {
            return Ok(Step::last(Vec::new()));
        };
        let rows = db
            .query_typed(
                "select (jsonb_build_object('table', 'robeing.settings') || to_jsonb(settings))::text
                 from robeing.settings
                 where robeing_id = $1",
                &[(robeing_id, Type::TEXT)],
            )
            .await?;
        let lines = rows.iter().map(|row| row.try_get(0));
        Ok(Step::last(lines.collect::<Result<_, _>>()?))
    }

    /// The robeings whose `memory_ttl_days` was set. The default deletes nothing.
    async fn retention_days(&self, db: &Transaction<'_>) -> Result<BTreeMap<String, i64>, Error> {
        let rows = db
            .query_typed(
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
}
