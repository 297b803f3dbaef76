//! How people and agents judge the robeing: the feedback per day and name, read from the feedback itself.

use jiff::civil::Date;
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped as db;
use platform::postgres::types::Type;
use serde::Serialize;
use utoipa::ToSchema;

use super::Range;

/// The most names of feedback, the most frequent ones.
const MAX_NAMES: i64 = 20;

#[derive(Serialize, ToSchema)]
pub(super) struct DayFeedback {
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// What is scored, such as `helpful`, or `reaction` for Slack reactions.
    name: String,
    /// How many scores and comments were given.
    given: i64,
    /// How many values are true, or above 0.
    positive: i64,
    /// How many values are false, or below 0.
    negative: i64,
    /// The share of the positive ones among the values that are numbers, true or false; null if there are none.
    positive_share: Option<f64>,
    /// The share of the negative ones.
    negative_share: Option<f64>,
    /// The average of the values, of which true is 1 and false is -1; null if all are labels or comments.
    mean: Option<f64>,
}

pub(super) async fn feedback(client: &Client, range: &Range<'_>) -> Result<Vec<DayFeedback>> {
    let (before, after) = range.days.around();
    let offsets = range.days.offsets();
    let rows = db::query(
        client,
        &range.scope(),
        include_str!("feedback.sql"),
        &[
            (&range.robeing_id, Type::TEXT),
            (&before, Type::TIMESTAMPTZ),
            (&after, Type::TIMESTAMPTZ),
            (&offsets.changes, Type::TIMESTAMPTZ_ARRAY),
            (&offsets.seconds, Type::INT4_ARRAY),
            (&range.days.first, Type::DATE),
            (&range.days.last, Type::DATE),
            (&MAX_NAMES, Type::INT8),
        ],
    )
    .await?;
    rows.iter()
        .map(|row| {
            Ok(DayFeedback {
                day: row.try_get("day")?,
                name: row.try_get("name")?,
                given: row.try_get("given")?,
                positive: row.try_get("positive")?,
                negative: row.try_get("negative")?,
                positive_share: row.try_get("positive_share")?,
                negative_share: row.try_get("negative_share")?,
                mean: row.try_get("mean")?,
            })
        })
        .collect()
}
