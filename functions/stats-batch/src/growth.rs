//! How a robeing grew, day by day: a series for a chart, without gaps.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use axum::extract::{Path, Query, State};
use jiff::ToSpan as _;
use jiff::civil::Date;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Error, Json, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;
use utoipa::{IntoParams, ToSchema};

use crate::Stats;
use crate::level::level;

/// Days, where no time is asked for.
const USUAL: i64 = 30;
const MOST_DAYS: i64 = 400;
/// Of others Postgres knows no date, or we know none a few days later.
const YEARS: RangeInclusive<i16> = 1..=9998;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The first day; default: 29 days before `to`.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; default: today.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// Whose days: `Asia/Seoul`; default: the robeing's setting `user.timezone`.
    timezone: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Growth {
    timezone: String,
    /// Each day from `from` to `to`, both included.
    days: Vec<Day>,
}

#[derive(Default, Serialize, ToSchema)]
#[schema(as = GrowthDay)]
struct Day {
    #[schema(value_type = String, format = Date)]
    day: Date,
    conversations: i64,
    successful_tasks: i64,
    failed_tasks: i64,
    /// What was earned on this day.
    earned: i64,
    /// All that was earned until its end, and the level by that.
    experience: i64,
    level: i64,
}

/// How a robeing grew.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/growth",
    tag = "stats",
    operation_id = "robeing_growth",
    params(("id" = String, Path, description = "the robeing"), Asked),
    responses(
        (status = 200, description = "a day that nothing happened on is there too", body = Growth),
        (status = 400, description = "a parameter is wrong"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn growth(
    State(stats): State<Stats>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Growth>> {
    robeing::may_see(&caller, &robeing_id)?;
    let timezone = match asked.timezone {
        Some(timezone) => timezone,
        None => stats.settings.of(&robeing_id).await?.user.timezone.clone(),
    };
    // Which Postgres takes for UTC.
    if timezone.is_empty() {
        return Err(unknown_timezone());
    }
    let mut given = asked.from.into_iter().chain(asked.to);
    if !given.all(|day| YEARS.contains(&day.year())) {
        return Err(Error::Invalid(
            "from and to must be of the years 1 to 9998".to_owned(),
        ));
    }
    let span = asked.from.zip(asked.to).map(|(from, to)| to - from);
    let days = span.map_or(USUAL, |span| i64::from(span.get_days()) + 1);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Error::Invalid(format!(
            "from and to must be 1 to {MOST_DAYS} days"
        )));
    }
    let client = stats.pool.get().await?;
    let rows = scoped::query(
        &client,
        &Scope::only(ROBEINGS, [robeing_id.as_str()]),
        // What was before the first day is its own row, without a day. Numeric, since counts
        // saturate and their sum could be more; cut before the join, since `least` takes a null
        // for no limit and would give a robeing that did nothing the most there can be.
        "with asked as (
             select day as last, coalesce($2, day - $5::int4 + 1) as first
             from (select coalesce($3, $2 + $5::int4 - 1, (now() at time zone $4)::date)) as it (day)
         ),
         hours as (
             select (hour at time zone $4)::date as day, growth.*, asked.*
             from robeing.growth, asked
             where robeing_id = $1
               and hour < (last + 1)::timestamp at time zone $4
         ),
         days as (
             select case when day >= first then day end as day,
                    least(sum(in_threads + direct + in_channels), 9223372036854775807)::int8 as conversations,
                    least(sum(successful_tasks), 9223372036854775807)::int8 as successful_tasks,
                    least(sum(failed_tasks), 9223372036854775807)::int8 as failed_tasks,
                    least(sum(in_threads::numeric + direct + in_channels + memory_experience
                              + compute_experience + empathy_experience + leadership_experience
                              + ethics_experience), 9223372036854775807)::int8 as earned
             from hours
             group by 1
         )
         select day, first, last, conversations, successful_tasks, failed_tasks, earned
         from asked left join days on true",
        &[
            (&robeing_id, Type::TEXT),
            (&asked.from, Type::DATE),
            (&asked.to, Type::DATE),
            (&timezone, Type::TEXT),
            (&i32::try_from(days).unwrap_or_default(), Type::INT4),
        ],
    )
    .await
    .map_err(|error| {
        if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) {
            return unknown_timezone();
        }
        error.into()
    })?;
    let mut found: HashMap<Option<Date>, Day> = HashMap::new();
    let mut span: Option<(Date, Date)> = None;
    for row in &rows {
        span = Some((row.try_get("first")?, row.try_get("last")?));
        let Some(earned) = row.try_get::<_, Option<i64>>("earned")? else {
            continue;
        };
        let day: Option<Date> = row.try_get("day")?;
        found.insert(
            day,
            Day {
                conversations: row.try_get("conversations")?,
                successful_tasks: row.try_get("successful_tasks")?,
                failed_tasks: row.try_get("failed_tasks")?,
                earned,
                ..Day::default()
            },
        );
    }
    let mut experience = found.get(&None).map_or(0, |before| before.earned);
    let (first, last) = span.unwrap_or_default();
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let days = days.map(|day| {
        let mut on_day = found.remove(&Some(day)).unwrap_or_default();
        experience = experience.saturating_add(on_day.earned);
        (on_day.day, on_day.experience) = (day, experience);
        on_day.level = level(experience);
        on_day
    });
    Ok(Json(Growth {
        days: days.collect(),
        timezone,
    }))
}

fn unknown_timezone() -> Error {
    Error::Invalid("timezone is unknown: write one like Asia/Seoul".to_owned())
}
