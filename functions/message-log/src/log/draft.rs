//! A row before it is inserted: checked, and masked in memory.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use masking::{Known, Masker, Placeholders, Policy};
use platform::postgres::types::Json;
use platform::{Error, Result};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Event, Log};
use crate::content::readable_text;
use crate::ids::{JsonDigest, Key, RowIdentity, TimeWindow, day_of, digest};
use crate::message::NewMessage;
use crate::rows::numbering_of;

/// In characters, the sizes of the columns.
const MAX_EVENT_ID: usize = 512;
const MAX_INTENT: usize = 100;

/// The texts of a row, before or after masking.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    pub(super) message: Option<Value>,
    pub(super) response: Option<Value>,
    pub(super) intent: Option<String>,
    pub(super) metadata: Value,
}

/// A row ready to be inserted.
pub(super) struct Draft {
    pub(super) source: &'static str,
    /// Whether an agent sent it and named its Slack message, rather than Slack.
    pub(super) is_of_agent: bool,
    pub(super) source_event_id: String,
    pub(super) identity: RowIdentity,
    pub(super) robeing_id: String,
    pub(super) channel_id: Option<String>,
    pub(super) channel_type: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) user_id: Option<Uuid>,
    pub(super) slack_user_id: Option<String>,
    pub(super) confidence: Option<f64>,
    /// The message that it answers, as given by its sender.
    pub(super) reply_to: Option<Uuid>,
    /// The last message of its thread, if the sender gave none.
    pub(super) thread_reply_to: Option<Uuid>,
    /// Whether `reply_to` is a row of another robeing.
    pub(super) answers_other_robeing: bool,
    /// The row of the Slack message that its thread belongs to.
    pub(super) root: Option<Uuid>,
    /// The row of the Slack message that its agent named, if its id follows from the `ts`.
    pub(super) slack_row: Option<Uuid>,
    /// Whether it has a message, and not only a response.
    pub(super) has_message: bool,
    pub(super) masked: Texts,
    pub(super) policy: Policy,
    /// The digest that distinguishes a repeat from another message with the same key.
    pub(super) content: Uuid,
    /// The approximate size in bytes.
    pub(super) size: usize,
    /// The conversation and the unmasked texts, if the row has placeholders that must be numbered.
    pub(super) unnumbered: Option<(Uuid, Arc<Texts>)>,
}

impl Log {
    /// Checks and masks an event in memory.
    pub(super) fn draft(
        &self,
        event: Event,
        position: usize,
        window: &TimeWindow,
        policy: Policy,
    ) -> Result<Draft> {
        let Event {
            source,
            event_id,
            key,
            sent_at,
            mut message,
        } = event;
        message.check()?;
        let is_of_agent = message.slack_ts.is_some();
        let named = Named::of(source, key, &message)?;
        let identity = named.identity(&message, sent_at, position, window)?;
        let root = root_of(&message, identity.id, window);
        let slack_message = message.channel_id.as_ref().zip(message.slack_ts.as_ref());
        let slack_row = slack_message.and_then(|(channel, ts)| {
            RowIdentity::id_of_slack(&message.robeing_id, channel, ts, window)
        });
        let unmasked = Texts::take(&mut message);
        let conversation = numbering_of(
            &message.robeing_id,
            message.channel_id.as_deref(),
            message.thread_ts.as_deref(),
        );
        let mut placeholders = self.placeholders(conversation, Known::default());
        let masked = unmasked.masked(&self.masker.with_policy(policy), &mut placeholders)?;
        // A repeat is recognized by what no setting changes: another masking policy makes no other message.
        let fully_masked = if policy == Policy::default() {
            None
        } else {
            let mut placeholders = self.placeholders(conversation, Known::default());
            Some(unmasked.masked(&self.masker, &mut placeholders)?)
        };
        let content = content_digest(&message, fully_masked.as_ref().unwrap_or(&masked));
        let event_id = match (&named.key, event_id.is_empty()) {
            (Some(key), true) => key.text.clone(),
            _ => event_id,
        };
        // A UUID is never personal data, however it looks.
        let source_event_id = match Uuid::try_parse(&event_id) {
            Ok(_) => event_id,
            Err(_) => cut(self.mask_text(&event_id)?, MAX_EVENT_ID),
        };
        let has_placeholders = placeholders.into_known() != Known::default();
        let unnumbered = has_placeholders.then(|| (conversation, Arc::new(unmasked)));
        Ok(Draft {
            source: named.source,
            is_of_agent,
            source_event_id,
            identity,
            robeing_id: message.robeing_id,
            channel_id: message.channel_id,
            channel_type: message.channel_type,
            thread_ts: message.thread_ts,
            user_id: message.user_id,
            slack_user_id: message.slack_user_id,
            confidence: message.confidence,
            reply_to: message.reply_to,
            thread_reply_to: None,
            answers_other_robeing: false,
            root,
            slack_row,
            has_message: masked.message.as_ref().and_then(readable_text).is_some(),
            masked,
            policy,
            size: content.bytes,
            content: content.finish(),
            unnumbered,
        })
    }
}

/// The key of a message. Slack's key comes before any other, so that a message and Slack's event about it are one row,
/// however they arrive.
struct Named {
    source: &'static str,
    key: Option<Key>,
    /// The sender's key of a message that has Slack's key as well. It leads to the same row.
    senders: Option<Key>,
}

