//! The message that a response answers: found if it is sent on its own, and checked if its sender named it.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use uuid::Uuid;

use super::Log;
use super::draft::{Draft, Thread};
use crate::ids::{RowIdentity, first_id_at};

/// A response answers no message that is older.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

impl Log {
    /// The row of the Slack message that a thread belongs to, whether or not it exists.
    pub fn root_of(&self, robeing_id: &str, channel: &str, thread: &str) -> Option<Uuid> {
        RowIdentity::id_of_slack(robeing_id, channel, thread, &self.window())
    }

    /// The channel of a thread of Slack.
    pub async fn channel_of(
        &self,
        client: &Client,
        robeing_id: &str,
        thread: &str,
    ) -> Result<Option<String>, tokio_postgres::Error> {
        let rows = db::query(
            client,
            &Scope::only(ROBEINGS, [robeing_id]),
            "select channel_id
             from conversation.log
             where robeing_id = $1 and thread_ts = $2 and channel_id is not null
             order by id desc
             limit 1",
            &[(&robeing_id, Type::TEXT), (&thread, Type::TEXT)],
        )
        .await?;
        rows.first().map(|row| row.try_get(0)).transpose()
    }

    /// Marks the drafts whose `reply_to` is a row of another robeing. A row that is gone may be named.
    pub(super) async fn check_reply_to(
        &self,
        client: &Client,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let named: Vec<Uuid> = drafts.iter().filter_map(|it| it.reply_to).collect();
        if named.is_empty() {
            return Ok(());
        }
        let rows = db::query(
            client,
            &Scope::all(ROBEINGS),
            "select id, robeing_id from conversation.log where id = any ($1)",
            &[(&named, Type::UUID_ARRAY)],
        )
        .await?;
        let mut owners: HashMap<Uuid, String> = HashMap::new();
        for row in rows {
            owners.insert(row.try_get("id")?, row.try_get("robeing_id")?);
        }
        for draft in drafts {
            let owner = draft.reply_to.and_then(|id| owners.get(&id));
            draft.answers_other_robeing = owner.is_some_and(|owner| *owner != draft.robeing_id);
        }
        Ok(())
    }

    /// A response without a message answers the last message of its thread.
    pub(super) async fn find_reply_to(
        &self,
        client: &Client,
        scope: &Scope,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut last: HashMap<Thread, Uuid> = HashMap::new();
        let mut messages: HashSet<Uuid> = HashSet::new();
        let mut open = Vec::new();
        for (at, draft) in drafts.iter_mut().enumerate() {
            draft.thread_reply_to = None;
            let root = draft.root.filter(|root| messages.contains(root));
            let Some(thread) = draft.thread() else {
                continue;
            };
            if draft.has_message {
                messages.insert(draft.identity.id);
                last.insert(thread, draft.identity.id);
            } else if draft.reply_to.is_none() {
                match last.get(&thread).copied().or(root) {
                    Some(message) => draft.thread_reply_to = Some(message),
                    None => open.push(at),
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&Draft) -> Option<&str>| -> Vec<Option<&str>> {
            open.iter().map(|at| of(&drafts[*at])).collect()
        };
        let robeings = column(|draft| Some(&draft.robeing_id));
        let channels = column(|draft| draft.channel_id.as_deref());
        let threads = column(|draft| draft.thread_ts.as_deref());
        let before: Vec<Uuid> = open.iter().map(|at| drafts[*at].identity.id).collect();
        let since: Vec<Uuid> = open
            .iter()
            .map(|at| drafts[*at].identity.created_at.saturating_sub(MAX_AGE))
            .map(|time| first_id_at(time.unwrap_or(Timestamp::UNIX_EPOCH)))
            .collect();
        let roots: Vec<Option<Uuid>> = open.iter().map(|at| drafts[*at].root).collect();
        let found = db::query(
            client,
            scope,
            "select case
                 when answer.thread_ts is not null then coalesce(
                     (select log.id
                      from conversation.log
                      where log.robeing_id = answer.robeing_id
                        and log.thread_ts = answer.thread_ts
                        and log.channel_id is not distinct from answer.channel_id
                        and log.message is not null
                        and log.id < answer.before
                        and log.id >= answer.since
                      order by log.id desc
                      limit 1),
                     (select log.id
                      from conversation.log
                      where log.id = answer.root
                        and log.robeing_id = answer.robeing_id
                        and log.message is not null))
                 else (
                     select log.id
                     from conversation.log
                     where log.robeing_id = answer.robeing_id
                       and log.channel_id = answer.channel_id
                       and log.thread_ts is null
                       and log.message is not null
                       and log.id < answer.before
                       and log.id >= answer.since
                     order by log.id desc
                     limit 1)
             end
             from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[])
                 with ordinality as answer (robeing_id, channel_id, thread_ts, before, since, root, position)
             order by position",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&channels, Type::TEXT_ARRAY),
                (&threads, Type::TEXT_ARRAY),
                (&before, Type::UUID_ARRAY),
                (&since, Type::UUID_ARRAY),
                (&roots, Type::UUID_ARRAY),
            ],
        )
        .await?;
        let found: Vec<Option<Uuid>> = found
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        for (at, message) in open.into_iter().zip(found) {
            drafts[at].thread_reply_to = message;
        }
        Ok(())
    }
}
