//! Everything that is derived from a message of the log: whatever changes or removes a message goes
//! through this list.
//!
//! An edit, a deletion, an expiry or an erasure inserts the id of the message into `conversation.edited`
//! in its own transaction. [`renew`] then brings every copy up to date: as part of the next roll-up, and at
//! the end of an erasure or an expiry. An erasure also removes at once what may not wait ([`erase`]), and
//! gets no receipt while a copy of an erased message is left ([`orphaned`]).

use std::collections::BTreeSet;

use personal::{Counts, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Row, Transaction};
use uuid::Uuid;

use crate::dead_letters::EMPTY_LETTER;
use crate::patterns::{activity, counted};
use crate::rows::{Edited, Recount};
use crate::search::roll_up as search;

/// The number of messages that are renewed at once.
const BATCH: i64 = 20_000;

/// A kind of copy. Each `match` below is exhaustive, so that a new kind can't forget a duty.
#[derive(Clone, Copy, Debug)]
enum Derived {
    /// The n-grams by which search finds the message.
    Search,
    /// The intent and the question as which the message is counted.
    Counted,
    /// The messages, responses, tokens and confidences of its hour.
    Activity,
    /// The dead letter that became the message.
    DeadLetter,
    /// Scores and comments that people and agents gave it.
    Feedback,
    /// What is known of the conversation: the numbers of its placeholders, and its first message.
    Conversation,
}

impl Derived {
    const ALL: [Self; 6] = [
        Self::Search,
        Self::Counted,
        Self::Activity,
        Self::DeadLetter,
        Self::Feedback,
        Self::Conversation,
    ];
}

/// Brings the copies of edited messages up to date: of those that transactions below that id have
/// edited, or without one of those that are gone.
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
                 returning id, robeing_id, is_counted, messages::int8, responses::int8, tokens::int8, confidence,
                           confidences::int8",
                &[(&below, Type::TEXT), (&BATCH, Type::INT8)],
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
        let counted = rows.iter().filter(|row| row.get("is_counted"));
        let changes = counted.map(recount).collect::<Result<Vec<_>, Error>>()?;
        for derived in Derived::ALL {
            match derived {
                Derived::Activity => activity::recount(db, &changes).await?,
                Derived::Search => search::renew(db, &edited).await?,
                Derived::Counted => counted::renew(db, &edited).await?,
                Derived::DeadLetter => {
                    let ids: Vec<Uuid> = edited.iter().map(|it| it.id).collect();
                    empty_letters(db, &ids).await?;
                }
                Derived::Feedback => {
                    let ids: Vec<Uuid> = edited.iter().map(|it| it.id).collect();
                    remove_feedback_of_gone(db, &ids).await?;
                }
                // The other messages of the conversation still need both.
                Derived::Conversation => {}
            }
        }
        if (edited.len() as i64) < BATCH {
            return Ok(());
        }
    }
}

fn recount(row: &Row) -> Result<(Uuid, Recount), Error> {
    let change = Recount {
        messages: row.try_get("messages")?,
        responses: row.try_get("responses")?,
        tokens: row.try_get("tokens")?,
        confidence: row.try_get("confidence")?,
        confidences: row.try_get("confidences")?,
    };
    Ok((row.try_get("id")?, change))
}

/// A message that is being erased.
pub(crate) struct Erased {
    pub(crate) id: Uuid,
    pub(crate) robeing_id: String,
    /// Identify the conversation, as placeholders are numbered.
    pub(crate) placeholders: Vec<Uuid>,
    /// Identify the conversation as it is counted, where the speaker is a part of that.
    pub(crate) threads: Vec<Uuid>,
}

/// Erases the copies of messages that are being erased, and counts them. What only a roll-up can remove is
/// written down for [`renew`]. Of a robeing that is erased as a whole, the conversations go with the rest.
pub(crate) async fn erase(
    db: &Transaction<'_>,
    messages: &[Erased],
    is_of_person: bool,
    counts: &mut Counts,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = messages.iter().map(|it| it.id).collect();
    for derived in Derived::ALL {
        match derived {
            Derived::Search => {
                let robeings: Vec<&str> = messages.iter().map(|it| &*it.robeing_id).collect();
                db.execute_typed(
                    "insert into conversation.edited (id, robeing_id)
                     select * from unnest($1::uuid[], $2::text[])",
                    &[(&ids, Type::UUID_ARRAY), (&robeings, Type::TEXT_ARRAY)],
                )
                .await?;
            }
            Derived::Counted if is_of_person => {
                // A question that others asked as well stays, asked less often.
                let uncounted = counted::uncount(db, &ids).await?;
                count(counts, "conversation.question", uncounted.questions);
                count(counts, "conversation.intent", uncounted.intents);
            }
            Derived::DeadLetter => {
                let letters = empty_letters(db, &ids).await?;
                count(counts, "conversation.dead_letter", letters);
            }
            Derived::Feedback => {
                let gone = db
                    .execute_typed(
                        "delete from conversation.feedback where message_id = any ($1)",
                        &[(&ids, Type::UUID_ARRAY)],
                    )
                    .await?;
                count(counts, "conversation.feedback", gone);
            }
            Derived::Conversation if is_of_person => {
                erase_conversations(db, messages, counts).await?;
            }
            // How much was said, and when, stays.
            Derived::Counted | Derived::Activity | Derived::Conversation => {}
        }
    }
    Ok(())
}

