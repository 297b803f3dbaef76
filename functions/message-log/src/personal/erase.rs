//! Taken out: rows are emptied and stay, so that the same event, delivered again, is a repeat.

use std::collections::BTreeSet;

use jiff::Timestamp;
use platform::postgres::types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::{Counts, LETTER_IS_THEIRS, NAME_IS_THEIRS, Subject, Whose, answers_to, next_ids};
use crate::dead_letters::EMPTY_LETTER;
use crate::identity::digest;
use crate::roll_up::{conversation_of, counted, renew, search};

/// Rows a transaction.
const ROWS: i64 = 5_000;

/// What is all a robeing's, beside its log.
pub(super) const OF_A_ROBEING: [&str; 9] = [
    "conversation.placeholder",
    "conversation.thread",
    "conversation.activity",
    "conversation.counted",
    "conversation.intent",
    "conversation.question",
    "conversation.search_segment",
    "conversation.search_tail",
    "conversation.edited",
];

/// What one step did.
pub struct Erased {
    pub rows: Counts,
    /// Where the next step begins; none where this was the last.
    pub next: Option<Uuid>,
}

struct Row {
    id: Uuid,
    robeing_id: String,
    channel_id: Option<String>,
    thread_ts: Option<String>,
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    created_at: Timestamp,
    /// Whether it is in what search and patterns are answered from.
    is_rolled_up: bool,
    /// Whether its month is closed: then it can go, and can't be changed.
    is_closed: bool,
}

/// The next rows after `after`, and after the last of them what is not in the log. The transaction
/// is the caller's, with [`Whose::scope`]; no roll-up runs until it ends.
pub async fn step(
    db: &Transaction<'_>,
    whose: &Whose,
    after: Uuid,
) -> Result<Erased, tokio_postgres::Error> {
    // What is being rolled up now could add again what is taken out here.
    db.query_typed(
        "select from conversation.watermark where name = 'message-log' for update",
        &[],
    )
    .await?;
    let own = next_ids(db, whose, after, ROWS).await?;
    let mut ids = own.clone();
    if matches!(whose.subject, Subject::Person(_)) {
        let answers = answers_to(db, whose, &own).await?;
        ids.extend(answers.into_iter().map(|(_, answer)| answer));
        ids.sort_unstable();
        ids.dedup();
    }
    let mut counts = Counts::new();
    let rows = read(db, &ids).await?;
    empty(db, &rows, &mut counts).await?;
    if matches!(whose.subject, Subject::Person(_)) {
        forget_conversations(db, &rows, &mut counts).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        // A question that others asked as well stays, asked less often.
        let counted = counted::forget(db, &ids).await?;
        add(&mut counts, "conversation.question", counted.questions);
        add(&mut counts, "conversation.intent", counted.intents);
    }
    let is_last = (own.len() as i64) < ROWS;
    if is_last {
        forget_rest(db, whose, &mut counts).await?;
        renew(db, None).await?;
    }
    counts.retain(|_, count| *count > 0);
    Ok(Erased {
        rows: counts,
        next: own.last().copied().filter(|_| !is_last),
    })
}

async fn read(db: &Transaction<'_>, ids: &[Uuid]) -> Result<Vec<Row>, tokio_postgres::Error> {
    let rows = db
        .query_typed(
            "select id, robeing_id, channel_id, thread_ts, user_id, slack_user_id, created_at,
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
                created_at: row.try_get("created_at")?,
                is_rolled_up: row.try_get("is_rolled_up")?,
                is_closed: row.try_get("is_closed")?,
            })
        })
        .collect()
}

