//! `GET /v1/robeings/{id}/growth`: how a robeing grew per day, as a series for a chart, without gaps.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use axum::extract::State;
use jiff::ToSpan as _;
use jiff::civil::Date;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::{Caller, Error, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;
use utoipa::{IntoParams, ToSchema};

use crate::Stats;
use crate::level::level;

/// The number of days if the request names none.
const DEFAULT_DAYS: i64 = 30;
const MAX_DAYS: i64 = 400;
/// The years that Postgres and `jiff` both support, with room for the days after `from`.
const YEARS: RangeInclusive<i16> = 1..=9998;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrowthParams {
    /// The first day; default: 29 days before `to`.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; default: today.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// The time zone of the days, such as `Asia/Seoul`; default: the robeing's setting `user.timezone`.
    timezone: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Growth {
    timezone: String,
    /// All days from `from` to `to`, both included.
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
    /// The experience earned on this day.
    earned: i64,
    /// The experience at the end of the day.
    experience: i64,
    /// The level at the end of the day.
    level: i64,
}

/// Show how a robeing grew per day.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/growth",
    tag = "stats",
    operation_id = "robeing_growth",
    params(("id" = String, Path, description = "the robeing"), GrowthParams),
    responses(
        (status = 200, description = "one item per day, also for days without activity", body = Growth),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn growth(
    State(stats): State<Stats>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<GrowthParams>,
) -> Result<Json<Growth>> {
    robeing::may_see(&caller, &robeing_id)?;
    let timezone = match params.timezone {
        Some(timezone) => timezone,
        None => stats.settings.of(&robeing_id).await?.user.timezone.clone(),
    };
    // Postgres reads an empty name as UTC.
    if timezone.is_empty() {
        return Err(unknown_timezone());
    }
    let mut given = params.from.into_iter().chain(params.to);
    if !given.all(|day| YEARS.contains(&day.year())) {
        return Err(Error::Invalid(
            "from and to must be in the years 1 to 9998".to_owned(),
        ));
    }
    let span = params.from.zip(params.to).map(|(from, to)| to - from);
    let days = span.map_or(DEFAULT_DAYS, |span| i64::from(span.get_days()) + 1);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Error::Invalid(format!(
            "from and to must span 1 to {MAX_DAYS} days"
        )));
    }
    let client = stats.pool.get().await?;
    let rows = scoped::query(
        &client,
        &Scope::only(ROBEINGS, [robeing_id.as_str()]),
        // Everything before the first day is one row without a day. Sums are numeric, since saturated counts may
        // add up to more than a bigint. They are cut before the outer join: `least` ignores nulls, and would turn the
        // nulls of a robeing without activity into the maximum.
        "with period as (
             select day as last, coalesce($2, day - $5::int4 + 1) as first
             from (select coalesce($3, $2 + $5::int4 - 1, (now() at time zone $4)::date)) as it (day)
         ),
         hours as (
             select (hour at time zone $4)::date as day, growth.*, period.*
             from robeing.growth, period
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
         from period left join days on true",
        &[
            (&robeing_id, Type::TEXT),
            (&params.from, Type::DATE),
            (&params.to, Type::DATE),
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
    Error::Invalid("unknown timezone: use a name like Asia/Seoul".to_owned())
}
