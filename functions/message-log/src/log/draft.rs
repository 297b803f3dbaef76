//! What one row will say: checked, and masked in memory.

use std::sync::Arc;

use jiff::civil::Date;
use platform::postgres::types::Json;
use platform::{Error, Result};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Event, Log, day_of};
use crate::identity::{Digest, Identity, Window, digest, identify};
use crate::message::text_of;
use masking::{Known, Masker, Placeholders, Policy};

/// In characters, as the columns of the log have them.
const LONGEST_EVENT_ID: usize = 512;
const LONGEST_INTENT: usize = 100;

/// What one row says, before and after masking.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) message: Option<Value>,
    pub(super) response: Option<Value>,
    pub(super) intent: Option<String>,
    pub(super) metadata: Value,
}

/// A row ready to be inserted.
pub(super) struct Draft {
    pub(super) source: &'static str,
    pub(super) source_event_id: String,
    pub(super) identity: Identity,
    pub(super) robeing_id: String,
    pub(super) channel_id: Option<String>,
    pub(super) channel_type: Option<String>,
    pub(super) thread_ts: Option<String>,
    pub(super) user_id: Option<Uuid>,
    pub(super) slack_user_id: Option<String>,
    pub(super) confidence: Option<f64>,
    /// The message that it answers, as its sender says.
    pub(super) reply_to: Option<Uuid>,
    /// The last message of its thread, where its sender says nothing.
    pub(super) answers: Option<Uuid>,
    pub(super) masked: Content,
    pub(super) policy: Policy,
    pub(super) content: Uuid,
    /// About how many bytes it has.
    pub(super) size: usize,
    /// What it says unmasked, where its placeholders have to be numbered with those of its conversation.
    pub(super) to_number: Option<(Uuid, Arc<Content>)>,
}

impl Log {
    /// Checks and masks; nothing of it is anywhere but in memory.
    pub(super) fn draft(
        &self,
        event: Event,
        position: usize,
        window: &Window,
        policy: Policy,
    ) -> Result<Draft> {
        let Event {
            source,
            event_id,
            key,
            sent_at,
            message,
        } = event;
        message.check()?;
        let identity = identify(
            &message.robeing_id,
            source,
            key.as_ref(),
            message.created_at,
            sent_at,
            position,
            window,
        )
        .map_err(|_| {
            Error::Invalid(
                "the message is more than a day ahead of time: check the sender's clock".to_owned(),
            )
        })?;
        let raw = Content {
            message: message.message.filter(|it| !it.is_null()),
            response: message.response.filter(|it| !it.is_null()),
            intent: message.intent,
            metadata: message
                .metadata
                .filter(|it| !it.is_null())
                .unwrap_or_else(|| json!({})),
        };
        let conversation = Uuid::from_bytes(digest(&[
            &message.robeing_id,
            message.channel_id.as_deref().unwrap_or_default(),
            message.thread_ts.as_deref().unwrap_or_default(),
        ]));
        let mut seen = self.placeholders(conversation, Known::default());
        let masked = raw.masked(&self.masker.with_policy(policy), &mut seen)?;
        // A repeat is told by what no setting can change: another policy makes no other message.
        let strict = if policy == Policy::default() {
            None
        } else {
            let mut seen = self.placeholders(conversation, Known::default());
            Some(raw.masked(&self.masker, &mut seen)?)
        };
        let strict = strict.as_ref().unwrap_or(&masked);
        // A UUID is nobody's number, however it looks.
        let source_event_id = match Uuid::try_parse(&event_id) {
            Ok(_) => event_id,
            Err(_) => cut(self.mask_text(&event_id)?, LONGEST_EVENT_ID),
        };
        let mut content = Digest::default();
        content.add(&(
            &message.channel_id,
            &message.thread_ts,
            message.user_id,
            &message.slack_user_id,
            message.reply_to,
            message.confidence,
            message.created_at,
            &strict.message,
            &strict.response,
            &strict.intent,
            &strict.metadata,
        ));
        let is_numbered = seen.into_known() != Known::default();
        let to_number = is_numbered.then(|| (conversation, Arc::new(raw)));
        Ok(Draft {
            source,
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
            answers: None,
            masked,
            policy,
            size: content.bytes,
            content: content.finish(),
            to_number,
        })
    }
}

impl Content {
    pub(super) fn masked(&self, masker: &Masker, seen: &mut Placeholders) -> Result<Self> {
        let mut masked = self.clone();
        for value in [&mut masked.message, &mut masked.response]
            .into_iter()
            .flatten()
        {
            masker.json(value, seen).map_err(|_| unmaskable())?;
        }
        masker
            .json(&mut masked.metadata, seen)
            .map_err(|_| unmaskable())?;
        if let Some(intent) = &mut masked.intent {
            let text = masker.text(intent, seen).map_err(|_| unmaskable())?.text;
            *intent = cut(text, LONGEST_INTENT);
        }
        Ok(masked)
    }
}

/// Masking may make a text longer than its column.
fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
    }
    text
}

/// The message and response as text, and as they came where that was in parts.
pub(super) struct Said {
    pub(super) message: Option<String>,
    pub(super) response: Option<String>,
    pub(super) parts: Option<Json<Value>>,
    pub(super) token_count: i32,
}

impl Said {
    pub(super) fn of(content: &Content) -> Self {
        let mut parts = Map::new();
        for (name, value) in [
            ("message", &content.message),
            ("response", &content.response),
        ] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_string()) {
                parts.insert(name.to_owned(), value.clone());
            }
        }
        let message = content.message.as_ref().map(text_of);
        let response = content.response.as_ref().map(text_of);
        let texts = [&message, &response].into_iter().flatten();
        Self {
            token_count: texts.map(|text| tokens(text)).sum(),
            message,
            response,
            parts: (!parts.is_empty()).then(|| Json(Value::Object(parts))),
        }
    }
}

/// A quarter of its characters, rounded up.
pub fn tokens(text: &str) -> i32 {
    i32::try_from(text.chars().count().div_ceil(4)).unwrap_or(i32::MAX)
}

pub(super) type Thread = (String, Option<String>, Option<String>);

impl Draft {
    /// The thread, or, where two talk without threads, their channel.
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
    Error::Unprocessable("the text could not be masked, so nothing of it was stored".to_owned())
}
