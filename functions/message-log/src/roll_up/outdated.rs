//! Days whose copies an earlier release derived in another way: their activity is moved from hours into quarter hours,
//! and texts that search folds differently now are indexed again. The newest days come first.
//!
//! A day waits until it is over for a day: during a deployment, the earlier release may still derive copies.

use jiff::civil::Date;
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::WATERMARK;
use crate::patterns::activity;
use crate::rows::Edited;
use crate::search::folding::may_differ_from_earlier_releases;
use crate::search::roll_up as search;

/// The most rows of a day per step.
const MAX_ROWS: i64 = 10_000;

/// Does a part of the newest day. Returns whether there is more to do.
pub(super) async fn step(db: &Transaction<'_>) -> Result<bool, Error> {
    // Without a position, the roll-up is about to derive everything again.
    let locked = WATERMARK.try_lock(db).await?;
    if locked.is_none_or(|locked| locked.position.is_none()) {
        return Ok(false);
    }
    let day = db
        .query_typed_opt(
            "select day, after_id
             from conversation.outdated_day
             where day < (now() at time zone 'utc')::date - 1
             order by day desc
             limit 1",
            &[],
        )
        .await?;
    let Some(row) = day else {
        return Ok(false);
    };
    let (day, after_id): (Date, Uuid) = (row.try_get("day")?, row.try_get("after_id")?);
    if after_id.is_nil() {
        activity::move_into_quarter_hours(db, day).await?;
    }
    match index_again(db, day, after_id).await? {
        Some(last) => {
            db.execute_typed(
                "update conversation.outdated_day set after_id = $2 where day = $1",
                &[(&day, Type::DATE), (&last, Type::UUID)],
            )
            .await?;
        }
        None => {
            db.execute_typed(
                "delete from conversation.outdated_day where day = $1",
                &[(&day, Type::DATE)],
            )
            .await?;
        }
    }
    Ok(true)
}

/// Indexes the next messages of a day again. Returns the last one, or none if the day is done.
async fn index_again(
    db: &Transaction<'_>,
    day: Date,
    after_id: Uuid,
) -> Result<Option<Uuid>, Error> {
    let rows = db
        .query_typed(
            "with next as materialized (
                 select id, robeing_id, message, response
                 from conversation.log
                 where id >= greatest(conversation.first_id($1), $2) and id < conversation.first_id($1 + 1) and id <> $2
                 order by id
                 limit $3
             )
             select id, robeing_id, message ~ $4 or response ~ $4 as may_differ
             from next
             where id = (select max(id::text)::uuid from next) or message ~ $4 or response ~ $4
             order by id",
            &[
                (&day, Type::DATE),
                (&after_id, Type::UUID),
                (&MAX_ROWS, Type::INT8),
                (&may_differ_from_earlier_releases(), Type::TEXT),
            ],
        )
        .await?;
    let mut differing = Vec::new();
    for row in &rows {
        if row.try_get::<_, Option<bool>>("may_differ")? == Some(true) {
            differing.push(Edited {
                id: row.try_get("id")?,
                robeing_id: row.try_get("robeing_id")?,
            });
        }
    }
    search::renew(db, &differing).await?;
    rows.last().map(|row| row.try_get("id")).transpose()
}
