//! Left to expire: what is kept for a time only.

use jiff::{SignedDuration, Timestamp};
use platform::postgres::types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::identity::first_id_at;
use crate::roll_up::renew;

/// Rows a transaction.
const ROWS: i64 = 5_000;
/// A repeat comes within days; what it would meet is kept for longer.
const KEYS_FOR: SignedDuration = SignedDuration::from_hours(35 * 24);
/// Longer than conversations last. In one that goes on after it, placeholders are numbered anew.
const PLACEHOLDERS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
const DEAD_LETTERS_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Whose memory ends where.
#[derive(Clone, Copy, Debug)]
pub enum Robeings<'a> {
    Only(&'a str),
    /// All that have no time of their own.
    AllBut(&'a [String]),
}

/// What one step did.
pub struct Expired {
    pub rows: u64,
    /// Where the next step begins; none where this was the last.
    pub next: Option<Uuid>,
}

/// The next rows from before `before`, and after the last of them what search and patterns know of
/// them, and dead letters and placeholders of that time. Numbers stay: how much was said, and when.
pub async fn messages(
    db: &Transaction<'_>,
    robeings: Robeings<'_>,
    before: Timestamp,
    after: Uuid,
) -> Result<Expired, tokio_postgres::Error> {
    let (only, but) = match robeings {
        Robeings::Only(robeing) => (Some(robeing), &[][..]),
        Robeings::AllBut(others) => (None, others),
    };
    // What is being rolled up now could add to search again what goes.
    db.query_typed(
        "select from conversation.watermark where name = 'message-log' for update",
        &[],
    )
    .await?;
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
                (&but, Type::TEXT_ARRAY),
                (&ROWS, Type::INT8),
            ],
        )
        .await?;
    let ids = rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<Vec<Uuid>, _>>()?;
    let (first, last) = (ids.first().copied(), ids.last().copied());
    // What search and patterns know of them goes with the last step.
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
        // What was refused, and what numbers placeholders, is as old as what was stored.
        for delete in [
            "delete from conversation.dead_letter
             where created_at < $1
               and erased_at is null
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
                (&but as _, Type::TEXT_ARRAY),
            ];
            db.execute_typed(delete, &values).await?;
        }
    }
    Ok(Expired {
        rows: ids.len() as u64,
        next: ids.last().copied().filter(|_| !is_last),
    })
}

/// Keys, placeholders and dead letters that have had their time: how many of each table went, at most
/// 5,000 of each at once. A key that leads to a row of which the text was taken out stays as long as
/// the row.
pub async fn rest(
    db: &Transaction<'_>,
    now: Timestamp,
) -> Result<[(&'static str, u64); 3], tokio_postgres::Error> {
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
                 select id from conversation.dead_letter where last_attempt_at < $1 limit $2)",
            &[
                (&since(DEAD_LETTERS_FOR), Type::TIMESTAMPTZ),
                (&ROWS, Type::INT8),
            ],
        )
        .await?;
    Ok([
        ("conversation.ingest_key", keys),
        ("conversation.placeholder", placeholders),
        ("conversation.dead_letter", letters),
    ])
}
