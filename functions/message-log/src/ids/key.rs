//! The key of an event, which its repeats share.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::digest::{JsonDigest, digest};
use super::time::{id_at, time_of, v7};
use super::{ORDER_BITS, ordered, tail};

/// The most decimal digits that always fit into 128 bits.
const MAX_DIGITS: usize = 38;
/// In characters: half the size of the column, since masking may lengthen a text.
const MAX_LENGTH: usize = 256;

/// The key of an event, unique within its source and robeing.
#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    /// The time of the event, if it always arrives with the key.
    pub time: Option<Timestamp>,
    /// The place of the event among those of the same time, if its queue numbers them.
    pub order: Option<u64>,
}

impl Key {
    /// A key that its sender made. A version 7 UUID carries its time.
    pub fn of_sender(text: impl Into<String>) -> Self {
        let text = text.into();
        let time = v7(&text).and_then(time_of);
        Self {
            text,
            time,
            order: None,
        }
    }

    /// An id that a publisher chose freely. A digest replaces an id that is too long or contains a NUL
    /// character.
    pub fn of_publisher(id: &str) -> Self {
        Self::of_sender(bounded(id.to_owned()))
    }

    /// Several parts, such as the source of an event and its id, as a JSON list: different parts never
    /// give the same text.
    pub fn of_parts(parts: &[&str]) -> Self {
        let text = serde_json::to_string(parts).expect("texts are JSON");
        Self {
            text: bounded(text),
            time: None,
            order: None,
        }
    }

    /// The content of an event without a usable id.
    pub fn of_content(event: &Value) -> Self {
        let mut content = JsonDigest::default();
        content.add(event);
        Self {
            text: without_time(content.finish().into_bytes()),
            time: None,
            order: None,
        }
    }

    /// Adds the time that always accompanies this key.
    #[must_use]
    pub fn at(mut self, time: Option<Timestamp>) -> Self {
        self.time = time;
        self
    }

    /// Adds the number that a queue assigned. Of a long number only the end is kept, which is the part that
    /// differs.
    #[must_use]
    pub fn in_order(mut self, number: Option<&str>) -> Self {
        let number = number.filter(|number| number.bytes().all(|it| it.is_ascii_digit()));
        let number = number.map(|number| &number[number.len().saturating_sub(MAX_DIGITS)..]);
        let number = number.and_then(|number| number.parse::<u128>().ok());
        self.order = number.map(|number| number as u64 & ((1 << ORDER_BITS) - 1));
        self
    }

    /// The id of an event at this key's own time. `digest` covers the robeing: the same key of two robeings
    /// gives two rows, and neither reveals whether the other exists.
    pub(super) fn id_at(&self, time: Timestamp, digest: [u8; 16]) -> Uuid {
        if let Some(sender) = v7(&self.text).filter(|id| time_of(*id) == Some(time)) {
            // The upper bits stay, since senders count within a millisecond.
            const OURS: u128 = (1 << 30) - 1;
            let ours = u128::from(tail(digest)) & OURS;
            return Uuid::from_u128((sender.as_u128() & !OURS) | ours);
        }
        let rest = tail(digest);
        id_at(time, self.order.map_or(rest, |order| ordered(order, rest)))
    }
}

fn bounded(text: String) -> String {
    let fits = text.chars().nth(MAX_LENGTH).is_none() && !text.contains('\0');
    if fits {
        return text;
    }
    without_time(digest(&["name", &text]))
}

/// A digest as a version 8 UUID: version 7 would be read as a time.
fn without_time(digest: [u8; 16]) -> String {
    uuid::Builder::from_custom_bytes(digest)
        .into_uuid()
        .to_string()
}
