//! What is known of one Slack message in one row, in any order of arrival.
//!
//! Slack describes a message in several events, and the agent that posted it may log it as well, with what only the
//! agent knows. Whatever arrives later adds the fields that the row lacks, and replaces none. An agent that says
//! something else about the message than the row does is refused, as with any other key; Slack's events never are.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, ToSql, Type};
use platform::work::{Waiting, Workers};
use platform::{Error, Result};
use robeing::ROBEINGS;
use serde_json::{Map, Value};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::draft::{Draft, RowText, tokens};
use super::insert::{Inserted, MAX_ATTEMPTS};
use super::partitions::{CLOSED, is_closed};
use super::{Log, Stored};
use crate::markup::is_same_text;
use crate::message::SLACK_METADATA;
use crate::rows::{conversation_of, numbering_of};

/// How many rows of a batch are merged at once. A row that is locked doesn't delay the others.
const MAX_MERGES: usize = 4;

const READ: &str = "
    select channel_id, channel_type, thread_ts, user_id, slack_user_id, reply_to, message, response, parts,
           intent, confidence, metadata, content, earlier_placeholders, earlier_threads, token_count, created_at,
           coalesce(is_reply_named, false) as is_reply_named,
           edit_order is not null as is_edited,
           deleted_at is not null as is_deleted, erased_at is not null as is_erased
    from conversation.log
    where id = $1 and robeing_id = $2";

/// The fields of a row that a later arrival may fill.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    channel_id: Option<String>,
    channel_type: Option<String>,
    thread_ts: Option<String>,
    user_id: Option<Uuid>,
    slack_user_id: Option<String>,
    reply_to: Option<Uuid>,
    /// Whether an agent named `reply_to`, rather than the thread.
    is_reply_named: bool,
    message: Option<String>,
    response: Option<String>,
    parts: Map<String, Value>,
    intent: Option<String>,
    confidence: Option<f64>,
    metadata: Value,
    content: Uuid,
    /// Where its placeholders were numbered before, and with whom it may be counted.
    earlier_placeholders: Vec<Uuid>,
    earlier_threads: Vec<Uuid>,
}

/// A row, and what has happened to it.
#[derive(Clone, PartialEq)]
struct Known {
    fields: Fields,
    token_count: i32,
    created_at: Timestamp,
    is_edited: bool,
    is_deleted: bool,
    is_erased: bool,
}

impl Log {
    /// Merges the drafts of a batch whose rows existed, and returns one outcome per draft. Those of one row are merged
    /// in their order.
    pub(super) async fn merge_all(
        &self,
        inserted: Vec<Result<Inserted>>,
        drafts: Vec<Draft>,
    ) -> Vec<Result<Stored>> {
        let mut outcomes: BTreeMap<usize, Result<Stored>> = BTreeMap::new();
        let mut rows: BTreeMap<Uuid, Vec<(usize, Inserted, Draft)>> = BTreeMap::new();
        for (at, (inserted, draft)) in inserted.into_iter().zip(drafts).enumerate() {
            match inserted {
                Ok(Inserted::Done(stored)) => drop(outcomes.insert(at, Ok(stored))),
                Ok(inserted @ Inserted::InSlack(Stored { id, .. })) => {
                    rows.entry(id).or_default().push((at, inserted, draft));
                }
                Err(error) => drop(outcomes.insert(at, Err(error))),
            }
        }
        let merges = rows.into_values().map(|of_row| async move {
            let mut merged = Vec::with_capacity(of_row.len());
            for (at, inserted, draft) in of_row {
                merged.push((at, self.merge(inserted, draft).await));
            }
            merged
        });
        let merged: Vec<_> = stream::iter(merges)
            .buffer_unordered(MAX_MERGES)
            .collect()
            .await;
        outcomes.extend(merged.into_iter().flatten());
        outcomes.into_values().collect()
    }

