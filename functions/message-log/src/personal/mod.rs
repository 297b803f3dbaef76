//! What the log holds about a person or a robeing: the duties of [`personal::Owner`].

mod erase;
mod expire;
mod export;
mod feedback;
mod held;
pub mod people;
mod person_id;

use async_trait::async_trait;
use jiff::Timestamp;
use personal::{Counts, Identity, Owner, Purpose, Robeings, Step, Subject, Table};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use crate::derived;
use crate::roll_up::WATERMARK;

pub use person_id::{PersonId, PersonIds};

const TABLES: [Table; 19] = [
    Table::personal(
        "conversation.log",
        &["user_id", "slack_user_id", "robeing_id"],
    ),
    Table::personal(
        "conversation.slack_user",
        &["user_id", "slack_user_id", "earlier_user_ids"],
    ),
    Table::personal("conversation.dead_letter", &["robeing_id"]),
    Table::personal(
        "conversation.feedback",
        &["user_id", "slack_user_id", "slack_names", "robeing_id"],
    ),
    Table::personal("conversation.placeholder", &["robeing_id", "conversation"]),
    Table::personal("conversation.thread", &["robeing_id", "conversation"]),
    Table::personal("conversation.activity", &["robeing_id"]),
    Table::personal("conversation.counted", &["robeing_id"]),
    Table::personal("conversation.intent", &["robeing_id"]),
    Table::personal("conversation.question", &["robeing_id"]),
    Table::personal("conversation.search_tail", &["robeing_id"]),
    Table::personal("conversation.search_segment", &["robeing_id"]),
    Table::personal("conversation.edited", &["robeing_id"]),
    Table::free(
        "conversation.search_posting",
        "hashes of two letters; a posting is reached only by way of its segment, and goes with it",
    ),
    Table::free(
        "conversation.ingest_key",
        "digests of event ids, which identify no person",
    ),
    Table::free("conversation.watermark", "how far the log is rolled up"),
    Table::free("conversation.cluster", "the identifier of the cluster"),
    Table::free("conversation.closed_month", "months"),
    Table::free("conversation.outdated_day", "days"),
];

/// The condition under which a name in Slack is the person's, with [`personal::Person::names`] as $1 to $3.
/// It includes a name that arrived after the ids were resolved.
const NAME_IS_OF_PERSON: &str =
    "(user_id = any ($1) or slack_user_id = any ($2) and user_id <> all ($3))";

/// The condition under which a dead letter is the subject's, with the robeing,
/// [`Subject::id_patterns`], the robeings in reach and [`personal::Person::namesakes`] as $1 to $4. A dead letter that
/// belongs to no robeing may still name the one that it was for. One with a namesake's `user_id` is the namesake's.
/// A dismissed one has no body, but the reason may name a person, and the admin is one.
const LETTER_IS_OF_SUBJECT: &str = "
    (erased_at is null or dismissed_by is not null)
    and ($3::text[] is null or robeing_id = any ($3))
    and lower(replace(coalesce(body ->> 'user_id', ''), '-', '')) not in (
        select replace(id::text, '-', '') from unnest($4::uuid[]) as id)
    and (robeing_id = $1
         or robeing_id is null and body ->> 'robeing_id' = $1
         or lower(body::text) ~ any ($2::text[])
         or dismissed_by is not null
             and (lower(to_jsonb(reason)::text) ~ any ($2::text[])
                  or lower(to_jsonb(dismissed_by)::text) ~ any ($2::text[])))";

/// The log as an owner of personal data.
#[derive(Clone, Copy, Debug)]
pub struct Conversations;

#[async_trait]
impl Owner for Conversations {
    fn name(&self) -> &'static str {
        "message-log"
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    async fn held(&self, db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
        held::held(db, subject).await
    }

    async fn orphaned_copies(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
    ) -> Result<Counts, Error> {
        derived::orphaned(db, subject.robeings.as_deref()).await
    }

    fn beyond_scope(&self, subject: &Subject) -> &'static [&'static str] {
        if subject.robeings.is_none() {
            return &[];
        }
        match subject.identity {
            Identity::Person(_) => &[
                "conversation.slack_user",
                "conversation.dead_letter without a robeing",
            ],
            // One that was sent by somebody who may not see the robeing.
            Identity::Robeing(_) => &["conversation.dead_letter without a robeing"],
        }
    }

    async fn erase(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Counts>, Error> {
        erase::step(db, subject, after).await
    }

    async fn export(
        &self,
        db: &Transaction<'_>,
        subject: &Subject,
        after: Uuid,
    ) -> Result<Step<Vec<String>>, Error> {
        export::step(db, subject, after).await
    }

    async fn expire(
        &self,
        db: &Transaction<'_>,
        robeings: Robeings<'_>,
        before: Timestamp,
        after: Uuid,
    ) -> Result<Step<Counts>, Error> {
        expire::step(db, robeings, before, after).await
    }

    async fn expire_by_age(&self, db: &Transaction<'_>, now: Timestamp) -> Result<Counts, Error> {
        expire::by_age(db, now).await
    }

    /// Whether search and patterns have all rows of the transactions up to `xid`.
    async fn has_derived(&self, db: &Transaction<'_>, xid: &str) -> Result<bool, Error> {
        WATERMARK.has_passed(db, xid).await
    }
}

/// The ids of the subject's next rows after `after`, in order: of a person the rows that name them, of a
/// robeing the rows that still hold something.
async fn next_ids(
    db: &Transaction<'_>,
    subject: &Subject,
    purpose: Purpose,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Uuid>, Error> {
    let rows = match &subject.identity {
        Identity::Person(person) => {
            let mut values = person.values().to_vec();
            values.extend([
                (&after as _, Type::UUID),
                (&subject.robeings as _, Type::TEXT_ARRAY),
                (&limit as _, Type::INT8),
            ]);
            let sql = format!(
                "select id
                 from conversation.log
                 where user_id = any ($1)
                   and id > $6
                   and ($7::text[] is null or robeing_id = any ($7))
                 union
                 select id
                 from conversation.log
                 where {}
                   and id > $6
                   and ($7::text[] is null or robeing_id = any ($7))
                 order by id
                 limit $8",
                purpose.condition()
            );
            db.query_typed(&sql, &values).await?
        }
        Identity::Robeing(robeing_id) => {
            db.query_typed(
                "select id
                 from conversation.log
                 where robeing_id = $1
                   and id > $2
                   and ($3::text[] is null or robeing_id = any ($3))
                   and erased_at is null
                 order by id
                 limit $4",
                &[
                    (robeing_id, Type::TEXT),
                    (&after, Type::UUID),
                    (&subject.robeings, Type::TEXT_ARRAY),
                    (&limit, Type::INT8),
                ],
            )
            .await?
        }
    };
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// The answers to these rows that name no person: an answer may repeat what the person said. Each as the
/// id of the row that it answers, and its own.
async fn answers_to(
    db: &Transaction<'_>,
    subject: &Subject,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Uuid)>, Error> {
    let rows = db
        .query_typed(
            "select asked.id as reply_to, answer.id
             from conversation.log as answer
             join conversation.log as asked
                 on asked.id = answer.reply_to and asked.robeing_id = answer.robeing_id
             where answer.reply_to = any ($1)
               and answer.user_id is null
               and answer.slack_user_id is null
               and answer.erased_at is null
               and ($2::text[] is null or answer.robeing_id = any ($2))
             order by asked.id, answer.id",
            &[
                (&ids, Type::UUID_ARRAY),
                (&subject.robeings, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}
