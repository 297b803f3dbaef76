//! `GET /v1/robeings/{id}/growth`: how a robeing grew per day, as a series for a chart, without gaps.

use std::collections::HashMap;

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use platform::days::Days;
use platform::postgres::Client;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::time_zone::Zone;
use platform::{Caller, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};

use crate::Stats;
use crate::feedback::{self, Feedback};
use crate::level::level;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrowthParams {
    /// The first day; default: 29 days before `to`.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; default: today in the time zone, or 29 days after `from`.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// The time zone of the days: a name such as `Asia/Seoul`, or an offset such as `+09:00`; default: the robeing's
    /// setting `user.timezone`.
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
    /// The feedback that was given on this day, on messages that are still stored.
    feedback: Feedback,
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
    let days = Days::of(
        Zone::of_parameter("timezone", &timezone)?,
        params.from,
        params.to,
        Timestamp::now(),
    )?;
    let client = stats.pool.get().await?;
    let mut counted = counted(&client, &robeing_id, &days).await?;
    let mut feedback = feedback::of_days(&client, &robeing_id, &days).await?;
    let mut experience = counted.remove(&None).map_or(0, |before| before.earned);
    let series = days.iter().map(|day| {
        let mut on_day = counted.remove(&Some(day)).unwrap_or_default();
        experience = experience.saturating_add(on_day.earned);
        (on_day.day, on_day.experience) = (day, experience);
        on_day.level = level(experience);
        on_day.feedback = feedback.remove(&day).unwrap_or_default();
        on_day
    });
    Ok(Json(Growth {
        days: series.collect(),
        timezone: days.zone.name().to_owned(),
    }))
}

/// The counts of each day that has any, and of everything before the first day.
async fn counted(
    client: &Client,
    robeing_id: &str,
    days: &Days,
) -> Result<HashMap<Option<Date>, Day>> {
    let (before, after) = days.around();
    let offsets = days.offsets();
    let rows = scoped::query(
        client,
        &Scope::only(ROBEINGS, [robeing_id]),
        // Sums are numeric, since saturated counts may add up to more than a bigint.
        "with local as (
             select case when hour >= $2 then
                        ((hour + interval '450 seconds') at time zone 'utc'
                            + $5[1 + width_bucket(hour + interval '450 seconds', $4)] * interval '1 second')::date
                    end as day,
                    growth.*
             from robeing.growth
             where robeing_id = $1 and hour < $3
         )
         select case when day >= $6 then day end as day,
                least(sum(in_threads + direct + in_channels), 9223372036854775807)::int8 as conversations,
                least(sum(successful_tasks), 9223372036854775807)::int8 as successful_tasks,
                least(sum(failed_tasks), 9223372036854775807)::int8 as failed_tasks,
                least(sum(in_threads::numeric + direct + in_channels + memory_experience
                          + compute_experience + empathy_experience + leadership_experience
                          + ethics_experience), 9223372036854775807)::int8 as earned
         from local
         where day is null or day <= $7
         group by 1",
        &[
            (&robeing_id, Type::TEXT),
            (&before, Type::TIMESTAMPTZ),
            (&after, Type::TIMESTAMPTZ),
            (&offsets.changes, Type::TIMESTAMPTZ_ARRAY),
            (&offsets.seconds, Type::INT4_ARRAY),
            (&days.first, Type::DATE),
            (&days.last, Type::DATE),
        ],
    )
    .await?;
    let day = |row: &Row| {
        let day = Day {
            conversations: row.try_get("conversations")?,
            successful_tasks: row.try_get("successful_tasks")?,
            failed_tasks: row.try_get("failed_tasks")?,
            earned: row.try_get("earned")?,
            ..Day::default()
        };
        Ok((row.try_get("day")?, day))
    };
    rows.iter().map(day).collect()
}
