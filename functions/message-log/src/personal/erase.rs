//! Erasure: rows are emptied and stay, so that the same event, delivered again, is recognized as a
//! repeat.

use jiff::Timestamp;
use personal::{Counts, Purpose, Step, Subject, count};
use platform::postgres::types::Type;
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{LETTER_IS_OF_SUBJECT, NAME_IS_OF_PERSON, answers_to, feedback, next_ids};
use crate::dead_letters::EMPTY_LETTER;
use crate::derived::{self, Erased};
use crate::roll_up::WATERMARK;
use crate::rows::{conversation_of, numbering_of};
use crate::search::roll_up::remove_postings;

/// Rows per transaction.
const ROWS: i64 = 5_000;

/// The tables that hold only rows of robeings, beside the log.
pub(super) const OF_ROBEINGS: [&str; 10] = [
    "conversation.placeholder",
    "conversation.thread",
    "conversation.activity",
    "conversation.counted",
    "conversation.intent",
    "conversation.question",
    "conversation.search_segment",
    "conversation.search_tail",
    "conversation.edited",
    "conversation.feedback",
];

struct Row {
    id: Uuid,
    robeing_id: String,
    channel_id: Option<String>,
    thread_ts: Option<String>,
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    earlier_placeholders: Vec<Uuid>,
    earlier_threads: Vec<Uuid>,
    created_at: Timestamp,
    /// Whether search and patterns know it.
    is_rolled_up: bool,
    /// Whether its month is closed: then the row can be deleted, and can't be changed.
    is_closed: bool,
}

impl Row {
    fn erased(&self) -> Erased {
        let (channel, thread) = (self.channel_id.as_deref(), self.thread_ts.as_deref());
        let mut placeholders = self.earlier_placeholders.clone();
        placeholders.push(numbering_of(&self.robeing_id, channel, thread));
        let mut threads = self.earlier_threads.clone();
        if thread.unwrap_or_default().is_empty() {
            threads.push(conversation_of(
                &self.robeing_id,
                channel,
                None,
                self.user_id,
                self.slack_user_id.as_deref(),
                self.created_at,
            ));
        }
        Erased {
            id: self.id,
            robeing_id: self.robeing_id.clone(),
            placeholders,
            threads,
        }
    }
}

/// Erases the next rows after `after`, and after the last of them what is not in the log. No roll-up
/// runs until the transaction ends.
pub async fn step(
    db: &Transaction<'_>,
    subject: &Subject,
    after: Uuid,
) -> Result<Step<Counts>, Error> {
    // A roll-up that runs now could add again what is removed here.
    WATERMARK.lock(db).await?;
    let is_of_person = subject.person().is_some();
    let own = next_ids(db, subject, Purpose::Erase, after, ROWS).await?;
    let mut ids = own.clone();
    if is_of_person {
        let answers = answers_to(db, subject, &own).await?;
        ids.extend(answers.into_iter().map(|(_, answer)| answer));
        ids.sort_unstable();
        ids.dedup();
    }
    let mut counts = Counts::new();
    let rows = read(db, &ids).await?;
    empty(db, &rows, &mut counts).await?;
    let messages: Vec<Erased> = rows.iter().map(Row::erased).collect();
    derived::erase(db, &messages, is_of_person, &mut counts).await?;
    let is_last = (own.len() as i64) < ROWS;
    if is_last {
        erase_rest(db, subject, &mut counts).await?;
        derived::renew(db, None).await?;
    }
    Ok(Step {
        done: counts,
        next: own.last().copied().filter(|_| !is_last),
    })
}

async fn read(db: &Transaction<'_>, ids: &[Uuid]) -> Result<Vec<Row>, Error> {
    let rows = db
        .query_typed(
            "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id, created_at,
                    coalesce(earlier_placeholders, '{}') as earlier_placeholders,
                    coalesce(earlier_threads, '{}') as earlier_threads,
                    (xid, id) <= (select xid, after_id from conversation.watermark where name = 'message-log') as is_rolled_up,
                    date_trunc('month', created_at at time zone 'utc')::date
                        in (select month from conversation.closed_month) as is_closed
             from conversation.log
             where id = any ($1)
             order by id
             for update",
            &[(&ids, Type::UUID_ARRAY)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Row {
                id: row.try_get("id")?,
                robeing_id: row.try_get("robeing_id")?,
                channel_id: row.try_get("channel_id")?,
                thread_ts: row.try_get("thread_ts")?,
                user_id: row.try_get("user_id")?,
                slack_user_id: row.try_get("slack_user_id")?,
                earlier_placeholders: row.try_get("earlier_placeholders")?,
                earlier_threads: row.try_get("earlier_threads")?,
                created_at: row.try_get("created_at")?,
                is_rolled_up: row.try_get("is_rolled_up")?,
                is_closed: row.try_get("is_closed")?,
            })
        })
        .collect()
}

