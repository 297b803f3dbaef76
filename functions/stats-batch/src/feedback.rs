//! How people and agents judge a robeing per day. Unlike other counts it is read from the feedback itself, so it lasts
//! as long as the messages.

use std::collections::HashMap;

use jiff::civil::Date;
use platform::Result;
use platform::days::Days;
use platform::postgres::Client;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;

/// The scores and comments that were given on a day.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = GrowthFeedback)]
pub(crate) struct Feedback {
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
}

/// The feedback of each day that has any.
pub(crate) async fn of_days(
    client: &Client,
    robeing_id: &str,
    days: &Days,
) -> Result<HashMap<Date, Feedback>> {
    let (before, after) = days.around();
    let offsets = days.offsets();
    let rows = scoped::query(
        client,
        &Scope::only(ROBEINGS, [robeing_id]),
        include_str!("feedback.sql"),
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
    rows.iter()
        .map(|row| {
            let feedback = Feedback {
                given: row.try_get("given")?,
                positive: row.try_get("positive")?,
                negative: row.try_get("negative")?,
                positive_share: row.try_get("positive_share")?,
                negative_share: row.try_get("negative_share")?,
            };
            Ok((row.try_get("day")?, feedback))
        })
        .collect()
}
