//! Reads Slack's events about messages: a new message, an edit, or a deletion.
//!
//! Only the type of an event is read at first: other events have objects in fields that are text in events about
//! messages.

use jiff::Timestamp;
use platform::extract::json::is_deeper;
use platform::{Error, Result};
use serde_json::{Value, json};

use super::author;
use super::content::content;
use crate::ids::{Key, slack_time as time};
use crate::log::Edit;
use crate::message::NewMessage;

/// The subtypes of messages that people and bots write. Other subtypes are notices by Slack, such as joins.
const WRITTEN: [&str; 5] = [
    "bot_message",
    "file_share",
    "me_message",
    "reply_broadcast",
    "thread_broadcast",
];
/// A deleted message that stays visible as the root of its thread.
const TOMBSTONE: &str = "tombstone";
/// Most readers of JSON stop at 128 levels, and the list of dead letters adds some.
const MAX_DEPTH: usize = 100;
/// Longer than any id that Slack makes.
const MAX_ID: usize = 100;

/// The fields that every envelope has; the event is read by its type.
pub(super) struct Envelope {
    pub(super) kind: String,
    pub(super) challenge: String,
    pub(super) app: String,
    pub(super) team: String,
    /// The rest of the envelope, which says where the app is installed.
    pub(super) context: Value,
    /// Empty if the envelope has no valid id.
    pub(super) event_id: String,
    pub(super) event: Value,
}

impl From<Value> for Envelope {
    fn from(mut body: Value) -> Self {
        let event = body.get_mut("event").map(Value::take).unwrap_or_default();
        let text = |name| text(&body, name).unwrap_or_default().to_owned();
        let event_id = Some(text("event_id")).filter(|id| is_id(id));
        Self {
            kind: text("type"),
            challenge: text("challenge"),
            app: text("api_app_id"),
            team: text("team_id"),
            event_id: event_id.unwrap_or_default(),
            event,
            context: body,
        }
    }
}

impl Envelope {
    /// Whether the event is about a message, and so has to be stored or kept.
    pub(super) fn is_about_message(&self) -> bool {
        self.kind == "event_callback"
            && matches!(text(&self.event, "type"), Some("message" | "app_mention"))
    }

    /// The body of the dead letter of an event that can't be read. It leaves out the earlier version of the message,
    /// which may be deleted, and an event that is nested too deeply for readers of JSON.
    pub(super) fn letter_body(&self, robeing_id: Option<&str>) -> Value {
        let mut event = Value::Null;
        if !is_deeper(&self.event, MAX_DEPTH) {
            event = self.event.clone();
        }
        if let Some(event) = event.as_object_mut() {
            event.remove("previous_message");
        }
        let mut metadata = json!({"team": self.team});
        if let Some(user_team) = author::stated_team(self, author::message(&event)) {
            metadata["user_team"] = json!(user_team);
        }
        let user = author::message(&event).get("user").and_then(Value::as_str);
        let user = user.map(str::to_owned);
        metadata["event"] = event;
        json!({"robeing_id": robeing_id, "slack_user_id": user, "metadata": metadata})
    }
}

/// The place of an event among the edits of its message, if it is an edit, whether or not its message can be read.
pub(super) fn edit_of(envelope: &Envelope) -> Option<Edit> {
    let event = &envelope.event;
    match text(event, "subtype") {
        Some("message_changed") => {
            let edit = event.get("message").and_then(|now| edit(envelope, now));
            Some(edit.unwrap_or_else(|| edit_without_time(envelope)))
        }
        _ => edit(envelope, event),
    }
}

/// What an event does to a message.
#[derive(Clone)]
pub(super) enum MessageEvent {
    Posted(Box<NewMessage>, Key),
    Edited(Box<NewMessage>, Key, Edit),
    Deleted(Key, Timestamp),
    /// Nothing that is stored changes.
    Ignored,
}

