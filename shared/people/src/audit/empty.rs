//! Entries lose who did it: when the person is erased, and when they are old. The chain says how many did, so that
//! nobody else can empty one unnoticed.

use platform::postgres::types::Type;
use serde_json::json;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{Actor, Entry, record};

/// The most entries that one statement empties.
pub(crate) const BATCH: i64 = 5_000;
/// The erasure of a person by an admin, whose detail has the number of entries.
pub(super) const ERASURE: &str = "person.erase";
/// Any other emptying.
const EMPTYING: &str = "audit.empty";

/// Who did it is kept for this time. The name of a service may be the address of a person, whom no erasure knows.
const OLD: &str = "update people.audit set personal = null, salt = null
    where id in (select id from people.audit
                 where personal is not null and actor_kind in ('person', 'token') and at < now() - interval '400 days'
                 order by at limit $1 for update skip locked)";

/// Compares what is empty with what the chain says.
pub(super) const IS_RECORDED: &str =
    "(select count(*) from people.audit where personal is null)
     = (select coalesce(sum((detail -> 'entries')::numeric), 0) from people.audit
        where action in ('person.erase', 'audit.empty') and jsonb_typeof(detail -> 'entries') = 'number')";

/// Empties at most `limit` entries of these people, and returns how many.
pub(crate) async fn of_actors(
    db: &Transaction<'_>,
    actors: &[String],
    limit: i64,
) -> Result<u64, Error> {
    db.execute_typed(
        "update people.audit set personal = null, salt = null
         where id in (select id from people.audit
                      where personal is not null and actor_kind = 'person' and personal ->> 'actor' = any ($1)
                      limit $2)",
        &[(&actors, Type::TEXT_ARRAY), (&limit, Type::INT8)],
    )
    .await
}

/// Records that entries were emptied, and why.
pub(crate) async fn note(db: &Transaction<'_>, why: &str, entries: u64) -> Result<(), Error> {
    if entries == 0 {
        return Ok(());
    }
    let entry = Entry {
        action: EMPTYING,
        subject_kind: "audit",
        subject: why,
        detail: json!({"entries": entries}),
    };
    record(db, &Actor::process(), &entry).await
}

/// Empties old entries, and returns how many.
pub(super) async fn old(db: &Transaction<'_>) -> Result<u64, Error> {
    let entries = db.execute_typed(OLD, &[(&BATCH, Type::INT8)]).await?;
    note(db, "age", entries).await?;
    Ok(entries)
}

/// Empties entries that the erasure of whoever did it has left: those of a batch whose person is gone, and at most as
/// many as a statement empties of the people whose erasure is in the batch. Returns whether these have more.
pub(super) async fn late(
    db: &Transaction<'_>,
    batch: &[Uuid],
    erased: &[String],
) -> Result<bool, Error> {
    let of_batch = db
        .execute_typed(
            "update people.audit set personal = null, salt = null
             where id = any ($1) and actor_kind = 'person' and personal is not null
               and not exists (select from people.person where person.id::text = personal ->> 'actor')",
            &[(&batch, Type::UUID_ARRAY)],
        )
        .await?;
    let of_erased = match erased.is_empty() {
        true => 0,
        false => of_actors(db, erased, BATCH).await?,
    };
    note(db, "erasure", of_batch + of_erased).await?;
    Ok(of_erased as i64 == BATCH)
}
