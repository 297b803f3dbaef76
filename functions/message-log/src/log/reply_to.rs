//! Finds the message that a response answers if it is sent on its own.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use uuid::Uuid;

use super::Log;
use super::draft::{Draft, Thread};
use crate::ids::first_id_at;

/// A response answers no message that is older.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(31 * 24);

impl Log {
    /// A response without a message answers the last message of its thread.
    pub(super) async fn find_reply_to(
        &self,
        client: &Client,
        scope: &Scope,
        drafts: &mut [Draft],
    ) -> Result<(), tokio_postgres::Error> {
        let mut last: HashMap<Thread, Uuid> = HashMap::new();
        let mut open = Vec::new();
        for (at, draft) in drafts.iter_mut().enumerate() {
            draft.thread_reply_to = None;
            let Some(thread) = draft.thread() else {
                continue;
            };
            if draft.masked.message.is_some() {
                last.insert(thread, draft.identity.id);
            } else if draft.reply_to.is_none() {
                match last.get(&thread) {
                    Some(message) => draft.thread_reply_to = Some(*message),
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
        let found = db::query(
            client,
            scope,
            "select case
                 when answer.thread_ts is not null then (
                     select log.id
                     from conversation.log
                     where log.robeing_id = answer.robeing_id
                       and log.thread_ts = answer.thread_ts
                       and log.channel_id is not distinct from answer.channel_id
                       and log.message is not null
                       and log.id < answer.before
                       and log.id >= answer.since
                     order by log.id desc
                     limit 1)
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
             from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[])
                 with ordinality as answer (robeing_id, channel_id, thread_ts, before, since, position)
             order by position",
            &[
                (&robeings, Type::TEXT_ARRAY),
                (&channels, Type::TEXT_ARRAY),
                (&threads, Type::TEXT_ARRAY),
                (&before, Type::UUID_ARRAY),
                (&since, Type::UUID_ARRAY),
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