impl MessageEvent {
    /// The message that would be stored.
    pub(super) fn message(&self) -> Option<&NewMessage> {
        match self {
            Self::Posted(message, _) | Self::Edited(message, ..) => Some(message),
            Self::Deleted(..) | Self::Ignored => None,
        }
    }

    /// The key of the message that is edited or deleted, and the edit.
    pub(super) fn change(&self) -> Option<(&Key, Option<&Edit>)> {
        match self {
            Self::Edited(_, key, edit) => Some((key, Some(edit))),
            Self::Deleted(key, _) => Some((key, None)),
            Self::Posted(..) | Self::Ignored => None,
        }
    }
}

/// Reads an event about a message; an error if it has an unknown format.
pub(super) fn read(envelope: &Envelope, robeing_id: &str) -> Result<MessageEvent> {
    let event = &envelope.event;
    match optional(event, "subtype")? {
        Some("message_changed") => changed(envelope, robeing_id),
        Some("message_deleted") => {
            let before = event.get("previous_message").unwrap_or(&Value::Null);
            let ts = match optional(event, "deleted_ts")? {
                Some(ts) => ts,
                None => required(before, "ts")?,
            };
            deleted(event, ts)
        }
        Some(TOMBSTONE) => deleted(event, required(event, "ts")?),
        subtype if is_written(subtype) => {
            let message = new_message(envelope, event, event, robeing_id)?;
            let Some(message) = message else {
                return Ok(MessageEvent::Ignored);
            };
            let key = Key::of_slack(required(event, "channel")?, required(event, "ts")?)?;
            Ok(match edit(envelope, event) {
                // Slack sends a mention again when its message is edited.
                Some(edit) => MessageEvent::Edited(message, key, edit),
                None => MessageEvent::Posted(message, key),
            })
        }
        _ => Ok(MessageEvent::Ignored),
    }
}

/// A `message_changed` event has the whole message as it is now. Slack also sends it for changes that are not edits,
/// such as a link preview, a reply or a file.
fn changed(envelope: &Envelope, robeing_id: &str) -> Result<MessageEvent> {
    let event = &envelope.event;
    let now = event.get("message").unwrap_or(&Value::Null);
    let ts = required(now, "ts")?;
    let subtype = optional(now, "subtype")?;
    if subtype == Some(TOMBSTONE) {
        return deleted(event, ts);
    }
    let message = new_message(envelope, now, event, robeing_id)?;
    let (true, Some(message)) = (is_written(subtype), message) else {
        return Ok(MessageEvent::Ignored);
    };
    let is_edited = now.get("edited").is_some_and(Value::is_object);
    if let (false, Some(before)) = (is_edited, event.get("previous_message"))
        && let Ok(old_content) = content(before)
        && message.message.as_ref().or(message.response.as_ref()) == Some(&old_content.into())
        && files(before) == files(now)
    {
        return Ok(MessageEvent::Ignored);
    }
    let key = Key::of_slack(required(event, "channel")?, ts)?;
    let edit = edit(envelope, now).unwrap_or_else(|| edit_without_time(envelope));
    Ok(MessageEvent::Edited(message, key, edit))
}

fn deleted(event: &Value, ts: &str) -> Result<MessageEvent> {
    let at = ["event_ts", "ts"].into_iter().find_map(|name| {
        let at = time(text(event, name)?)?;
        // A tombstone that is sent as a message has only the time of that message.
        Some(at).filter(|_| text(event, name) != Some(ts))
    });
    let key = Key::of_slack(required(event, "channel")?, ts)?;
    let at = at.unwrap_or_else(|| key.time.unwrap_or_else(Timestamp::now));
    Ok(MessageEvent::Deleted(key, at))
}

/// The edit, if the message says that it was edited. The event's time is more precise than the one in `edited`, which
/// is in seconds, but the event of a mention may have the time of its message.
fn edit(envelope: &Envelope, now: &Value) -> Option<Edit> {
    let edited = now.get("edited").filter(|edited| edited.is_object())?;
    let edited_at = text(edited, "ts").and_then(time);
    let Edit { sent_at, .. } = edit_without_time(envelope);
    let is_of_message = sent_at == text(now, "ts").and_then(time);
    Some(Edit {
        sent_at: sent_at.filter(|_| !is_of_message).or(edited_at),
        edited_at,
        event_id: envelope.event_id.clone(),
    })
}

