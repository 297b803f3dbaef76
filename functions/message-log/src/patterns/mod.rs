//! `GET /v1/robeings/{id}/patterns`: how a robeing is used: conversations per day, peak hours, what people want and
//! ask, and the confidence of the robeing. It reads counts that each roll-up updates, so it doesn't get slower as the
//! log grows.

pub(crate) mod activity;
pub(crate) mod counted;
mod feedback;
pub(crate) mod question;

use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::Date;
use platform::days::Days;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use platform::time_zone::Zone;
use platform::{Caller, Json, Path, Query, Result};
use robeing::ROBEINGS;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ids::day_of;
use crate::log::Log;
use feedback::DayFeedback;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PatternsParams {
    /// The first day; default: 29 days before `to`.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<Date>,
    /// The last day; default: today in the time zone.
    #[param(value_type = Option<String>, format = Date)]
    to: Option<Date>,
    /// The time zone of `days`, `hours` and `feedback`: a name such as `Asia/Seoul`, or an offset such as `+09:00`;
    /// default: the robeing's setting `user.timezone`. Intents and questions are counted by days in UTC.
    timezone: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Patterns {
    /// The time zone of `days`, `hours` and `feedback`.
    timezone: String,
    days: Vec<Day>,
    /// Messages by the hour of the day, from 0 to 23.
    hours: Vec<i64>,
    /// The 50 most frequent intents.
    intents: Vec<Intent>,
    /// The 50 most frequent questions.
    questions: Vec<Question>,
    /// Feedback per day and name, of the 20 most frequent names.
    feedback: Vec<DayFeedback>,
    /// Everything that was stored by this time is counted.
    #[schema(value_type = Option<String>, format = DateTime)]
    as_of: Option<Timestamp>,
}

#[derive(Serialize, ToSchema)]
struct Day {
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// Conversations that began on this day.
    conversations: i64,
    messages: i64,
    responses: i64,
    tokens: i64,
    /// The average; null if no message has a confidence.
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
    /// The number of messages that asked it.
    asked: i64,
}

/// The robeing and days of a request.
struct Range<'a> {
    robeing_id: &'a str,
    days: &'a Days,
    /// The last day in UTC.
    last_in_utc: Date,
}

