//! What a robeing has become, and which are ahead.

use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use platform::auth::Names;

use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Error, Json, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Row, Transaction};
use utoipa::{IntoParams, ToSchema};

use crate::Stats;
use crate::badges::{Achievement, achievements, features};
use crate::level::next_level_at;
use crate::points::FIRST;

const MOST: i64 = 200;
const USUAL: i64 = 50;

/// What was rolled up of a robeing; before anything was, level 1 and nothing else.
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
    /// A message with what answered it is one.
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
            memory_stat: FIRST,
            compute_stat: FIRST,
            empathy_stat: FIRST,
            leadership_stat: FIRST,
            ethics_stat: FIRST,
            total_conversations: 0,
            successful_tasks: 0,
            failed_tasks: 0,
            created_at: None,
            updated_at: None,
        }
    }
}

impl Totals {
    const COLUMNS: &str = "robeing_id, level, experience, memory_stat, compute_stat, empathy_stat,
        leadership_stat, ethics_stat, total_conversations, successful_tasks, failed_tasks, created_at, updated_at";

    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
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

#[derive(Serialize, ToSchema)]
pub struct Shown {
    #[serde(flatten)]
    totals: Totals,
    /// The experience with which the next level begins.
    next_level_at: i64,
    /// What the level has unlocked.
    features: Vec<&'static str>,
    achievements: Vec<Achievement>,
    /// What was committed by then is counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

/// What a robeing has become.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/stats",
    tag = "stats",
    operation_id = "robeing_stats",
    params(("id" = String, Path, description = "the robeing")),
    responses(
        (status = 200, description = "of one that did nothing yet, level 1", body = Shown),
        (status = 400, description = "a robeing can't have this id"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn of_robeing(
    State(stats): State<Stats>,
    caller: Caller,
    Path(robeing_id): Path<String>,
) -> Result<Json<Shown>> {
    robeing::may_see(&caller, &robeing_id)?;
    let client = stats.pool.get().await?;
    let rows = scoped::query(
        &client,
        &Scope::only(ROBEINGS, [robeing_id.as_str()]),
        &format!(
            "select {}, (select as_of from robeing.watermark where name = 'stats-batch') as as_of
             from robeing.stats
             where robeing_id = $1",
            Totals::COLUMNS
        ),
        &[(&robeing_id, Type::TEXT)],
    )
    .await?;
    let (totals, as_of) = match rows.first() {
        Some(row) => (Totals::of(row)?, row.try_get("as_of")?),
        None => (Totals::default(), None),
    };
    Ok(Json(Shown {
        next_level_at: next_level_at(totals.level),
        features: features(totals.level),
        achievements: achievements(&totals),
        totals: Totals {
            robeing_id,
            ..totals
        },
        as_of,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the page before.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Ranking)]
pub struct Page {
    items: Vec<Totals>,
    /// What to ask for the next page with; null where this is the last one.
    next: Option<String>,
}

/// The robeings in the caller's scope, the most experienced first.
#[utoipa::path(
    get,
    path = "/v1/robeings",
    tag = "stats",
    operation_id = "rank_robeings",
    params(Asked),
    responses(
        (status = 200, description = "one page", body = Page),
        (status = 400, description = "a parameter is wrong"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn rank(
    State(stats): State<Stats>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Page>> {
    let limit = asked.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        return Err(Error::Invalid(format!(
            "limit is {limit}: give 1 to {MOST}"
        )));
    }
    let after = asked.after.as_deref().map(cursor).transpose()?;
    let (experience, robeing_id) = after.unwrap_or((i64::MAX, String::new()));
    let robeings = match caller.scope.of(ROBEINGS) {
        Names::All => None,
        Names::Only(names) => Some(names),
    };
    let client = stats.pool.get().await?;
    let rows = scoped::query(
        &client,
        &Scope::of(ROBEINGS, caller.scope.of(ROBEINGS)),
        &format!(
            "select {}
             from robeing.stats
             where experience <= $1
               and (experience < $1 or robeing_id > $2)
               and ($3::text[] is null or robeing_id = any ($3))
             order by experience desc, robeing_id
             limit $4",
            Totals::COLUMNS
        ),
        &[
            (&experience, Type::INT8),
            (&robeing_id, Type::TEXT),
            (&robeings, Type::TEXT_ARRAY),
            (&(limit + 1), Type::INT8),
        ],
    )
    .await?;
    let mut items = rows.iter().map(Totals::of).collect::<Result<Vec<_>, _>>()?;
    let more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or_default());
    let next = items.last().filter(|_| more);
    let next = next.map(|last| format!("{}.{}", last.experience, last.robeing_id));
    Ok(Json(Page { items, next }))
}

fn cursor(text: &str) -> Result<(i64, String)> {
    let parts = text.split_once('.');
    let parts = parts.and_then(|(experience, id)| Some((experience.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Error::Invalid("after is no `next` of a page before".to_owned()))
}

/// How much a robeing remembers: 10, and more with what it learns. For who makes its context.
pub async fn memory_stat(
    db: &Transaction<'_>,
    robeing_id: &str,
) -> Result<i64, tokio_postgres::Error> {
    let row = db
        .query_typed_opt(
            "select memory_stat from robeing.stats where robeing_id = $1",
            &[(&robeing_id, Type::TEXT)],
        )
        .await?;
    row.map_or(Ok(FIRST), |row| row.try_get("memory_stat"))
}