fn edit_without_time(envelope: &Envelope) -> Edit {
    let times = ["event_ts", "ts"].into_iter();
    let mut times = times.filter_map(|name| time(text(&envelope.event, name)?));
    Edit {
        sent_at: times.next(),
        edited_at: None,
        event_id: envelope.event_id.clone(),
    }
}

/// The message `slack_message` in the channel of `event`; None if it has no content.
fn new_message(
    envelope: &Envelope,
    slack_message: &Value,
    event: &Value,
    robeing_id: &str,
) -> Result<Option<Box<NewMessage>>> {
    optional(slack_message, "text")?;
    let content = content(slack_message)?;
    if content.trim().is_empty() {
        return Ok(None);
    }
    let channel = required(event, "channel")?;
    let channel_type = optional(event, "channel_type")?;
    let ts = required(slack_message, "ts")?;
    let thread_ts = optional(slack_message, "thread_ts")?;
    let user = optional(slack_message, "user")?;
    let before = event.get("previous_message").unwrap_or(&Value::Null);
    let bot = optional(slack_message, "bot_id")?.or(text(before, "bot_id"));
    let app = app_of(slack_message).or(app_of(before));
    let is_own = bot.is_some() && app == Some(envelope.app.as_str());
    let content = Some(Value::String(content));
    let (message, response) = if is_own {
        (None, content)
    } else {
        (content, None)
    };
    let is_im = channel_type == Some("im");
    let mut metadata = json!({"channel": channel, "team": envelope.team, "ts": ts});
    let user_team = author::stated_team(envelope, slack_message);
    if let Some(user_team) = user_team.filter(|team| *team != envelope.team) {
        metadata["user_team"] = json!(user_team);
    }
    if let Some(thread_ts) = thread_ts {
        metadata["thread_ts"] = json!(thread_ts);
    }
    if let Some(bot) = bot {
        metadata["bot_id"] = json!(bot);
    }
    if let Some(files) = files(slack_message) {
        metadata["files"] = files;
    }
    let message = NewMessage {
        robeing_id: robeing_id.to_owned(),
        message,
        response,
        channel_id: Some(channel.to_owned()),
        channel_type: channel_type.map(str::to_owned),
        // The id of a thread is the `ts` of its first message. A direct conversation is one thread.
        thread_ts: thread_ts.or((!is_im).then_some(ts)).map(str::to_owned),
        slack_user_id: user.filter(|_| bot.is_none()).map(str::to_owned),
        metadata: Some(metadata),
        ..NewMessage::default()
    };
    Ok(Some(Box::new(message)))
}

fn is_written(subtype: Option<&str>) -> bool {
    subtype.is_none_or(|subtype| WRITTEN.contains(&subtype))
}

fn app_of(message: &Value) -> Option<&str> {
    text(message, "app_id").or_else(|| text(message.get("bot_profile")?, "app_id"))
}

fn files(message: &Value) -> Option<Value> {
    let files = message.get("files")?.as_array()?.iter();
    let files = files.filter(|file| file.is_object()).map(|file| {
        let of_file = |name| text(file, name);
        json!({"id": of_file("id"), "name": of_file("name"), "mimetype": of_file("mimetype")})
    });
    Some(files.collect())
}

/// A field's text, if it is text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// A field's text; an error if the field is something else.
fn optional<'a>(value: &'a Value, name: &str) -> Result<Option<&'a str>> {
    match value.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::Invalid(format!(
            "`{name}` of the message is not text"
        ))),
    }
}

fn required<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    let missing = || Error::Invalid(format!("the message has no `{name}`"));
    optional(value, name)?.ok_or_else(missing)
}

pub(super) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID && !text.contains(char::is_control)
}
