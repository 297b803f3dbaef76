//! The feedback that a person gave. Feedback on a message goes with the message: see [`crate::derived`].

use std::pin::pin;

use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use personal::{Identity, Person, Subject};
use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::export::{BYTES, ROWS};

/// Slack repeats an event within hours. Until then, a reaction waits for its message, and a removed one is remembered.
const UNSETTLED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Whether the name of the caller is an id of the person, with [`Person::values`] as $1 to $5. A `user_id` has several
/// spellings.
const IS_CALLER: &str = "
    (agent_key = any (array(select replace(id::text, '-', '') from unnest($1) as id))
     or agent_key = any (array(select replace(lower(id), '-', '') from unnest($2) as id)) and agent = any ($2))";
/// As [`IS_CALLER`], without the Slack ids that other people have as well.
const IS_CERTAINLY_CALLER: &str = "
    (agent_key = any (array(select replace(id::text, '-', '') from unnest($1) as id))
     or agent_key = any (array(select replace(lower(id), '-', '') from unnest($2) as id))
        and agent = any ($2) and agent <> all ($4))";
/// The Slack ids in the names of the person, by which an index finds the feedback with one of the names.
const NAMED: &str =
    "slack_user_id = any (array(select split_part(name, ':', 2) from unnest($6) as name))";

/// The condition under which a person gave feedback that an erasure takes, with [`Person::values`], the Slack names of
/// the person and the robeings in reach as $1 to $7. A caller whose name is an id of the person gave feedback that names
/// nobody. A reaction of no known team can be that of a person in any team. See [`personal::Purpose::condition`].
fn given_to_erase() -> String {
    format!(
        "(user_id = any ($1)
          or slack_user_id = any ($2) and (user_id is null or user_id <> all ($3))
             and conversation.is_in_team(slack_names, slack_user_id, $6)
          or user_id is null and {NAMED}
             and (slack_names && $6::text[] or slack_names is null and source = 'slack')
          or user_id is null and slack_user_id is null and {IS_CALLER})
         and ($7::text[] is null or robeing_id = any ($7))"
    )
}

/// The condition under which a person certainly gave feedback, with the same values.
fn given_to_export() -> String {
    format!(
        "(user_id = any ($1)
          or slack_user_id = any ($2) and slack_user_id <> all ($4) and (user_id is null or user_id = any ($5))
             and conversation.is_in_team(slack_names, slack_user_id, $6)
          or user_id is null and {NAMED} and slack_names && $6::text[]
          or user_id is null and slack_user_id is null and {IS_CERTAINLY_CALLER})
         and ($7::text[] is null or robeing_id = any ($7))"
    )
}

/// The condition under which the person is the caller who sent another person's feedback, with the same values.
fn sent_for_others() -> String {
    format!(
        "(user_id is not null or slack_user_id is not null) and {IS_CALLER}
         and ($7::text[] is null or robeing_id = any ($7))"
    )
}

/// The number of rows that the person gave, or sent as a caller.
pub async fn held(db: &Transaction<'_>, subject: &Subject, person: &Person) -> Result<u64, Error> {
    let (given, of_others) = (given_to_erase(), sent_for_others());
    let sql = format!("select count(*) from conversation.feedback where {given} or {of_others}");
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
    let (given, for_others) = (given_to_erase(), sent_for_others());
    let emptied = format!(
        "update conversation.feedback
         set value = null, comment = null, reaction = null, user_id = null, slack_user_id = null, slack_names = null,
             agent = null, removed_at = now(), given_at = greatest(given_at, now())
         where source = 'slack' and given_at > now() - interval '1 day' and {given}"
    );
    let deleted = format!("delete from conversation.feedback where {given}");
    let of_others = format!("update conversation.feedback set agent = null where {for_others}");
    let mut count = 0;
    for sql in [emptied, deleted, of_others] {
        let values = values(person, &subject.robeings);
        count += db.execute_typed(&sql, &values).await?;
    }
    Ok(count)
}

/// A row as a line of an export, without the names of callers.
const LINE: &str = "(jsonb_build_object('table', 'conversation.feedback') || to_jsonb(feedback) - '{key,agent,agent_key,is_pending}'::text[])::text";

/// A part of an export.
pub struct Page {
    /// The lines of the export, each with the message that its feedback is on, in the order of the messages.
    pub lines: Vec<(Uuid, String)>,
    /// The last message of the page, if there may be feedback on later ones.
    pub next: Option<Uuid>,
}

/// Exports what a person gave, or the feedback on messages of a robeing: on the next messages after `after`, up to `last`
/// if there is one. All feedback on a message is on one page.
pub async fn export(
    db: &Transaction<'_>,
    subject: &Subject,
    after: Uuid,
    last: Option<Uuid>,
) -> Result<Page, Error> {
    let (condition, mut values) = match (&subject.identity, subject.robeing_in_reach()) {
        (Identity::Person(person), _) => (given_to_export(), values(person, &subject.robeings)),
        (Identity::Robeing(_), Some(robeing_id)) => (
            "robeing_id = $1".to_owned(),
            vec![(robeing_id as _, Type::TEXT)],
        ),
        (Identity::Robeing(_), None) => {
            return Ok(Page {
                lines: Vec::new(),
                next: None,
            });
        }
    };
    let n = values.len();
    let from = format!(
        "from conversation.feedback
         where ({condition})
           and message_id > ${} and (${}::uuid is null or message_id <= ${})",
        n + 1,
        n + 2,
        n + 2
    );
    values.extend([(&after as _, Type::UUID), (&last as _, Type::UUID)]);
    let cut = format!("select message_id {from} order by message_id offset {ROWS} limit 1");
    let cut = db.query_typed_opt(&cut, &values).await?;
    let cut: Option<Uuid> = cut.map(|row| row.try_get(0)).transpose()?;
    let last = cut.or(last);
    values.truncate(n + 1);
    values.push((&last as _, Type::UUID));
    let sql = format!("select message_id, {LINE} {from} order by message_id, id");
    let mut rows = pin!(db.query_typed_raw(&sql, values).await?);
    let (mut lines, mut bytes): (Vec<(Uuid, String)>, usize) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        let message_id: Uuid = row.try_get(0)?;
        if let Some((before, _)) = lines.last().filter(|_| bytes > BYTES)
            && *before != message_id
        {
            let next = Some(*before);
            return Ok(Page { lines, next });
        }
        let line: String = row.try_get(1)?;
        bytes += line.len();
        lines.push((message_id, line));
    }
    Ok(Page { lines, next: cut })
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
