//! Partitions of the log: one per month, created when its first message arrives.

use std::collections::BTreeSet;

use jiff::civil::Date;
use platform::postgres::Client;
use platform::postgres::types::Type;

use super::draft::Draft;

/// The reason why a message of an archived month is rejected.
pub const CLOSED: &str = "the month of this message is archived and accepts no messages: send the \
    message with a later `created_at`";

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

/// Creates the partition for the month of a day.
pub(super) async fn add_month(client: &Client, day: Date) -> Result<(), tokio_postgres::Error> {
    client
        .query_typed("select conversation.add_month($1)", &[(&day, Type::DATE)])
        .await?;
    tracing::info!(%day, "created the partition for a month of messages");
    Ok(())
}