    /// Adds to the row of a Slack message what a draft says of the message and the row lacks.
    pub(super) async fn merge(&self, inserted: Inserted, draft: Draft) -> Result<Stored> {
        let stored = match inserted {
            Inserted::Done(stored) => return Ok(stored),
            Inserted::InSlack(stored) => stored,
        };
        let draft = Arc::new(draft);
        let mut client = self.pool.get().await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.try_merge(&mut client, &draft, stored.id).await {
                Err(error) if attempt < MAX_ATTEMPTS && db::lost_a_race(&error) => {}
                merged => return merged?.map(|()| stored),
            }
        }
    }

    async fn try_merge(
        &self,
        client: &mut Client,
        draft: &Arc<Draft>,
        id: Uuid,
    ) -> Result<Result<()>, tokio_postgres::Error> {
        let scope = Scope::only(ROBEINGS, [draft.robeing_id.as_str()]);
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&id, Type::UUID), (&draft.robeing_id, Type::TEXT)];
        // Most arrivals, such as Slack's retries, add nothing, so they take no lock.
        let row = db::query(client, &scope, READ, &values).await?;
        let Some(seen) = row.first().map(Known::of).transpose()? else {
            return Ok(Ok(()));
        };
        let mut changed = match seen.clone().with(draft, &self.workers).await {
            Ok(Some(changed)) => changed,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let transaction = db::begin(client, &scope).await?;
        let row = transaction
            .query_typed_opt(&format!("{READ} for update"), &values)
            .await?;
        let Some(known) = row.as_ref().map(Known::of).transpose()? else {
            return Ok(Ok(()));
        };
        if known != seen {
            changed = match known.clone().with(draft, &self.transaction_workers).await {
                Ok(Some(changed)) => changed,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
        }
        match write(&transaction, draft, id, &known, &changed).await {
            // What Slack says of a message whose month is archived changes nothing.
            Err(error) if is_closed(&error) && draft.is_of_agent => {
                Ok(Err(Error::Unprocessable(CLOSED.to_owned())))
            }
            Err(error) if is_closed(&error) => Ok(Ok(())),
            Err(error) => Err(error),
            Ok(()) => {
                transaction.commit().await?;
                Ok(Ok(()))
            }
        }
    }
}

async fn write(
    transaction: &Transaction<'_>,
    draft: &Draft,
    id: Uuid,
    known: &Known,
    changed: &Fields,
) -> Result<(), tokio_postgres::Error> {
    let texts = [&changed.message, &changed.response].into_iter().flatten();
    let token_count: i32 = texts.map(|text| tokens(text)).sum();
    let parts = (!changed.parts.is_empty()).then_some(Json(&changed.parts));
    let before = known.fields.derived_from();
    let after = changed.derived_from();
    let count = |of: fn(&Fields) -> bool| i32::from(of(changed)) - i32::from(of(&known.fields));
    let confidence = changed.confidence.unwrap_or_default();
    let confidence = confidence - known.fields.confidence.unwrap_or_default();
    transaction
        .execute_typed(
            include_str!("merge.sql"),
            &[
                (&id, Type::UUID),
                (&draft.robeing_id, Type::TEXT),
                (&changed.channel_id, Type::TEXT),
                (&changed.channel_type, Type::TEXT),
                (&changed.thread_ts, Type::TEXT),
                (&changed.user_id, Type::UUID),
                (&changed.slack_user_id, Type::TEXT),
                (&changed.reply_to, Type::UUID),
                (&changed.message, Type::TEXT),
                (&changed.response, Type::TEXT),
                (&parts, Type::JSONB),
                (&changed.intent, Type::TEXT),
                (&changed.confidence, Type::FLOAT8),
                (&Json(&changed.metadata), Type::JSONB),
                (&token_count, Type::INT4),
                (&changed.content, Type::UUID),
                (&(before != after), Type::BOOL),
                (&count(|it| it.message.is_some()), Type::INT4),
                (&count(|it| it.response.is_some()), Type::INT4),
                (&(token_count - known.token_count), Type::INT4),
                (&confidence, Type::FLOAT8),
                (&count(|it| it.confidence.is_some()), Type::INT4),
                (&changed.earlier_placeholders, Type::UUID_ARRAY),
                (&changed.earlier_threads, Type::UUID_ARRAY),
                (&changed.is_reply_named, Type::BOOL),
            ],
        )
        .await?;
    Ok(())
}

