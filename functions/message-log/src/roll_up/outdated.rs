//! Days whose copies an earlier release derived in another way: their activity is moved from hours into quarter hours,
//! and texts that search folds differently now are indexed again. The newest days come first.
//!
//! A day waits until it is over for a day: during a deployment, the earlier release may still derive copies.

use jiff::civil::Date;
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::WATERMARK;
use crate::patterns::activity;
use crate::rows::Edited;
use crate::search::folding::may_differ_from_earlier_releases;
use crate::search::roll_up as search;

/// The most rows of a day per step.
const MAX_ROWS: i64 = 10_000;
/// Erasures wait for a step, for up to 15 s.
const TIMEOUT: &str = "set local statement_timeout = '5s'";

/// A day, and how far it is done.
#[derive(Clone, Copy)]
struct Outdated {
    day: Date,
    after_id: Uuid,
}

/// Derives the copies of outdated days, while there is time. The copies of a day that fails stay as they are until the
/// next run.
pub(super) async fn run(client: &mut Client, has_time: impl Fn() -> bool) {
    let mut below = Date::MAX;
    while has_time() {
        let outdated = match newest(client, below).await {
            Ok(Some(outdated)) => outdated,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the outdated days can't be read");
                return;
            }
        };
        match step(client, outdated).await {
            Ok(true) => {}
            // Another run has the lock, or is about to derive everything again.
            Ok(false) => return,
            Err(error) => {
                tracing::error!(day = %outdated.day, %error, "the copies of an outdated day can't be derived: trying an earlier day");
                below = outdated.day;
            }
        }
    }
}

async fn newest(client: &Client, below: Date) -> Result<Option<Outdated>> {
    let rows = db::query(
        client,
        &Scope::all(ROBEINGS),
        "select day, after_id
         from conversation.outdated_day
         where day < least($1, (now() at time zone 'utc')::date - 1)
         order by day desc
         limit 1",
        &[(&below, Type::DATE)],
    )
    .await?;
    let outdated = rows.first().map(|row| {
        Ok::<_, Error>(Outdated {
            day: row.try_get("day")?,
            after_id: row.try_get("after_id")?,
        })
    });
    Ok(outdated.transpose()?)
}

/// Does a part of a day: first its activity, then its texts. Returns whether it had the lock.
async fn step(client: &mut Client, outdated: Outdated) -> Result<bool> {
    let db = db::begin(client, &Scope::all(ROBEINGS)).await?;
    let locked = WATERMARK.try_lock(&db).await?;
    if locked.is_none_or(|locked| locked.position.is_none()) {
        return Ok(false);
    }
    db.batch_execute(TIMEOUT).await?;
    let Outdated { day, after_id } = outdated;
    if after_id.is_nil() {
        activity::move_into_quarter_hours(&db, day).await?;
        db.execute_typed(
            "update conversation.outdated_day set after_id = conversation.first_id(day) where day = $1",
            &[(&day, Type::DATE)],
        )
        .await?;
    } else {
        match index_again(&db, day, after_id).await? {
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
    }
    db.commit().await?;
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