async fn empty(
    db: &Transaction<'_>,
    rows: &[Row],
    counts: &mut Counts,
) -> Result<(), tokio_postgres::Error> {
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
                 edited_at = null, edit_order = null,
                 deleted_at = coalesce(deleted_at, now()), erased_at = now()
             where id = any ($1)",
            &[(&open, Type::UUID_ARRAY)],
        )
        .await?;
    // No event comes in for a closed month any more, so nothing has to stand in its way.
    let deleted = db
        .execute_typed(
            "delete from conversation.log where id = any ($1)",
            &[(&closed, Type::UUID_ARRAY)],
        )
        .await?;
    // What search knows of them goes with the last step.
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let robeings: Vec<&str> = rows.iter().map(|row| row.robeing_id.as_str()).collect();
    db.execute_typed(
        "insert into conversation.edited (id, robeing_id)
         select * from unnest($1::uuid[], $2::text[])",
        &[(&ids, Type::UUID_ARRAY), (&robeings, Type::TEXT_ARRAY)],
    )
    .await?;
    // A dead letter that became one of them, as it was kept.
    let letters = db
        .execute_typed(
            &format!(
                "update conversation.dead_letter set {EMPTY_LETTER}
                 where message_id = any ($1) and erased_at is null"
            ),
            &[(&ids, Type::UUID_ARRAY)],
        )
        .await?;
    add(counts, "conversation.dead_letter", letters);
    let found = rows.iter().filter(|row| row.is_rolled_up).count() as u64;
    add(counts, "conversation.log", emptied + deleted);
    add(counts, "conversation.search", found);
    Ok(())
}

/// Placeholders are numbered by digests of what people wrote, and a conversation without a thread is
/// told by who speaks.
async fn forget_conversations(
    db: &Transaction<'_>,
    rows: &[Row],
    counts: &mut Counts,
) -> Result<(), tokio_postgres::Error> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let placeholders: BTreeSet<Uuid> = rows
        .iter()
        .map(|row| {
            Uuid::from_bytes(digest(&[
                &row.robeing_id,
                &text(&row.channel_id),
                &text(&row.thread_ts),
            ]))
        })
        .collect();
    let threads: BTreeSet<Uuid> = rows
        .iter()
        .filter(|row| text(&row.thread_ts).is_empty())
        .map(|row| {
            conversation_of(
                &row.robeing_id,
                row.channel_id.as_deref(),
                None,
                row.user_id,
                row.slack_user_id.as_deref(),
                row.created_at,
            )
        })
        .collect();
    for (table, ids) in [
        ("conversation.placeholder", placeholders),
        ("conversation.thread", threads),
    ] {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let sql = format!("delete from {table} where conversation = any ($1)");
        let gone = db.execute_typed(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        add(counts, table, gone);
    }
    Ok(())
}

async fn forget_rest(
    db: &Transaction<'_>,
    whose: &Whose,
    counts: &mut Counts,
) -> Result<(), tokio_postgres::Error> {
    // Those that were replayed while their message was erased.
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
    add(counts, "conversation.dead_letter", late);
    let robeing_id = match &whose.subject {
        Subject::Person(_) => None,
        Subject::Robeing(robeing_id) => Some(robeing_id),
    };
    let letters = db
        .execute_typed(
            &format!("update conversation.dead_letter set {EMPTY_LETTER} where {LETTER_IS_THEIRS}"),
            &[
                (&robeing_id, Type::TEXT),
                (&whose.quoted(), Type::TEXT_ARRAY),
                (&whose.robeings, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    add(counts, "conversation.dead_letter", letters);
    if let (Subject::Person(person), None) = (&whose.subject, &whose.robeings) {
        let names = db
            .execute_typed(
                &format!("delete from conversation.slack_user where {NAME_IS_THEIRS}"),
                &person.ids(),
            )
            .await?;
        add(counts, "conversation.slack_user", names);
    }
    if let Some(robeing_id) = robeing_id {
        search::forget_postings(db, robeing_id, whose.robeings.as_deref()).await?;
        for table in OF_A_ROBEING {
            let sql = format!(
                "delete from {table}
                 where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2))"
            );
            let values = [
                (robeing_id as _, Type::TEXT),
                (&whose.robeings as _, Type::TEXT_ARRAY),
            ];
            add(counts, table, db.execute_typed(&sql, &values).await?);
        }
    }
    Ok(())
}

fn add(counts: &mut Counts, table: &str, rows: u64) {
    *counts.entry(table.to_owned()).or_default() += rows;
}
