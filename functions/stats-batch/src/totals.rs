//! The totals of a robeing: level, experience, stats and counts.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;

use crate::points::INITIAL_STAT;

/// The totals of a robeing. A robeing without activity has level 1.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Totals {
    pub robeing_id: String,
    pub level: i64,
    pub experience: i64,
    pub memory_stat: i64,
    pub compute_stat: i64,
    pub empathy_stat: i64,
    pub leadership_stat: i64,
    pub ethics_stat: i64,
    /// A message and its answers count as one.
    pub total_conversations: i64,
    pub successful_tasks: i64,
    pub failed_tasks: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            robeing_id: String::new(),
            level: 1,
            experience: 0,
            memory_stat: INITIAL_STAT,
            compute_stat: INITIAL_STAT,
            empathy_stat: INITIAL_STAT,
            leadership_stat: INITIAL_STAT,
            ethics_stat: INITIAL_STAT,
            total_conversations: 0,
            successful_tasks: 0,
            failed_tasks: 0,
            created_at: None,
            updated_at: None,
        }
    }
}

impl Totals {
    pub(crate) const COLUMNS: &str = "robeing_id, level, experience, memory_stat, compute_stat, empathy_stat,
        leadership_stat, ethics_stat, total_conversations, successful_tasks, failed_tasks, created_at, updated_at";

    pub(crate) fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            robeing_id: row.try_get("robeing_id")?,
            level: row.try_get("level")?,
            experience: row.try_get("experience")?,
            memory_stat: row.try_get("memory_stat")?,
            compute_stat: row.try_get("compute_stat")?,
            empathy_stat: row.try_get("empathy_stat")?,
            leadership_stat: row.try_get("leadership_stat")?,
            ethics_stat: row.try_get("ethics_stat")?,
            total_conversations: row.try_get("total_conversations")?,
            successful_tasks: row.try_get("successful_tasks")?,
            failed_tasks: row.try_get("failed_tasks")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