/// Show how a robeing is used.
#[utoipa::path(
    get,
    path = "/v1/robeings/{id}/patterns",
    tag = "memory",
    operation_id = "usage_patterns",
    params(("id" = String, Path, description = "the robeing"), PatternsParams),
    responses(
        (status = 200, description = "the patterns from `from` to `to`, both included", body = Patterns),
        (status = 400, description = "a parameter is invalid"),
        (status = 403, description = "the robeing is not in the caller's scope"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn patterns(
    State(log): State<Log>,
    caller: Caller,
    Path(robeing_id): Path<String>,
    Query(params): Query<PatternsParams>,
) -> Result<Json<Patterns>> {
    robeing::may_see(&caller, &robeing_id)?;
    let timezone = match params.timezone {
        Some(timezone) => timezone,
        None => log.settings.of(&robeing_id).await?.user.timezone.clone(),
    };
    let zone = Zone::of_parameter("timezone", &timezone)?;
    let now = Timestamp::now();
    let to = params.to.unwrap_or_else(|| zone.day_of(now));
    let days = Days::of(zone, params.from, Some(to), now)?;
    let range = Range {
        robeing_id: &robeing_id,
        days: &days,
        // Includes the newest messages, also where it is still yesterday.
        last_in_utc: params.to.unwrap_or_else(|| to.max(day_of(now))),
    };
    let client = log.pool.get().await?;
    let (days, hours) = activity(&client, &range).await?;
    Ok(Json(Patterns {
        timezone: range.days.zone.name().to_owned(),
        days,
        hours,
        intents: intents(&client, &range).await?,
        questions: questions(&client, &range).await?,
        feedback: feedback::feedback(&client, &range).await?,
        as_of: as_of(&client, &range.scope()).await?,
    }))
}

impl Range<'_> {
    fn scope(&self) -> Scope {
        Scope::only(ROBEINGS, [self.robeing_id])
    }
}

async fn activity(client: &Client, range: &Range<'_>) -> Result<(Vec<Day>, Vec<i64>)> {
    let (before, after) = range.days.around();
    let offsets = range.days.offsets();
    let rows = db::query(
        client,
        &range.scope(),
        "select local::date as day, extract(hour from local)::int4 as hour,
                sum(conversations)::int8 as conversations, sum(messages)::int8 as messages,
                sum(responses)::int8 as responses, sum(tokens)::int8 as tokens,
                sum(confidence_sum) as confidence_sum, sum(confidence_count)::int8 as confidence_count
         from (
             select (hour + interval '450 seconds') at time zone 'utc'
                        + $5[1 + width_bucket(hour + interval '450 seconds', $4)] * interval '1 second' as local,
                    activity.*
             from conversation.activity
             where robeing_id = $1 and hour >= $2 and hour < $3
         ) as activity
         where local::date between $6 and $7
         group by 1, 2
         order by 1, 2",
        &[
            (&range.robeing_id, Type::TEXT),
            (&before, Type::TIMESTAMPTZ),
            (&after, Type::TIMESTAMPTZ),
            (&offsets.changes, Type::TIMESTAMPTZ_ARRAY),
            (&offsets.seconds, Type::INT4_ARRAY),
            (&range.days.first, Type::DATE),
            (&range.days.last, Type::DATE),
        ],
    )
    .await?;
    let (mut days, mut hours) = (Vec::<Day>::new(), vec![0; 24]);
    let mut confidence = (0.0, 0_i64);
    for row in rows {
        let date: Date = row.try_get("day")?;
        if days.last().is_none_or(|last| last.day != date) {
            confidence = (0.0, 0);
            days.push(Day::empty(date));
        }
        let day = days.last_mut().expect("a day was pushed");
        let messages: i64 = row.try_get("messages")?;
        day.conversations += row.try_get::<_, i64>("conversations")?;
        day.messages += messages;
        day.responses += row.try_get::<_, i64>("responses")?;
        day.tokens += row.try_get::<_, i64>("tokens")?;
        confidence.0 += row.try_get::<_, f64>("confidence_sum")?;
        confidence.1 += row.try_get::<_, i64>("confidence_count")?;
        day.confidence = (confidence.1 > 0).then(|| confidence.0 / confidence.1 as f64);
        let hour: i32 = row.try_get("hour")?;
        hours[usize::try_from(hour).unwrap_or_default() % 24] += messages;
    }
    Ok((days, hours))
}

impl Day {
    fn empty(day: Date) -> Self {
        Self {
            day,
            conversations: 0,
            messages: 0,
            responses: 0,
            tokens: 0,
            confidence: None,
        }
    }
}

async fn intents(client: &Client, range: &Range<'_>) -> Result<Vec<Intent>> {
    let rows = db::query(
        client,
        &range.scope(),
        "select intent, sum(messages)::int8 as messages,
                sum(confidence_sum) / nullif(sum(confidence_count), 0)::float8 as confidence
         from conversation.intent
         where robeing_id = $1 and day between $2 and $3
         group by intent
         order by messages desc, intent
         limit 50",
        &[
            (&range.robeing_id, Type::TEXT),
            (&range.days.first, Type::DATE),
            (&range.last_in_utc, Type::DATE),
        ],
    )
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Intent {
                intent: row.try_get("intent")?,
                messages: row.try_get("messages")?,
                confidence: row.try_get("confidence")?,
            })
        })
        .collect()
}

async fn questions(client: &Client, range: &Range<'_>) -> Result<Vec<Question>> {
    let rows = db::query(
        client,
        &range.scope(),
        "select question, sum(asked)::int8 as asked
         from conversation.question
         where robeing_id = $1 and day between $2 and $3
         group by question
         order by asked desc, question
         limit 50",
        &[
            (&range.robeing_id, Type::TEXT),
            (&range.days.first, Type::DATE),
            (&range.last_in_utc, Type::DATE),
        ],
    )
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Question {
                question: row.try_get("question")?,
                asked: row.try_get("asked")?,
            })
        })
        .collect()
}

async fn as_of(client: &Client, scope: &Scope) -> Result<Option<Timestamp>> {
    let rows = db::query(
        client,
        scope,
        "select as_of from conversation.watermark where name = 'message-log'",
        &[],
    )
    .await?;
    Ok(match rows.first() {
        Some(row) => row.try_get("as_of")?,
        None => None,
    })
}
