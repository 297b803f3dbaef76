//! The feedback that a person gave. Feedback on a message goes with the message: see [`crate::derived`].

use jiff::{SignedDuration, Timestamp};
use personal::{Person, Subject};
use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

/// Slack repeats an event within hours. Until then, a reaction waits for its message, and a removed one is remembered.
const UNSETTLED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The condition under which a person gave feedback that an erasure takes, with [`Person::values`], the Slack names of
/// the person and the robeings in reach as $1 to $7. A caller whose name is an id of the person gave feedback that names
/// nobody. See [`personal::Purpose::condition`].
const GIVEN_TO_ERASE: &str = "
    (user_id = any ($1)
     or slack_user_id = any ($2) and (user_id is null or user_id <> all ($3))
        and conversation.is_in_team(slack_names, slack_user_id, $6)
     or user_id is null and slack_names && $6::text[]
     or user_id is null and slack_user_id is null
        and (agent = any ($2)
             or replace(lower(agent), '-', '') in (select replace(id::text, '-', '') from unnest($1) as id)))
    and ($7::text[] is null or robeing_id = any ($7))";
/// The condition under which a person certainly gave feedback, with the same values.
const GIVEN_TO_EXPORT: &str = "
    (user_id = any ($1)
     or slack_user_id = any ($2) and slack_user_id <> all ($4) and (user_id is null or user_id = any ($5))
        and conversation.is_in_team(slack_names, slack_user_id, $6)
     or user_id is null and slack_names && $6::text[]
     or user_id is null and slack_user_id is null
        and (agent = any ($2) and agent <> all ($4)
             or replace(lower(agent), '-', '') in (select replace(id::text, '-', '') from unnest($1) as id)))
    and ($7::text[] is null or robeing_id = any ($7))";
/// The condition under which the person is the caller who sent another person's feedback, with the same values.
const SENT_FOR_OTHERS: &str = "
    (user_id is not null or slack_user_id is not null)
    and (agent = any ($2)
         or replace(lower(agent), '-', '') in (select replace(id::text, '-', '') from unnest($1) as id))
    and ($7::text[] is null or robeing_id = any ($7))";

/// The number of rows that the person gave, or sent as a caller.
pub async fn held(db: &Transaction<'_>, subject: &Subject, person: &Person) -> Result<u64, Error> {
    let sql = format!(
        "select count(*) from conversation.feedback where {GIVEN_TO_ERASE} or {SENT_FOR_OTHERS}"
    );
    let row = db
        .query_typed_one(&sql, &values(person, &subject.robeings))
        .await?;
    let count: i64 = row.try_get(0)?;
    Ok(count.unsigned_abs())
}

/// Removes the rows that the person gave, and returns how many. Slack may deliver the reactions of the last day again:
/// their rows are emptied, and are deleted when they are a day old. The feedback that the person sent for others stays,
/// without the name of the caller.
pub async fn erase(db: &Transaction<'_>, subject: &Subject, person: &Person) -> Result<u64, Error> {
    let emptied = format!(
        "update conversation.feedback
         set value = null, comment = null, reaction = null, user_id = null, slack_user_id = null, slack_names = null,
             agent = null, removed_at = now(), given_at = greatest(given_at, now())
         where source = 'slack' and given_at > now() - interval '1 day' and {GIVEN_TO_ERASE}"
    );
    let deleted = format!("delete from conversation.feedback where {GIVEN_TO_ERASE}");
    let of_others =
        format!("update conversation.feedback set agent = null where {SENT_FOR_OTHERS}");
    let mut count = 0;
    for sql in [emptied, deleted, of_others] {
        let values = values(person, &subject.robeings);
        count += db.execute_typed(&sql, &values).await?;
    }
    Ok(count)
}

/// A row as a line of an export, without the names of callers.
const LINE: &str = "(jsonb_build_object('table', 'conversation.feedback') || to_jsonb(feedback) - '{key,agent,is_pending}'::text[])::text";

/// Exports what a person gave.
pub async fn export_of_person(
    db: &Transaction<'_>,
    subject: &Subject,
    person: &Person,
) -> Result<Vec<String>, Error> {
    let sql =
        format!("select {LINE} from conversation.feedback where {GIVEN_TO_EXPORT} order by id");
    let rows = db
        .query_typed(&sql, &values(person, &subject.robeings))
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Exports the feedback on messages of a robeing after `after`, up to `last` if there is one: there may be very much.
pub async fn export_of_robeing(
    db: &Transaction<'_>,
    subject: &Subject,
    after: Uuid,
    last: Option<Uuid>,
) -> Result<Vec<String>, Error> {
    let Some(robeing_id) = subject.robeing_in_reach() else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "select {LINE}
         from conversation.feedback
         where robeing_id = $1 and message_id > $2 and ($3::uuid is null or message_id <= $3)
         order by message_id, id"
    );
    let rows = db
        .query_typed(
            &sql,
            &[
                (robeing_id, Type::TEXT),
                (&after, Type::UUID),
                (&last, Type::UUID),
            ],
        )
        .await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

/// Deletes some of the reactions whose message did not arrive within a day, and of those that were removed.
pub async fn expire(db: &Transaction<'_>, now: Timestamp, limit: i64) -> Result<u64, Error> {
    let before = now
        .saturating_sub(UNSETTLED_FOR)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    db.execute_typed(
        "update conversation.feedback
         set is_pending = false
         where is_pending
           and given_at < $1
           and exists (
               select from conversation.log
               where log.id = feedback.message_id and log.deleted_at is null)",
        &[(&before, Type::TIMESTAMPTZ)],
    )
    .await?;
    db.execute_typed(
        "delete from conversation.feedback
         where id in (
             select id from conversation.feedback
             where given_at < $1 and (is_pending or removed_at is not null)
             limit $2)",
        &[(&before, Type::TIMESTAMPTZ), (&limit, Type::INT8)],
    )
    .await
}

fn values<'a>(
    person: &'a Person,
    robeings: &'a Option<Vec<String>>,
) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    let mut values = person.values().to_vec();
    values.extend([
        (&person.slack_names as _, Type::TEXT_ARRAY),
        (robeings as _, Type::TEXT_ARRAY),
    ]);
    values
}
