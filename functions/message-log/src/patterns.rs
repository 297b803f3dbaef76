//! How a robeing is used: conversations a day, peak hours, what people want and ask, and how sure the
//! robeing was. Read from what each roll-up added, however long the log is.

use axum::extract::{Path, Query, State};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use platform::postgres::types::Type;
use platform::{Caller, Error, Json, Result};
use serde::{Deserialize, Serialize};
use tokio_postgres::error::SqlState;
use utoipa::{IntoParams, ToSchema};

use crate::log::{Log, day_of};
use platform::postgres::scoped::{self as db, Scope};
use robeing::ROBEINGS;

/// Days, where no time is asked for.
const USUAL: i64 = 30;
const MOST_DAYS: i64 = 400;

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
    /// Whose days and hours: `Asia/Seoul`; default: the robeing's setting `user.timezone`. What
    /// people want and ask is by days in UTC.
    timezone: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Patterns {
    days: Vec<Day>,
    /// Messages by the hour of the day, from 0 to 23.
    hours: Vec<i64>,
    /// The most frequent first, at most 50.
    intents: Vec<Intent>,
    /// The most frequent first, at most 50.
    questions: Vec<Question>,
    /// What was stored until then is counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct Day {
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// Those that began on this day.
    conversations: i64,
    messages: i64,
    responses: i64,
    tokens: i64,
    /// On average; null where nobody told one.
    confidence: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Intent {
    intent: String,
    messages: i64,
    confidence: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Question {
    question: String,
    asked: i64,
}

/// How a robeing is used.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/patterns",
    tag = "memory",
    operation_id = "usage_patterns",
    params(("id" = String, Path, description = "the robeing"), Asked),
    responses(
        (status = 200, description = "from `from` to `to`, both included", body = Patterns),
        (status = 400, description = "a parameter is wrong"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn patterns(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Patterns>> {
    robeing::may_see(&caller, &robeing_id)?;
    let to = asked.to.unwrap_or_else(|| day_of(Timestamp::now()));
    let back = SignedDuration::from_hours(24 * (USUAL - 1));
    let from = asked.from.unwrap_or_else(|| to.saturating_sub(back));
    let days = from.duration_until(to).as_hours() / 24;
    if !(0..MOST_DAYS).contains(&days) {
        return Err(Error::Invalid(format!(
            "from and to must be 1 to {MOST_DAYS} days"
        )));
    }
    let timezone = match asked.timezone {
        Some(timezone) => timezone,
        None => log.settings.of(&robeing_id).await?.user.timezone.clone(),
    };
    let scope = Scope::only(ROBEINGS, [robeing_id.as_str()]);
    let client = log.pool.get().await?;
    let of_hours = db::query(
        &client,
        &scope,
        "select (hour at time zone $4)::date as day,
                extract(hour from hour at time zone $4)::int4 as hour,
                conversations, messages, responses, tokens, confidence_sum, confidence_count
         from conversation.activity
         where robeing_id = $1
           and hour >= $2::date::timestamp at time zone $4
           and hour < ($3::date + 1)::timestamp at time zone $4
         order by activity.hour",
        &[
            (&robeing_id, Type::TEXT),
            (&from, Type::DATE),
            (&to, Type::DATE),
            (&timezone, Type::TEXT),
        ],
    )
    .await
    .map_err(|error| {
        if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) {
            return Error::Invalid("timezone is unknown: write one like Asia/Seoul".to_owned());
        }
        error.into()
    })?;
    let intents = db::query(
        &client,
        &scope,
        "select intent, sum(messages)::int8 as messages,
                sum(confidence_sum) / nullif(sum(confidence_count), 0)::float8 as confidence
         from conversation.intent
         where robeing_id = $1 and day between $2 and $3
         group by intent
         order by messages desc, intent
         limit 50",
        &[
            (&robeing_id, Type::TEXT),
            (&from, Type::DATE),
            (&to, Type::DATE),
        ],
    )
    .await?;
    let questions = db::query(
        &client,
        &scope,
        "select question, sum(asked)::int8 as asked
         from conversation.question
         where robeing_id = $1 and day between $2 and $3
         group by question
         order by asked desc, question
         limit 50",
        &[
            (&robeing_id, Type::TEXT),
            (&from, Type::DATE),
            (&to, Type::DATE),
        ],
    )
    .await?;
    let mark = db::query(
        &client,
        &scope,
        "select run_at from conversation.watermark where name = 'message-log'",
        &[],
    )
    .await?;
    let (mut days, mut hours) = (Vec::<Day>::new(), vec![0; 24]);
    let mut sums = (0.0, 0_i64);
    for row in of_hours {
        let day: Date = row.try_get("day")?;
        if days.last().is_none_or(|last| last.day != day) {
            sums = (0.0, 0);
            let (conversations, messages, responses, tokens) = (0, 0, 0, 0);
            days.push(Day {
                day,
                conversations,
                messages,
                responses,
                tokens,
                confidence: None,
            });
        }
        let last = days.last_mut().expect("a day was pushed");
        let messages: i64 = row.try_get("messages")?;
        last.conversations += row.try_get::<_, i64>("conversations")?;
        last.messages += messages;
        last.responses += row.try_get::<_, i64>("responses")?;
        last.tokens += row.try_get::<_, i64>("tokens")?;
        sums.0 += row.try_get::<_, f64>("confidence_sum")?;
        sums.1 += row.try_get::<_, i64>("confidence_count")?;
        last.confidence = (sums.1 > 0).then(|| sums.0 / sums.1 as f64);
        let hour: i32 = row.try_get("hour")?;
        hours[usize::try_from(hour).unwrap_or_default() % 24] += messages;
    }
    Ok(Json(Patterns {
        days,
        hours,
        intents: intents
            .iter()
            .map(|row| {
                Ok(Intent {
                    intent: row.try_get("intent")?,
                    messages: row.try_get("messages")?,
                    confidence: row.try_get("confidence")?,
                })
            })
            .collect::<Result<_, tokio_postgres::Error>>()?,
        questions: questions
            .iter()
            .map(|row| {
                Ok(Question {
                    question: row.try_get("question")?,
                    asked: row.try_get("asked")?,
                })
            })
            .collect::<Result<_, tokio_postgres::Error>>()?,
        as_of: match mark.first() {
            Some(row) => row.try_get("run_at")?,
            None => None,
        },
    }))
}