/// Counts the copies of erased messages that are left, by table. Whose they were can't be told any more,
/// since the messages are empty.
pub(crate) async fn orphaned(
    db: &Transaction<'_>,
    robeings: Option<&[String]>,
) -> Result<Counts, Error> {
    let mut counts = Counts::new();
    for derived in Derived::ALL {
        let (table, copies) = match derived {
            Derived::Search => (
                "conversation.search_tail",
                "select count(*)
                 from conversation.log
                 join conversation.search_tail as copy
                     on copy.id = log.id and copy.robeing_id = log.robeing_id
                 where log.erased_at is not null
                   and ($1::text[] is null or log.robeing_id = any ($1))",
            ),
            Derived::Counted => (
                "conversation.counted",
                "select count(*)
                 from conversation.log
                 join conversation.counted as copy
                     on copy.id = log.id and copy.robeing_id = log.robeing_id
                 where log.erased_at is not null
                   and ($1::text[] is null or log.robeing_id = any ($1))",
            ),
            Derived::DeadLetter => (
                "conversation.dead_letter",
                "select count(*)
                 from conversation.log
                 join conversation.dead_letter as copy
                     on copy.message_id = log.id and copy.robeing_id = log.robeing_id
                 where log.erased_at is not null
                   and copy.erased_at is null
                   and ($1::text[] is null or log.robeing_id = any ($1))",
            ),
            Derived::Feedback => (
                "conversation.feedback",
                "select count(*)
                 from conversation.log
                 join conversation.feedback as copy
                     on copy.message_id = log.id and copy.robeing_id = log.robeing_id
                 where log.erased_at is not null
                   and ($1::text[] is null or log.robeing_id = any ($1))",
            ),
            // Counts of an hour name no message, and an erased message names no conversation any more.
            Derived::Activity | Derived::Conversation => continue,
        };
        let row = db
            .query_typed_one(copies, &[(&robeings, Type::TEXT_ARRAY)])
            .await?;
        let copies: i64 = row.try_get(0)?;
        count(&mut counts, table, copies.unsigned_abs());
    }
    Ok(counts)
}

async fn empty_letters(db: &Transaction<'_>, messages: &[Uuid]) -> Result<u64, Error> {
    db.execute_typed(
        &format!(
            "update conversation.dead_letter set {EMPTY_LETTER}
             where message_id = any ($1) and erased_at is null"
        ),
        &[(&messages, Type::UUID_ARRAY)],
    )
    .await
}

/// Feedback follows its message: on one that was deleted or has expired it is removed, and on one that was edited it
/// stays.
async fn remove_feedback_of_gone(db: &Transaction<'_>, messages: &[Uuid]) -> Result<(), Error> {
    db.execute_typed(
        "delete from conversation.feedback
         where message_id = any ($1)
           and not exists (
               select from conversation.log
               where log.id = feedback.message_id and log.deleted_at is null)",
        &[(&messages, Type::UUID_ARRAY)],
    )
    .await?;
    Ok(())
}

/// Placeholders are numbered by digests of what people wrote, and a conversation without a thread is
/// identified by who speaks.
async fn erase_conversations(
    db: &Transaction<'_>,
    messages: &[Erased],
    counts: &mut Counts,
) -> Result<(), Error> {
    let placeholders: BTreeSet<Uuid> = messages
        .iter()
        .flat_map(|it| &it.placeholders)
        .copied()
        .collect();
    let threads: BTreeSet<Uuid> = messages
        .iter()
        .flat_map(|it| &it.threads)
        .copied()
        .collect();
    let placeholders: Vec<Uuid> = placeholders.into_iter().collect();
    let gone = db
        .execute_typed(
            "delete from conversation.placeholder where conversation = any ($1)",
            &[(&placeholders, Type::UUID_ARRAY)],
        )
        .await?;
    count(counts, "conversation.placeholder", gone);
    let threads: Vec<Uuid> = threads.into_iter().collect();
    let gone = db
        .execute_typed(
            "delete from conversation.thread where conversation = any ($1)",
            &[(&threads, Type::UUID_ARRAY)],
        )
        .await?;
    count(counts, "conversation.thread", gone);
    Ok(())
}