impl Known {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let ids = |name| row.try_get::<_, Option<Vec<Uuid>>>(name);
        let parts: Option<Json<Map<String, Value>>> = row.try_get("parts")?;
        Ok(Self {
            fields: Fields {
                channel_id: row.try_get("channel_id")?,
                channel_type: row.try_get("channel_type")?,
                thread_ts: row.try_get("thread_ts")?,
                user_id: row.try_get("user_id")?,
                slack_user_id: row.try_get("slack_user_id")?,
                reply_to: row.try_get("reply_to")?,
                is_reply_named: row.try_get("is_reply_named")?,
                message: row.try_get("message")?,
                response: row.try_get("response")?,
                parts: parts.map(|Json(parts)| parts).unwrap_or_default(),
                intent: row.try_get("intent")?,
                confidence: row.try_get("confidence")?,
                metadata: row.try_get("metadata")?,
                content: row.try_get("content")?,
                earlier_placeholders: ids("earlier_placeholders")?.unwrap_or_default(),
                earlier_threads: ids("earlier_threads")?.unwrap_or_default(),
            },
            created_at: row.try_get("created_at")?,
            token_count: row.try_get("token_count")?,
            is_edited: row.try_get("is_edited")?,
            is_deleted: row.try_get("is_deleted")?,
            is_erased: row.try_get("is_erased")?,
        })
    }

    /// The fields with those of the draft; none if nothing changes. Compares the texts, which may be long.
    async fn with(self, draft: &Arc<Draft>, workers: &Workers) -> Result<Option<Fields>> {
        let texts = [&self.fields.message, &self.fields.response];
        let bytes: usize = texts.into_iter().flatten().map(String::len).sum();
        let bytes = bytes + draft.size;
        let draft = draft.clone();
        let compare = move |_: &Waiting| self.changed_by(&draft);
        workers.run(bytes, compare).await
    }

    fn changed_by(&self, draft: &Draft) -> Result<Option<Fields>> {
        if self.is_erased {
            return Ok(None);
        }
        let mut fields = self.fields.clone();
        fields.add_place(draft);
        // A deletion removed everything else.
        if !self.is_deleted {
            let texts = RowText::of(&draft.masked);
            if draft.is_of_agent {
                self.check(draft, &texts)?;
                fields.content = draft.content;
                if !self.is_edited {
                    fields.add_texts(&texts);
                }
            }
            fields.intent = fields.intent.or_else(|| draft.masked.intent.clone());
            fields.confidence = fields.confidence.or(draft.confidence);
            // An edit has the metadata of the newest version.
            if draft.is_of_agent || !self.is_edited {
                fields.add_metadata(&draft.masked.metadata);
            }
        }
        fields.add_earlier(self, draft);
        Ok((fields != self.fields).then_some(fields))
    }

    /// Whether an agent says nothing else about the message than the row does. The text of an edited message is not
    /// compared, since the agent may not know of the edit.
    fn check(&self, draft: &Draft, texts: &RowText) -> Result<()> {
        let known = &self.fields;
        let differs = |given: &Option<String>, known: &Option<String>| match (given, known) {
            (Some(given), Some(known)) => !is_same_text(given, known),
            _ => false,
        };
        // A Slack message has one text, on whichever side.
        let is_on_one_side = texts.message.is_some() != texts.response.is_some()
            && known.message.is_some() != known.response.is_some();
        let is_other_text = !self.is_edited
            && (differs(&texts.message, &known.message)
                || differs(&texts.response, &known.response)
                || is_on_one_side
                    && (differs(&texts.message, &known.response)
                        || differs(&texts.response, &known.message)));
        let is_other_intent = draft.masked.intent.as_ref().zip(known.intent.as_ref());
        let is_other_intent = is_other_intent.is_some_and(|(given, known)| given != known);
        let confidences = draft.confidence.zip(known.confidence);
        let is_other_confidence = confidences.is_some_and(|(given, known)| given != known);
        let is_other_reply =
            known.is_reply_named && draft.reply_to.is_some() && draft.reply_to != known.reply_to;
        let is_other_metadata = entries(&draft.masked.metadata).any(|(name, value)| {
            let known = known.metadata.get(name);
            known.is_some_and(|known| known != value) && !SLACK_METADATA.contains(&name.as_str())
        });
        for (field, is_other) in [
            ("text", is_other_text),
            ("`intent`", is_other_intent),
            ("`confidence`", is_other_confidence),
            ("`metadata`", is_other_metadata),
            ("`reply_to`", is_other_reply),
        ] {
            if is_other {
                return Err(Error::Unprocessable(format!(
                    "the message with this channel_id and slack_ts is stored with another {field}: send \
                     what is stored, or the `ts` of the message that you mean"
                )));
            }
        }
        Ok(())
    }
}

