//! What is known of one Slack message in one row, in any order of arrival.
//!
//! Slack describes a message in several events, and the agent that posted it may log it as well, with what only the
//! agent knows. Whatever arrives later adds the fields that the row lacks, and replaces none. An agent that says
//! something else about the message than the row does is refused, as with any other key; Slack's events never are.

use platform::postgres::Client;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::{Json, ToSql, Type};
use platform::{Error, Result};
use serde_json::{Map, Value};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::draft::{Draft, RowText, tokens};
use super::partitions::{CLOSED, is_closed};
use crate::markup::is_same_text;
use crate::message::SLACK_METADATA;

const READ: &str = "
    select channel_id, channel_type, thread_ts, user_id, slack_user_id, reply_to, message, response, parts,
           intent, confidence, metadata, content, token_count, edit_order is not null as is_edited,
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
    message: Option<String>,
    response: Option<String>,
    parts: Map<String, Value>,
    intent: Option<String>,
    confidence: Option<f64>,
    metadata: Value,
    content: Uuid,
}

/// A row, and what has happened to it.
struct Known {
    fields: Fields,
    token_count: i32,
    is_edited: bool,
    is_deleted: bool,
    is_erased: bool,
}

/// Adds to a row what a draft of the same Slack message says and the row lacks.
pub(super) async fn merge(
    client: &mut Client,
    scope: &Scope,
    draft: &Draft,
    id: Uuid,
) -> Result<Result<()>, tokio_postgres::Error> {
    let values: [(&(dyn ToSql + Sync), Type); 2] =
        [(&id, Type::UUID), (&draft.robeing_id, Type::TEXT)];
    // Most arrivals, such as Slack's retries, add nothing, so they take no lock.
    let row = db::query(client, scope, READ, &values).await?;
    match row
        .first()
        .map(Known::of)
        .transpose()?
        .map(|it| it.with(draft))
    {
        None | Some(Ok(None)) => return Ok(Ok(())),
        Some(Err(error)) => return Ok(Err(error)),
        Some(Ok(Some(_))) => {}
    }
    let transaction = db::begin(client, scope).await?;
    let row = transaction
        .query_typed_opt(&format!("{READ} for update"), &values)
        .await?;
    let Some(known) = row.as_ref().map(Known::of).transpose()? else {
        return Ok(Ok(()));
    };
    let changed = match known.with(draft) {
        Ok(None) => return Ok(Ok(())),
        Ok(Some(changed)) => changed,
        Err(error) => return Ok(Err(error)),
    };
    let written = write(&transaction, draft, id, &known, &changed).await;
    match written {
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
            ],
        )
        .await?;
    Ok(())
}

impl Known {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let parts: Option<Json<Map<String, Value>>> = row.try_get("parts")?;
        Ok(Self {
            fields: Fields {
                channel_id: row.try_get("channel_id")?,
                channel_type: row.try_get("channel_type")?,
                thread_ts: row.try_get("thread_ts")?,
                user_id: row.try_get("user_id")?,
                slack_user_id: row.try_get("slack_user_id")?,
                reply_to: row.try_get("reply_to")?,
                message: row.try_get("message")?,
                response: row.try_get("response")?,
                parts: parts.map(|Json(parts)| parts).unwrap_or_default(),
                intent: row.try_get("intent")?,
                confidence: row.try_get("confidence")?,
                metadata: row.try_get("metadata")?,
                content: row.try_get("content")?,
            },
            token_count: row.try_get("token_count")?,
            is_edited: row.try_get("is_edited")?,
            is_deleted: row.try_get("is_deleted")?,
            is_erased: row.try_get("is_erased")?,
        })
    }

    /// The fields with those of the draft; none if nothing changes.
    fn with(&self, draft: &Draft) -> Result<Option<Fields>> {
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
        let is_other_metadata = entries(&draft.masked.metadata).any(|(name, value)| {
            let known = known.metadata.get(name);
            known.is_some_and(|known| known != value) && !SLACK_METADATA.contains(&name.as_str())
        });
        for (field, is_other) in [
            ("text", is_other_text),
            ("`intent`", is_other_intent),
            ("`confidence`", is_other_confidence),
            ("`metadata`", is_other_metadata),
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
        self.reply_to = draft.reply_to.or(self.reply_to);
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
