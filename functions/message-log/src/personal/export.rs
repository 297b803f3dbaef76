//! Export: each row about a subject as a line of JSON that names its table.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::TryStreamExt as _;
use personal::{Identity, Purpose, Step, Subject};
use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};
use uuid::Uuid;

use super::{LETTER_IS_OF_SUBJECT, answers_to, feedback, next_ids};

/// The rows of a step, and the bytes after which one ends earlier.
pub(super) const ROWS: i64 = 2_000;
pub(super) const BYTES: usize = 4 * 1024 * 1024;

/// Exports the next messages after `after` with their answers, the feedback that the person gave on messages up to the
/// last of them, or that the robeing got, and at the end what is not in the log.
pub async fn step(
    db: &Transaction<'_>,
    subject: &Subject,
    after: Uuid,
) -> Result<Step<Vec<String>>, Error> {
    let mut own = next_ids(db, subject, Purpose::Export, after, ROWS).await?;
    let last = own.last().copied().filter(|_| own.len() as i64 == ROWS);
    let given = feedback::export(db, subject, after, last).await?;
    let last = given.next.or(last);
    own.retain(|id| last.is_none_or(|last| *id <= last));
    let answers = match subject.identity {
        Identity::Person(_) => answers_to(db, subject, &own).await?,
        Identity::Robeing(_) => Vec::new(),
    };
    let mut order: BTreeMap<Uuid, Uuid> = own.iter().map(|id| (*id, *id)).collect();
    for (question, answer) in answers {
        order.entry(answer).or_insert(question);
    }
    let (ids, with): (Vec<Uuid>, Vec<Uuid>) = order.into_iter().unzip();
    let (mut lines, cut_after) = messages(db, &ids, &with).await?;
    let next = cut_after.or(last);
    let given = given.lines.into_iter();
    let given = given.filter(|(message, _)| next.is_none_or(|next| *message <= next));
    lines.extend(given.map(|(_, line)| line));
    if next.is_none() {
        lines.extend(rest(db, subject).await?);
    }
    Ok(Step { done: lines, next })
}

/// Messages, each with the row that it is exported with; if they are too much for a step, the last of those rows.
async fn messages(
    db: &Transaction<'_>,
    ids: &[Uuid],
    with: &[Uuid],
) -> Result<(Vec<String>, Option<Uuid>), Error> {
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&ids, Type::UUID_ARRAY), (&with, Type::UUID_ARRAY)];
    let mut rows = pin!(
        db.query_typed_raw(
            "select (jsonb_build_object('table', 'conversation.log') || to_jsonb(log) - '{xid,content,earlier_placeholders,earlier_threads,is_reply_named}'::text[])::text,
                    wanted.with_id
             from unnest($1::uuid[], $2::uuid[]) as wanted (id, with_id)
             join conversation.log on log.id = wanted.id
             where log.id = any ($1)
             order by wanted.with_id, log.id",
            values.map(|(value, kind)| (value, kind)),
        )
        .await?
    );
    let (mut lines, mut bytes, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.try_next().await? {
        let with: Uuid = row.try_get(1)?;
        if bytes > BYTES && last != Some(with) {
            return Ok((lines, last));
        }
        let line: String = row.try_get(0)?;
        bytes += line.len();
        last = Some(with);
        lines.push(line);
    }
    Ok((lines, None))
}

/// Exports what is not in the log.
async fn rest(db: &Transaction<'_>, subject: &Subject) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let robeing_id = subject.robeing();
    let person = subject.person();
    let rows = db
        .query_typed(
            &format!(
                "select (jsonb_build_object('table', 'conversation.dead_letter') || to_jsonb(letter) - array['key', 'dismissed_by'])::text
                 from conversation.dead_letter as letter
                 where {LETTER_IS_OF_SUBJECT}
                   -- It may name the person, and be another one's.
                   and case
                       when $5::uuid[] is null then true
                       when body ->> 'user_id' is not null
                           then lower(replace(body ->> 'user_id', '-', '')) in (
                                   select replace(id::text, '-', '') from unnest($5) as id)
                               or lower(replace(body ->> 'user_id', '-', '')) in (
                                   select replace(id::text, '-', '') from unnest($8::uuid[]) as id)
                               and body ->> 'slack_user_id' = any ($6) and body ->> 'slack_user_id' <> all ($7)
                       else coalesce(body ->> 'slack_user_id' = any ($6) and body ->> 'slack_user_id' <> all ($7), true)
                   end
                 order by id"
            ),
            &[
                (&robeing_id, Type::TEXT),
                (&subject.id_patterns(Purpose::Export), Type::TEXT_ARRAY),
                (&subject.robeings, Type::TEXT_ARRAY),
                (&person.map(|it| &it.namesakes), Type::UUID_ARRAY),
                (&person.map(|it| &it.user_ids), Type::UUID_ARRAY),
                (&person.map(|it| &it.slack_user_ids), Type::TEXT_ARRAY),
                (&person.map(|it| &it.shared_slack_user_ids), Type::TEXT_ARRAY),
                (&person.map(|it| &it.paired_user_ids), Type::UUID_ARRAY),
            ],
        )
        .await?;
    for row in rows {
        lines.push(row.try_get(0)?);
    }
    if let (Some(person), None) = (subject.person(), &subject.robeings) {
        let rows = db
            .query_typed(
                "select (jsonb_build_object('table', 'conversation.slack_user') || to_jsonb(name))::text
                 from conversation.slack_user as name
                 where user_id = any ($1)
                 order by team_id, slack_user_id",
                &[(&person.user_ids, Type::UUID_ARRAY)],
            )
            .await?;
        for row in rows {
            lines.push(row.try_get(0)?);
        }
    }
    if let Some(robeing_id) = robeing_id {
        for table in ["activity", "intent", "question"] {
            let sql = format!(
                "select (jsonb_build_object('table', 'conversation.{table}') || to_jsonb(counted))::text
                 from conversation.{table} as counted
                 where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2))"
            );
            let values = [
                (robeing_id as _, Type::TEXT),
                (&subject.robeings as _, Type::TEXT_ARRAY),
            ];
            for row in db.query_typed(&sql, &values).await? {
                lines.push(row.try_get(0)?);
            }
        }
    }
    Ok(lines)
}
