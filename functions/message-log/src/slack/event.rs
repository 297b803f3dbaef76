//! Slack's envelope, and what it says happened, as far as that is about messages.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::Result;

use super::{key, time};
use crate::identity::Key;
use crate::message::NewMessage;

#[derive(Deserialize)]
pub(super) struct Envelope {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) challenge: Option<String>,
    #[serde(default)]
    pub(super) team_id: String,
    #[serde(default)]
    pub(super) api_app_id: String,
    #[serde(default)]
    pub(super) event_id: String,
    #[serde(default)]
    pub(super) event: SlackEvent,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct SlackEvent {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    pub(super) channel: String,
    channel_type: Option<String>,
    /// Of the event itself; of an edit or a deletion, not that of the message.
    pub(super) ts: String,
    deleted_ts: Option<String>,
    message: Option<Box<SlackMessage>>,
    previous_message: Option<Box<SlackMessage>>,
    #[serde(flatten)]
    said: SlackMessage,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct SlackMessage {
    #[serde(rename = "ts")]
    own_ts: Option<String>,
    thread_ts: Option<String>,
    user: Option<String>,
    bot_id: Option<String>,
    app_id: Option<String>,
    bot_profile: Option<BotProfile>,
    text: Option<String>,
    blocks: Option<Value>,
    files: Option<Vec<File>>,
    edited: Option<Edited>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct BotProfile {
    app_id: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct File {
    id: Option<String>,
    name: Option<String>,
    mimetype: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Edited {
    ts: String,
}

pub(super) enum Happened {
    Said(Box<NewMessage>, Key),
    Edited(Box<NewMessage>, Key, Timestamp),
    Deleted(Key, Timestamp),
    Nothing,
}

impl Happened {
    /// What would be stored.
    pub(super) fn message(&self) -> Option<&NewMessage> {
        match self {
            Self::Said(message, _) | Self::Edited(message, ..) => Some(message),
            Self::Deleted(..) | Self::Nothing => None,
        }
    }
}

pub(super) fn happened(envelope: &Envelope, robeing_id: &str) -> Result<Happened> {
    let event = &envelope.event;
    let subtype = event.subtype.as_deref();
    match (event.kind.as_str(), subtype) {
        ("message", Some("message_changed")) => {
            let Some(said) = &event.message else {
                return Ok(Happened::Nothing);
            };
            let before = event
                .previous_message
                .as_ref()
                .and_then(|it| it.text.as_deref());
            let edited = said.edited.as_ref().and_then(|edited| time(&edited.ts));
            // Slack calls it a change, too, when it unfolds a link.
            let (Some(at), false) = (edited, before.is_some() && before == said.text.as_deref())
            else {
                return Ok(Happened::Nothing);
            };
            let ts = said.own_ts.clone().unwrap_or_default();
            let message = new_message(envelope, said, &ts, robeing_id);
            Ok(Happened::Edited(
                Box::new(message),
                key(&event.channel, &ts)?,
                at,
            ))
        }
        ("message", Some("message_deleted")) => {
            let Some(ts) = &event.deleted_ts else {
                return Ok(Happened::Nothing);
            };
            let at = time(&event.ts).unwrap_or_else(Timestamp::now);
            Ok(Happened::Deleted(key(&event.channel, ts)?, at))
        }
        (
            "message" | "app_mention",
            None | Some("bot_message" | "file_share" | "me_message" | "thread_broadcast"),
        ) => {
            let message = new_message(envelope, &event.said, &event.ts, robeing_id);
            if message.message.is_none() && message.response.is_none() {
                return Ok(Happened::Nothing);
            }
            Ok(Happened::Said(
                Box::new(message),
                key(&event.channel, &event.ts)?,
            ))
        }
        // Who joined, what a channel is called now, and what else Slack says by itself.
        _ => Ok(Happened::Nothing),
    }
}

fn new_message(envelope: &Envelope, said: &SlackMessage, ts: &str, robeing_id: &str) -> NewMessage {
    let event = &envelope.event;
    let app = said
        .app_id
        .as_ref()
        .or(said.bot_profile.as_ref().and_then(|it| it.app_id.as_ref()));
    let is_own = said.bot_id.is_some() && app == Some(&envelope.api_app_id);
    let text = text_of(said);
    let text = (!text.trim().is_empty()).then_some(Value::String(text));
    let (message, response) = if is_own { (None, text) } else { (text, None) };
    let is_im = event.channel_type.as_deref() == Some("im");
    // A thread is named by the message that began it. Two people talk in one thread.
    let thread_ts = said
        .thread_ts
        .clone()
        .or_else(|| (!is_im).then(|| ts.to_owned()));
    let mut metadata = json!({
        "channel": event.channel,
        "team": envelope.team_id,
        "ts": ts,
    });
    if let Some(thread_ts) = &said.thread_ts {
        metadata["thread_ts"] = json!(thread_ts);
    }
    if let Some(bot_id) = &said.bot_id {
        metadata["bot_id"] = json!(bot_id);
    }
    if let Some(files) = &said.files {
        let files = files
            .iter()
            .map(|file| json!({"id": file.id, "name": file.name, "mimetype": file.mimetype}));
        metadata["files"] = files.collect();
    }
    NewMessage {
        robeing_id: robeing_id.to_owned(),
        message,
        response,
        channel_id: Some(event.channel.clone()),
        channel_type: event.channel_type.clone(),
        thread_ts,
        slack_user_id: said.user.clone().filter(|_| said.bot_id.is_none()),
        metadata: Some(metadata),
        ..NewMessage::default()
    }
}

/// The text; of a message that is blocks alone, the text of those.
fn text_of(said: &SlackMessage) -> String {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(object) => {
                if let Some(Value::String(text)) = object.get("text") {
                    texts.push(text.clone());
                }
                for (name, value) in object {
                    if name != "text" || !value.is_string() {
                        collect(value, texts);
                    }
                }
            }
            _ => {}
        }
    }
    let text = match &said.text {
        Some(text) if !text.trim().is_empty() => text.clone(),
        _ => {
            let mut texts = Vec::new();
            said.blocks
                .iter()
                .for_each(|blocks| collect(blocks, &mut texts));
            texts.join("\n")
        }
    };
    // Slack escapes these three, and no others.
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}
