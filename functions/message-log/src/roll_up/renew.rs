//! What was made of messages follows them when they are edited, deleted or erased, or expire.
//!
//! Whoever changes a row of the log inserts its id into `conversation.edited`, in the same transaction.
//! Each copy of what a message says that a roll-up makes has its own module, and is renewed here.

use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{counted, search};
use platform::postgres::types::Type;

/// Messages that are looked after at once.
const AT_ONCE: i64 = 20_000;

/// A message that says something else now, or nothing.
pub(super) struct Edited {
    pub(super) id: Uuid,
    pub(super) robeing_id: String,
}

/// Messages that were edited are found and counted by what they say now, and those that were taken out
/// by nothing: what transactions below that id committed; without it, what is not there any more.
pub(crate) async fn renew(db: &Transaction<'_>, below: Option<i64>) -> Result<(), Error> {
    let below = below.map(|xid| xid.to_string());
    loop {
        let rows = db
            .query_typed(
                "delete from conversation.edited
                 where ctid = any (array(
                     select ctid
                     from conversation.edited
                     where xid < $1::text::xid8
                        or $1 is null and not exists (
                               select from conversation.log
                               where log.id = edited.id and log.erased_at is null)
                     order by robeing_id, id
                     limit $2))
                 returning id, robeing_id",
                &[(&below, Type::TEXT), (&AT_ONCE, Type::INT8)],
            )
            .await?;
        let edited = rows
            .iter()
            .map(|row| {
                Ok(Edited {
                    id: row.try_get("id")?,
                    robeing_id: row.try_get("robeing_id")?,
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        search::renew(db, &edited).await?;
        counted::renew(db, &edited).await?;
        if (edited.len() as i64) < AT_ONCE {
            return Ok(());
        }
    }
}
