//! `GET /v1/robeings/{id}/stats` and `GET /v1/robeings`: the stats of a robeing, and a ranking.

use std::str::FromStr;

use axum::extract::State;
use jiff::Timestamp;
use platform::auth::Names;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Cursor, Error, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::Transaction;
use utoipa::{IntoParams, ToSchema};

use crate::Stats;
use crate::badges::{Achievement, achievements, features};
use crate::level::next_level_at;
use crate::points::INITIAL_STAT;
use crate::totals::Totals;

const MAX_ITEMS: i64 = 200;
const DEFAULT_ITEMS: i64 = 50;

#[derive(Serialize, ToSchema)]
pub struct RobeingStats {
    #[serde(flatten)]
    totals: Totals,
    /// The experience at which the next level begins.
    next_level_at: i64,
    /// The features that the level unlocks.
    features: Vec<&'static str>,
    achievements: Vec<Achievement>,
    /// Everything that was committed by this time is counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

/// Show the stats of a robeing.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/stats",
    tag = "stats",
    operation_id = "robeing_stats",
    params(("id" = String, Path, description = "the robeing")),
    responses(
        (status = 200, description = "the stats; a robeing without activity has level 1", body = RobeingStats),
        (status = 400, description = "the id is not valid for a robeing"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn of_robeing(
    State(stats): State<Stats>,
    caller: Caller,
    Path(robeing_id): Path<String>,
) -> Result<Json<RobeingStats>> {
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
    Ok(Json(RobeingStats {
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
pub struct RankParams {
    /// The most items per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next` of the previous page.
    #[param(value_type = Option<String>)]
    after: Option<Cursor<Place>>,
}

#[derive(Serialize, ToSchema)]
pub struct Ranking {
    items: Vec<Totals>,
    /// The cursor of the next page, to be sent as `after`; null on the last page.
    next: Option<String>,
}

/// Rank the robeings in the caller's scope by experience.
#[utoipa::path(
    get,
    path = "/v1/robeings",
    tag = "stats",
    operation_id = "rank_robeings",
    params(RankParams),
    responses(
        (status = 200, description = "one page", body = Ranking),
        (status = 400, description = "a parameter is invalid"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn rank(
    State(stats): State<Stats>,
    caller: Caller,
    Query(params): Query<RankParams>,
) -> Result<Json<Ranking>> {
    let limit = params.limit.unwrap_or(DEFAULT_ITEMS);
    if !(1..=MAX_ITEMS).contains(&limit) {
        return Err(Error::Invalid(format!(
            "limit is {limit}: use 1 to {MAX_ITEMS}"
        )));
    }
    let after = params
        .after
        .map(|Cursor(Place(experience, id))| (experience, id));
    let (experience, robeing_id) = after.unwrap_or((i64::MAX, String::new()));
    let robeings = match caller.scope.of(ROBEINGS) {
        Names::All => None,
        Names::Only(names) => Some(&**names),
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
    let has_more = items.len() as i64 > limit;
    items.truncate(usize::try_from(limit).unwrap_or_default());
    let next = items.last().filter(|_| has_more);
    let next = next.map(|last| format!("{}.{}", last.experience, last.robeing_id));
    Ok(Json(Ranking { items, next }))
}

/// The last robeing of a page: its experience and its id.
#[derive(Clone, Debug)]
struct Place(i64, String);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (experience, id) = text.split_once('.').ok_or(())?;
        let experience = experience.parse().map_err(|_| ())?;
        Ok(Self(experience, id.to_owned()))
    }
}

/// The `memory_stat` of a robeing, for the size of its context.
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
    row.map_or(Ok(INITIAL_STAT), |row| row.try_get("memory_stat"))
}