impl Named {
    fn of(source: &'static str, key: Option<Key>, message: &NewMessage) -> Result<Self> {
        let (Some(channel), Some(ts)) = (&message.channel_id, &message.slack_ts) else {
            return Ok(Self {
                source,
                key,
                senders: None,
            });
        };
        Ok(Self {
            source: "slack",
            key: Some(Key::of_slack(channel, ts)?),
            senders: key.filter(|_| source == "http"),
        })
    }

    fn identity(
        &self,
        message: &NewMessage,
        sent_at: Option<Timestamp>,
        position: usize,
        window: &TimeWindow,
    ) -> Result<RowIdentity> {
        let (robeing_id, key) = (&message.robeing_id, self.key.as_ref());
        // Slack's event has no time but its `ts`.
        let created_at = message.created_at.filter(|_| message.slack_ts.is_none());
        let identity = RowIdentity::of(
            robeing_id,
            self.source,
            key,
            created_at,
            sent_at,
            position,
            window,
        );
        let mut identity = identity.map_err(|_| {
            Error::Invalid(
                "the time of the message is more than a day ahead: check the sender's clock"
                    .to_owned(),
            )
        })?;
        if let (None, Some(key)) = (identity.ledger_key, &self.senders) {
            identity.ledger_key = Some(Uuid::from_bytes(digest(&[robeing_id, "http", &key.text])));
        }
        Ok(identity)
    }
}

/// The row of the Slack message that a thread belongs to. In a direct channel, that row has no thread of its own.
fn root_of(message: &NewMessage, id: Uuid, window: &TimeWindow) -> Option<Uuid> {
    let (channel, thread) = (message.channel_id.as_ref()?, message.thread_ts.as_ref()?);
    let root = RowIdentity::id_of_slack(&message.robeing_id, channel, thread, window)?;
    (root != id).then_some(root)
}

fn content_digest(message: &NewMessage, masked: &Texts) -> JsonDigest {
    let mut digest = JsonDigest::default();
    digest.add(&(
        &message.channel_id,
        &message.thread_ts,
        message.user_id,
        &message.slack_user_id,
        message.reply_to,
        message.confidence,
        message.created_at,
        &masked.message,
        &masked.response,
        &masked.intent,
        &masked.metadata,
    ));
    if let Some(ts) = &message.slack_ts {
        digest.add(ts);
    }
    digest
}

impl Texts {
    fn take(message: &mut NewMessage) -> Self {
        let metadata = message.metadata.take().filter(|it| !it.is_null());
        Self {
            message: message.message.take().filter(|it| !it.is_null()),
            response: message.response.take().filter(|it| !it.is_null()),
            intent: message.intent.take(),
            metadata: metadata.unwrap_or_else(|| json!({})),
        }
    }

    pub(super) fn masked(&self, masker: &Masker, placeholders: &mut Placeholders) -> Result<Self> {
        let mut masked = self.clone();
        for value in [&mut masked.message, &mut masked.response]
            .into_iter()
            .flatten()
        {
            masker.json(value, placeholders).map_err(|_| unmaskable())?;
        }
        masker
            .json(&mut masked.metadata, placeholders)
            .map_err(|_| unmaskable())?;
        if let Some(intent) = &mut masked.intent {
            let text = masker
                .text(intent, placeholders)
                .map_err(|_| unmaskable())?
                .text;
            *intent = cut(text, MAX_INTENT);
        }
        Ok(masked)
    }
}

/// Masking may make a text longer than its column.
fn cut(mut text: String, max_length: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max_length) {
        text.truncate(end);
    }
    text
}

/// The message and the response as text, and their parts if they were sent in parts.
pub(super) struct RowText {
    pub(super) message: Option<String>,
    pub(super) response: Option<String>,
    pub(super) parts: Option<Json<Value>>,
    pub(super) token_count: i32,
}

impl RowText {
    pub(super) fn of(texts: &Texts) -> Self {
        let mut parts = Map::new();
        for (name, value) in [("message", &texts.message), ("response", &texts.response)] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_string()) {
                parts.insert(name.to_owned(), value.clone());
            }
        }
        let message = texts.message.as_ref().and_then(readable_text);
        let response = texts.response.as_ref().and_then(readable_text);
        let texts = [&message, &response].into_iter().flatten();
        Self {
            token_count: texts.map(|text| tokens(text)).sum(),
            message,
            response,
            parts: (!parts.is_empty()).then(|| Json(Value::Object(parts))),
        }
    }
}

/// The number of tokens in a text, as an estimate: a quarter of its characters, rounded up.
pub fn tokens(text: &str) -> i32 {
    i32::try_from(text.chars().count().div_ceil(4)).unwrap_or(i32::MAX)
}

pub(super) type Thread = (String, Option<String>, Option<String>);

impl Draft {
    /// Whether the sender named the message that this answers; none if it answers nothing.
    pub(super) fn is_reply_named(&self) -> Option<bool> {
        let reply_to = self.reply_to.or(self.thread_reply_to);
        reply_to.map(|_| self.reply_to.is_some())
    }

    /// The thread. A direct conversation without threads is one thread.
    pub(super) fn thread(&self) -> Option<Thread> {
        let is_im = self.channel_type.as_deref() == Some("im") && self.channel_id.is_some();
        (self.thread_ts.is_some() || is_im).then(|| {
            (
                self.robeing_id.clone(),
                self.channel_id.clone(),
                self.thread_ts.clone(),
            )
        })
    }

    pub(super) fn day(&self) -> Date {
        day_of(self.identity.created_at)
    }
}

pub(super) fn unmaskable() -> Error {
    Error::Unprocessable("masking failed; nothing was stored".to_owned())
}
