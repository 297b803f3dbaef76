//! Room for the months of what is stored.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use platform::postgres::Client;
use platform::postgres::types::Type;

use super::draft::Draft;

/// To whoever sends a message of a month that is put away.
pub const CLOSED: &str = "the month of this message is in the archive, or on the way there: nothing \
    can be added to it; send it with a later `created_at`";

pub(super) fn is_closed(error: &tokio_postgres::Error) -> bool {
    let error = error.as_db_error();
    error.is_some_and(|error| error.constraint() == Some("month_is_closed"))
}

pub(super) async fn add_months(
    client: &Client,
    drafts: &[Draft],
) -> Result<(), tokio_postgres::Error> {
    let months: BTreeSet<Date> = drafts
        .iter()
        .map(|draft| draft.day().first_of_month())
        .collect();
    for month in months {
        add_month(client, month).await?;
    }
    Ok(())
}

pub(super) async fn add_month(client: &Client, day: Date) -> Result<(), tokio_postgres::Error> {
    client
        .query_typed("select conversation.add_month($1)", &[(&day, Type::DATE)])
        .await?;
    tracing::info!(%day, "made room for a month of messages");
    Ok(())
}

pub fn day_of(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}
