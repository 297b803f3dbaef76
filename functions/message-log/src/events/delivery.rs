//! An event as it was delivered, before its message is read.

use jiff::Timestamp;
use platform::{Error, Result};
use serde_json::Value;
use uuid::Uuid;

use super::envelopes::{Name, Opened};
use crate::ids::Key;
use crate::log::Event;
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

/// An event as it was delivered.
pub struct Delivery {
    pub source: &'static str,
    /// The id that its source gave it.
    pub event_id: String,
    pub key: Key,
    /// The message as it was delivered, or the reason why there is none.
    pub body: Result<Value, String>,
    /// The reason why the body can't be a message, if its envelope shows that.
    pub(super) rejection: Option<String>,
    /// The time at which it was sent, for a message without a time of its own.
    pub sent_at: Option<Timestamp>,
    /// Whether an earlier delivery failed.
    pub(super) is_repeat: bool,
    pub(super) report: Report,
    /// The group within which the order of messages must be kept.
    pub(super) group: Option<String>,
}

/// How the response reports a failed delivery to its source.
pub(super) enum Report {
    /// By failing the whole request.
    Request,
    /// By the id of a message of a queue.
    Message(String),
    /// By the sequence number of a record of a stream.
    Sequence(String),
}

impl Delivery {
    /// A repeated delivery of an event that may be a dead letter.
    pub fn repeat(source: &str, event_id: String, key: Key) -> Self {
        let source = SOURCES
            .into_iter()
            .find(|known| *known == source)
            .unwrap_or("http");
        Self {
            source,
            event_id,
            key,
            body: Err("the dead letter has no body".to_owned()),
            rejection: None,
            sent_at: None,
            is_repeat: true,
            report: Report::Request,
            group: None,
        }
    }

    #[must_use]
    pub fn sent_at(mut self, sent_at: Option<Timestamp>) -> Self {
        self.sent_at = sent_at;
        self
    }

    /// Its key is the name of the event, otherwise `key`. An event without either is always new.
    pub(super) fn of(opened: Opened, source: &'static str, key: Option<Key>) -> Self {
        let Opened {
            name,
            sent_at,
            body,
            rejection,
        } = opened;
        let new_key = || match sent_at {
            Some(_) => Key::of_publisher(&Uuid::new_v4().to_string()).at(sent_at),
            None => Key::of_sender(Uuid::now_v7().to_string()),
        };
        let (source, key) = match name.within(source) {
            Name::Full(source, key) => (source, key),
            _ => (source, key.unwrap_or_else(new_key)),
        };
        Self {
            source,
            event_id: key.text.clone(),
            key,
            body,
            rejection,
            sent_at,
            is_repeat: false,
            report: Report::Request,
            group: None,
        }
    }

    pub(super) fn message(&self) -> Result<NewMessage> {
        match (&self.body, &self.rejection) {
            (Ok(body), None) => NewMessage::from_value(body.clone()),
            (_, Some(reason)) | (Err(reason), _) => Err(Error::Invalid(reason.clone())),
        }
    }

    /// The event with its message, to be stored.
    pub fn event(&self, message: NewMessage) -> Event {
        Event {
            source: self.source,
            event_id: self.event_id.clone(),
            key: Some(self.key.clone()),
            sent_at: self.sent_at,
            message,
        }
    }
}