async fn empty(db: &Transaction<'_>, rows: &[Row], counts: &mut Counts) -> Result<(), Error> {
    let (closed, open): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_closed);
    let ids = |rows: &[&Row]| -> Vec<Uuid> { rows.iter().map(|row| row.id).collect() };
    let (closed, open) = (ids(&closed), ids(&open));
    let emptied = db
        .execute_typed(
            "update conversation.log
             set message = null, response = null, parts = null, intent = null, confidence = null,
                 metadata = '{}', token_count = 0, user_id = null, slack_user_id = null,
                 channel_id = null, channel_type = null, thread_ts = null, reply_to = null,
                 source_event_id = '', content = '00000000-0000-0000-0000-000000000000',
                 edited_at = null, edit_order = null, earlier_placeholders = null, earlier_threads = null,
                 deleted_at = coalesce(deleted_at, now()), erased_at = now()
             where id = any ($1)",
            &[(&open, Type::UUID_ARRAY)],
        )
        .await?;
    // A closed month takes no events, so no row has to stay to recognize a repeat.
    let deleted = db
        .execute_typed(
            "delete from conversation.log where id = any ($1)",
            &[(&closed, Type::UUID_ARRAY)],
        )
        .await?;
    let found = rows.iter().filter(|row| row.is_rolled_up).count() as u64;
    count(counts, "conversation.log", emptied + deleted);
    count(counts, "conversation.search", found);
    Ok(())
}

async fn erase_rest(
    db: &Transaction<'_>,
    subject: &Subject,
    counts: &mut Counts,
) -> Result<(), Error> {
    // Dead letters that were replayed while their message was erased.
    let late = db
        .execute_typed(
            &format!(
                "update conversation.dead_letter set {EMPTY_LETTER}
                 where erased_at is null
                   and message_id in (
                       select id from conversation.log
                       where id = message_id and log.erased_at is not null)"
            ),
            &[],
        )
        .await?;
    count(counts, "conversation.dead_letter", late);
    let robeing_id = subject.robeing();
    let letters = db
        .execute_typed(
            &format!(
                "update conversation.dead_letter set {EMPTY_LETTER} where {LETTER_IS_OF_SUBJECT}"
            ),
            &[
                (&robeing_id, Type::TEXT),
                (&subject.id_patterns(Purpose::Erase), Type::TEXT_ARRAY),
                (&subject.robeings, Type::TEXT_ARRAY),
                (&subject.person().map(|it| &it.namesakes), Type::UUID_ARRAY),
            ],
        )
        .await?;
    count(counts, "conversation.dead_letter", letters);
    if let Some(person) = subject.person() {
        let given = feedback::erase(db, subject, person).await?;
        count(counts, "conversation.feedback", given);
    }
    if let (Some(person), None) = (subject.person(), &subject.robeings) {
        let names = db
            .execute_typed(
                &format!("delete from conversation.slack_user where {NAME_IS_OF_PERSON}"),
                &person.names(),
            )
            .await?;
        let joined = db
            .execute_typed(
                "update conversation.slack_user
                 set earlier_user_ids = array(
                     select id from unnest(earlier_user_ids) as id where id <> all ($1))
                 where earlier_user_ids && $1",
                &[(&person.user_ids, Type::UUID_ARRAY)],
            )
            .await?;
        count(counts, "conversation.slack_user", names + joined);
    }
    if let Some(robeing_id) = robeing_id {
        remove_postings(db, robeing_id, subject.robeings.as_deref()).await?;
        for table in OF_ROBEINGS {
            let sql = format!(
                "delete from {table}
                 where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2))"
            );
            let values = [
                (robeing_id as _, Type::TEXT),
                (&subject.robeings as _, Type::TEXT_ARRAY),
            ];
            count(counts, table, db.execute_typed(&sql, &values).await?);
        }
    }
    Ok(())
}
