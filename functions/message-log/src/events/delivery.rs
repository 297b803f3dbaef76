//! An event as it was delivered.

use platform::{Error, Result};
use uuid::Uuid;

use super::envelopes::{Name, Opened};
use crate::ids::Key;
use crate::log::RawEvent;
use crate::message::NewMessage;

/// An event as it was delivered.
pub(super) struct Delivery {
    pub(super) event: RawEvent,
    /// The reason why there is no message, if the envelope shows that.
    pub(super) rejection: Option<String>,
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
            event: RawEvent {
                sent_at,
                body,
                ..RawEvent::with_key(source, key)
            },
            rejection,
            is_repeat: false,
            report: Report::Request,
            group: None,
        }
    }

    pub(super) fn message(&self) -> Result<NewMessage> {
        match &self.rejection {
            Some(reason) => Err(Error::Invalid(reason.clone())),
            None => NewMessage::from_value(self.event.body.clone().unwrap_or_default()),
        }
    }
}
