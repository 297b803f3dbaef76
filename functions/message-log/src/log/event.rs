//! Events that the write path takes, and the rows that they become.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::edit::Edit;
use crate::ids::Key;
use crate::message::NewMessage;

/// The sources of events, within which their ids are unique.
const SOURCES: [&str; 12] = [
    "http",
    "slack",
    "sqs",
    "sns",
    "pubsub",
    "cloudevents",
    "eventbridge",
    "kinesis",
    "dynamodb",
    "kafka",
    "s3",
    "unknown",
];

/// The source with this name.
pub fn source_named(name: &str) -> &'static str {
    let mut sources = SOURCES.into_iter();
    sources.find(|it| *it == name).unwrap_or("http")
}

/// A message with the facts about its delivery, whichever way it arrived.
#[derive(Clone, Debug)]
pub struct Event {
    /// `http`, `slack`, or the queue or bus that delivered it: see `events`.
    pub source: &'static str,
    /// The id that its source gave it.
    pub event_id: String,
    /// Recognizes repeats. Without a key, the event is always new.
    pub key: Option<Key>,
    /// The time at which it was sent, for a message without a time of its own.
    pub sent_at: Option<Timestamp>,
    pub message: NewMessage,
}

/// An event whose message has not been read.
#[derive(Clone, Debug)]
pub struct RawEvent {
    pub source: &'static str,
    /// The id that its source gave it.
    pub event_id: String,
    pub key: Key,
    /// The time at which it was sent, for a message without a time of its own.
    pub sent_at: Option<Timestamp>,
    /// The message as it was delivered.
    pub body: Option<Value>,
    /// The edit of a Slack message that it is.
    pub edit: Option<Edit>,
}

impl RawEvent {
    /// An event with the id in its key.
    pub fn with_key(source: &'static str, key: Key) -> Self {
        Self {
            source,
            event_id: key.text.clone(),
            key,
            sent_at: None,
            body: None,
            edit: None,
        }
    }

    /// The event with its message, to be stored.
    pub fn with_message(&self, message: NewMessage) -> Event {
        Event {
            source: self.source,
            event_id: self.event_id.clone(),
            key: Some(self.key.clone()),
            sent_at: self.sent_at,
            message,
        }
    }
}

/// A committed row. It serializes as the receipt of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct Stored {
    /// The id of the stored row.
    pub id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Whether it existed before.
    #[serde(skip)]
    pub replayed: bool,
}
