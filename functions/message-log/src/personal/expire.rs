//! Expiry: rows that are kept for a limited time.

use jiff::{SignedDuration, Timestamp};
use personal::{Counts, Robeings, Step, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::feedback;
use crate::derived::renew;
use crate::ids::first_id_at;
use crate::roll_up::WATERMARK;

/// Rows per transaction.
const ROWS: i64 = 5_000;
/// Repeats arrive within days; their keys are kept for longer.
const KEYS_FOR: SignedDuration = SignedDuration::from_hours(35 * 24);
/// Longer than conversations last. A conversation that continues after it numbers its placeholders anew.
const PLACEHOLDERS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
const DEAD_LETTERS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Deletes the next rows from before `before` and, after the last of them, what search and patterns know of
/// them, and the dead letters and placeholders of that time. Numbers stay: how much was said, and when.
pub async fn step(
    db: &Transaction<'_>,
    robeings: Robeings<'_>,
    before: Timestamp,
    after: Uuid,
) -> Result<Step<Counts>, Error> {
    let (only, except) = robeings.values();
    // A roll-up that runs now could add to search again what is deleted here.
    WATERMARK.lock(db).await?;
    let past = first_id_at(before);
    let rows = db
        .query_typed(
            "select id
             from conversation.log
             where id > $1
               and id < $2
               and ($3::text is null or robeing_id = $3)
               and robeing_id <> all ($4)
               and (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log')
             order by id
             limit $5",
            &[
                (&after, Type::UUID),
                (&past, Type::UUID),
                (&only, Type::TEXT),
                (&except, Type::TEXT_ARRAY),
                (&ROWS, Type::INT8),
            ],
        )
        .await?;
    let ids = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Uuid>, _>>()?;
    let (first, last) = (ids.first().copied(), ids.last().copied());
    // The last step removes what search and patterns know of them.
    db.execute_typed(
        "with gone as (
             delete from conversation.log
             where id >= $2 and id <= $3 and id = any ($1)
             returning id, robeing_id
         )
         insert into conversation.edited (id, robeing_id)
         select id, robeing_id from gone",
        &[
            (&ids, Type::UUID_ARRAY),
            (&first, Type::UUID),
            (&last, Type::UUID),
        ],
    )
    .await?;
    let is_last = (ids.len() as i64) < ROWS;
    if is_last {
        renew(db, None).await?;
        // Dead letters and placeholders are as old as the messages of their time.
        for delete in [
            "delete from conversation.dead_letter
             where created_at < $1
               and (erased_at is null or dismissed_at < $1)
               and ($2::text is null or robeing_id = $2)
               and (robeing_id is null or robeing_id <> all ($3))",
            "delete from conversation.placeholder
             where created_at < $1
               and ($2::text is null or robeing_id = $2)
               and robeing_id <> all ($3)",
        ] {
            let values = [
                (&before as _, Type::TIMESTAMPTZ),
                (&only as _, Type::TEXT),
                (&except as _, Type::TEXT_ARRAY),
            ];
            db.execute_typed(delete, &values).await?;
        }
    }
    let mut counts = Counts::new();
    count(&mut counts, "conversation.log", ids.len() as u64);
    Ok(Step {
        done: counts,
        next: ids.last().copied().filter(|_| !is_last),
    })
}

/// Deletes keys, placeholders and dead letters whose time is over, at most 5,000 of each. A key that leads
/// to a row whose text was removed stays as long as the row.
pub async fn by_age(db: &Transaction<'_>, now: Timestamp) -> Result<Counts, Error> {
    let since = |time: SignedDuration| now.saturating_sub(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let keys = db
        .execute_typed(
            "delete from conversation.ingest_key
             where key in (
                 select key
                 from conversation.ingest_key as old
                 where created_at < $1
                   and not exists (
                         select from conversation.log
                         where log.id = old.message_id and log.deleted_at is not null)
                 limit $2)",
            &[(&since(KEYS_FOR), Type::TIMESTAMPTZ), (&ROWS, Type::INT8)],
        )
        .await?;
    let placeholders = db
        .execute_typed(
            "delete from conversation.placeholder
             where conversation in (
                 select conversation from conversation.placeholder where created_at < $1 limit $2)",
            &[
                (&since(PLACEHOLDERS_FOR), Type::TIMESTAMPTZ),
                (&ROWS, Type::INT8),
            ],
        )
        .await?;
    let letters = db
        .execute_typed(
            "delete from conversation.dead_letter
             where id in (
                 select id from conversation.dead_letter
                 where greatest(last_attempt_at, dismissed_at) < $1
                 limit $2)",
            &[
                (&since(DEAD_LETTERS_FOR), Type::TIMESTAMPTZ),
                (&ROWS, Type::INT8),
            ],
        )
        .await?;
    let mut counts = Counts::new();
    count(
        &mut counts,
        "conversation.feedback",
        feedback::expire(db, now, ROWS).await?,
    );
    count(&mut counts, "conversation.ingest_key", keys);
    count(&mut counts, "conversation.placeholder", placeholders);
    count(&mut counts, "conversation.dead_letter", letters);
    Ok(counts)
}