impl Fields {
    /// What search and patterns read.
    fn derived_from(&self) -> (Option<&str>, Option<&str>, Option<&str>, Option<f64>) {
        (
            self.message.as_deref(),
            self.response.as_deref(),
            self.intent.as_deref(),
            self.confidence,
        )
    }

    /// Where it was said, by whom, and what it answers.
    fn add_place(&mut self, draft: &Draft) {
        fn fill<T: Clone>(field: &mut Option<T>, value: &Option<T>) {
            if field.is_none() {
                field.clone_from(value);
            }
        }
        fill(&mut self.channel_id, &draft.channel_id);
        fill(&mut self.channel_type, &draft.channel_type);
        fill(&mut self.thread_ts, &draft.thread_ts);
        fill(&mut self.user_id, &draft.user_id);
        fill(&mut self.slack_user_id, &draft.slack_user_id);
        fill(&mut self.reply_to, &draft.thread_reply_to);
        // What the agent names comes before the last message of the thread.
        if draft.reply_to.is_some() && !self.is_reply_named {
            self.reply_to = draft.reply_to;
            self.is_reply_named = true;
        }
    }

    /// The keys of what an erasure removes with the message, if they don't follow from its place and person any more.
    fn add_earlier(&mut self, known: &Known, draft: &Draft) {
        let robeing_id = &draft.robeing_id;
        let numbering = |it: &Self| {
            numbering_of(
                robeing_id,
                it.channel_id.as_deref(),
                it.thread_ts.as_deref(),
            )
        };
        let numbered_now = draft.unnumbered.as_ref().map(|(numbering, _)| *numbering);
        let has_text = known.fields.message.is_some() || known.fields.response.is_some();
        let numbered_before = has_text.then(|| numbering(&known.fields));
        let numbering = numbering(self);
        for key in [numbered_before, numbered_now].into_iter().flatten() {
            if key != numbering && !self.earlier_placeholders.contains(&key) {
                self.earlier_placeholders.push(key);
            }
        }
        let conversation = |it: &Self| {
            conversation_of(
                robeing_id,
                it.channel_id.as_deref(),
                it.thread_ts.as_deref(),
                it.user_id,
                it.slack_user_id.as_deref(),
                known.created_at,
            )
        };
        let before = &known.fields;
        let is_by_person = before.thread_ts.as_deref().unwrap_or_default().is_empty()
            && (before.user_id.is_some() || before.slack_user_id.is_some());
        let key = conversation(before);
        if is_by_person && key != conversation(self) && !self.earlier_threads.contains(&key) {
            self.earlier_threads.push(key);
        }
    }

    /// The texts and parts of an agent. A text that the row has on the other side is not added again: Slack can't
    /// always tell that the robeing said it.
    fn add_texts(&mut self, texts: &RowText) {
        let is_known = |text: &Option<String>, other: &Option<String>| {
            let both = text.as_ref().zip(other.as_ref());
            both.is_some_and(|(text, other)| is_same_text(text, other))
        };
        let mut parts = Map::new();
        if let Some(Json(Value::Object(given))) = &texts.parts {
            parts.clone_from(given);
        }
        if is_known(&texts.message, &self.response) && self.message.is_none() {
            parts.remove("message");
        } else if self.message.is_none() {
            self.message.clone_from(&texts.message);
        }
        if is_known(&texts.response, &self.message) && self.response.is_none() {
            parts.remove("response");
        } else if self.response.is_none() {
            self.response.clone_from(&texts.response);
        }
        for (side, given) in parts {
            self.parts.entry(side).or_insert(given);
        }
    }

    fn add_metadata(&mut self, metadata: &Value) {
        let Value::Object(known) = &mut self.metadata else {
            return;
        };
        for (name, value) in entries(metadata) {
            known.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn entries(metadata: &Value) -> impl Iterator<Item = (&String, &Value)> {
    metadata.as_object().into_iter().flatten()
}
