//! The counts of a robeing: implements [`personal::Owner`]. They are about no single person: what a person did stays
//! counted.

use async_trait::async_trait;
use personal::{Counts, Owner, Step, Subject, Table, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::WATERMARK;

const TABLES: [Table; 7] = [
    Table::personal("robeing.task", &["robeing_id"]),
    Table::personal("robeing.growth", &["robeing_id"]),
    Table::personal("robeing.removed", &["robeing_id"]),
    Table::personal("robeing.moved", &["robeing_id"]),
    Table::personal("robeing.stats", &["robeing_id"]),
    Table::free("robeing.watermark", "how far the log is counted"),
    Table::free("robeing.outdated_day", "days"),
];

/// The tables of robeings.
fn of_robeings() -> impl Iterator<Item = &'static str> {
    let tables = TABLES.iter().filter(|table| !table.columns().is_empty());
    tables.map(|table| table.name)
}

/// The stats as an owner of personal data.
#[derive(Clone, Copy, Debug)]
pub struct Stats;

#[async_trait]
impl Owner for Stats {
    fn name(&self) -> &'static str {
        "stats-batch"
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
        let mut counts = Counts::new();
        if let Some(robeing_id) = subject.robeing_in_reach() {
            for table in of_robeings() {
                let select = format!("select from {table} where robeing_id = $1");
                let rows = db.query_typed(&select, &[(robeing_id, Type::TEXT)]).await?;
                count(&mut counts, table, rows.len() as u64);
            }
        }
        Ok(counts)
    }

    /// Call it after the robeing's rows are erased from the log. Otherwise a roll-up would count them again.
    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Counts>, Error> {
        let mut counts = Counts::new();
        if let Some(robeing_id) = subject.robeing_in_reach() {
            // Locked before the deletions, which then see what a roll-up added while this waited.
            WATERMARK.lock(db).await?;
            for table in of_robeings() {
                let delete = format!("delete from {table} where robeing_id = $1");
                let rows = db
                    .execute_typed(&delete, &[(robeing_id, Type::TEXT)])
                    .await?;
                count(&mut counts, table, rows);
            }
        }
        Ok(Step::last(counts))
    }

    async fn export(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        _: Uuid,
    ) -> Result<Step<Vec<String>>, Error> {
        let mut lines = Vec::new();
        if let Some(robeing_id) = subject.robeing_in_reach() {
            for table in of_robeings() {
                let select = format!(
                    "select (jsonb_build_object('table', '{table}') || to_jsonb(counted) - '{{xid,row_xid}}'::text[])::text
                     from {table} as counted
                     where robeing_id = $1"
                );
                for row in db.query_typed(&select, &[(robeing_id, Type::TEXT)]).await? {
                    lines.push(row.try_get(0)?);
                }
            }
        }
        Ok(Step::last(lines))
    }

    /// Whether all of the log is counted up to this transaction, inclusive.
    async fn has_derived(&self, db: &Transaction<'_>, xid: &str) -> Result<bool, Error> {
        WATERMARK.has_passed(db, xid).await
    }
}
