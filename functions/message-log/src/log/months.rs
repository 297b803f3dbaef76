//! Room for the months of what is stored.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use shared::postgres::Client;
use shared::postgres::types::Type;

use super::draft::Draft;

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
