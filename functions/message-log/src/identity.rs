//! Which row an event is: ids that follow from the event wherever its key carries a time.
//!
//! A version 7 UUID, Slack's `ts`, and an SQS or Pub/Sub message id (each bound to the time it was
//! sent) always come with the same time, so the row's id is made of that time and a digest of the
//! key, and the primary key alone keeps repeats out. Any other key is looked up in a ledger.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// How far the clock of a sender may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// A message's own time this close to its key's time is the same moment, told twice.
const SAME_MOMENT: SignedDuration = SignedDuration::from_mins(1);
/// How much of a queue's number is kept. It orders what was sent within one millisecond.
const ORDER_BITS: u32 = 40;
/// The most decimal digits that always fit into 128 bits.
const MOST_DIGITS: usize = 38;
/// In characters: half of what the column takes, since masking may lengthen a text.
const LONGEST_NAME: usize = 256;

/// The key of an event, within its source and robeing.
#[derive(Clone, Debug)]
pub struct Key {
    pub text: String,
    /// When the event was, where this comes with the key, always the same.
    pub time: Option<Timestamp>,
    /// Its place among those of the same time, where its queue numbers them.
    pub order: Option<u64>,
}

impl Key {
    /// A key that its sender made. Where it is a version 7 UUID, it carries its time.
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

    /// The content of an event that has no id to use.
    pub fn of_content(event: &Value) -> Self {
        let mut content = Digest::default();
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

    /// With the number that a queue gave it; longer ones than this keeps differ in their ends.
    #[must_use]
    pub fn in_order(mut self, number: Option<&str>) -> Self {
        let number = number.filter(|number| number.bytes().all(|it| it.is_ascii_digit()));
        let number = number.map(|number| &number[number.len().saturating_sub(MOST_DIGITS)..]);
        let number = number.and_then(|number| number.parse::<u128>().ok());
        self.order = number.map(|number| number as u64 & ((1 << ORDER_BITS) - 1));
        self
    }

    /// The end of the id of an event at this key's own time: what tells it from all others, and
    /// before that what keeps the order of those that share their time. `digest` is of the owner too:
    /// the same key of two robeings is two rows, and neither tells whether the other is there.
    fn id_at(&self, time: Timestamp, digest: [u8; 16]) -> Uuid {
        if let Some(sender) = v7(&self.text).filter(|id| time_of(*id) == Some(time)) {
            // Whoever makes these counts within a millisecond.
            const OURS: u128 = (1 << 30) - 1;
            let ours = u128::from(tail(digest)) & OURS;
            return Uuid::from_u128((sender.as_u128() & !OURS) | ours);
        }
        let rest = tail(digest);
        id_at(time, self.order.map_or(rest, |order| ordered(order, rest)))
    }
}

/// The id of a row, and the ledger's key where the id does not follow from the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub ledger_key: Option<Uuid>,
}

/// Which times are taken as they are.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub now: Timestamp,
    pub oldest: Timestamp,
}

impl Window {
    pub fn new(now: Timestamp, max_age: SignedDuration) -> Self {
        let now = to_micros(now);
        Self {
            now,
            oldest: now.saturating_sub(max_age).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    fn is_ahead(&self, time: Timestamp) -> bool {
        time.duration_since(self.now) > AHEAD
    }
}

/// An event's time is more than a day ahead. Were it cut to what is possible now, the same event
/// would be another row tomorrow.
#[derive(Debug)]
pub struct AheadOfTime;

/// `sent_at` is for an event that tells no time of its own; `position` keeps the order of events of
/// one batch that have the same time.
pub fn identify(
    robeing_id: &str,
    source: &str,
    key: Option<&Key>,
    created_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    position: usize,
    window: &Window,
) -> Result<Identity, AheadOfTime> {
    let created_at = created_at.map(to_micros);
    let key_time = key.and_then(|key| key.time);
    if [key_time, created_at]
        .into_iter()
        .flatten()
        .any(|time| window.is_ahead(time))
    {
        return Err(AheadOfTime);
    }
    let digest = key.map(|key| digest(&[robeing_id, source, &key.text]));
    let is_same_moment = |time: Timestamp| {
        time >= window.oldest
            && created_at.is_none_or(|told| told.duration_since(time).abs() <= SAME_MOMENT)
    };
    if let (Some(key), Some(digest), Some(time)) = (key, digest, key_time)
        && is_same_moment(time)
    {
        return Ok(Identity {
            id: key.id_at(time, digest),
            created_at: time,
            ledger_key: None,
        });
    }
    let time = created_at
        .or(key_time)
        .or(sent_at
            .filter(|time| !window.is_ahead(*time))
            .map(to_micros))
        .unwrap_or(window.now)
        .max(window.oldest);
    // Of the key, where there is one, so that equal events give equal answers anywhere.
    let rest = digest.map_or_else(|| Uuid::new_v4().as_u128() as u64, tail);
    let position = (position as u64).min((1 << 10) - 1);
    let tail = match key.and_then(|key| key.order) {
        Some(order) => ordered(order, rest),
        None => (position << 52) | (rest >> 12),
    };
    Ok(Identity {
        id: id_at(time, tail),
        created_at: time,
        ledger_key: digest.map(Uuid::from_bytes),
    })
}

/// As Postgres keeps it, so that the first answer and a repeat's are the same.
fn to_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

fn bounded(text: String) -> String {
    let fits = text.chars().nth(LONGEST_NAME).is_none() && !text.contains('\0');
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

/// One digest of several texts, none of which runs into the next.
pub fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash[..16].try_into().expect("16 of 32 bytes")
}

/// The digest of values as JSON, which is nowhere as a whole.
#[derive(Default)]
pub struct Digest {
    hash: Sha256,
    pub bytes: usize,
}

impl Digest {
    pub fn add(&mut self, value: &impl Serialize) {
        serde_json::to_writer(self, value).expect("what came as JSON is JSON again");
    }

    pub fn finish(self) -> Uuid {
        let hash: [u8; 32] = self.hash.finalize().into();
        Uuid::from_bytes(hash[..16].try_into().expect("16 of 32 bytes"))
    }
}

impl io::Write for Digest {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.hash.update(part);
        self.bytes += part.len();
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The id of what happened at `time`: microseconds, then 62 bits of `tail`.
fn id_at(time: Timestamp, tail: u64) -> Uuid {
    let micros = time.as_microsecond().max(0) as u128;
    let (millis, rest) = (micros / 1_000, micros % 1_000);
    let bits = (millis << 80)
        | (7 << 76)
        | ((rest * 4_096 / 1_000) << 64)
        | (0b10 << 62)
        | u128::from(tail & (u64::MAX >> 2));
    Uuid::from_u128(bits)
}

/// The 62 bits that an id has after its time: a place, and then a part of a digest.
fn ordered(order: u64, rest: u64) -> u64 {
    (order << (62 - ORDER_BITS)) | (rest >> (2 + ORDER_BITS))
}

fn tail(digest: [u8; 16]) -> u64 {
    u64::from_be_bytes(digest[..8].try_into().expect("8 of 16 bytes"))
}

/// The lowest id of this time: everything before it was earlier.
pub fn first_id_at(time: Timestamp) -> Uuid {
    Uuid::from_u128((time.as_millisecond().max(0) as u128) << 80)
}

pub fn v7(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.get_version_num() == 7)
}

/// To the millisecond, which is what every version 7 UUID tells.
pub fn time_of(id: Uuid) -> Option<Timestamp> {
    Timestamp::from_millisecond((id.as_u128() >> 80) as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn window() -> Window {
        Window::new(
            at("2026-11-25T12:00:00Z"),
            SignedDuration::from_hours(24 * 400),
        )
    }

    fn of(key: &str, created_at: Option<&str>) -> Result<Identity, AheadOfTime> {
        let key = Key::of_sender(key);
        identify(
            "r1",
            "http",
            Some(&key),
            created_at.map(at),
            None,
            0,
            &window(),
        )
    }

    #[test]
    fn a_version_7_id_gives_its_time_and_order_to_a_row_of_its_owner_and_needs_no_ledger() {
        let id = "019abc00-0000-7abc-8000-000000000001";
        let identity = of(id, None).unwrap();
        assert_eq!(identity.id.to_string()[..28], id[..28]);
        assert_eq!(identity.ledger_key, None);
        assert_eq!(of(id, None).unwrap(), identity);
        let key = Key::of_sender(id);
        let others = identify("r2", "http", Some(&key), None, None, 0, &window()).unwrap();
        assert_ne!(others.id, identity.id);
        assert_ne!(identity.id.to_string(), id, "nobody chooses a row's id");
    }

    #[test]
    fn any_other_key_goes_to_the_ledger_at_the_time_it_tells() {
        let told = of("order-1", Some("2026-11-25T11:00:00.000001Z")).unwrap();
        assert!(told.ledger_key.is_some());
        assert_eq!(told.created_at, at("2026-11-25T11:00:00.000001Z"));
        let again = of("order-1", None).unwrap();
        assert_eq!(again.ledger_key, told.ledger_key);
        assert_ne!(again.id, told.id);
    }

    #[test]
    fn an_imported_message_is_where_its_own_time_is_and_not_where_its_new_id_is() {
        let id = "019abc00-0000-7abc-8000-000000000001";
        let imported = of(id, Some("2026-02-01T00:00:00Z")).unwrap();
        assert_eq!(time_of(imported.id), Some(at("2026-02-01T00:00:00Z")));
        assert!(imported.ledger_key.is_some());
    }

    #[test]
    fn what_is_too_old_is_stored_at_the_oldest_time_and_what_is_ahead_is_refused() {
        let old = of("a", Some("1970-01-01T00:00:00Z")).unwrap();
        assert_eq!(old.created_at, window().oldest);
        assert!(of("a", Some("2026-11-26T11:00:00Z")).is_ok());
        assert!(of("a", Some("2026-11-26T13:00:00Z")).is_err());
    }

    #[test]
    fn keys_of_different_parts_differ_however_their_texts_join() {
        let parts = [
            &["/a b", "c"] as &[&str],
            &["/a", "b c"],
            &["/a", "b", "c"],
            &["/a b c"],
            &["/a\",\"b c"],
            &["/a\\", "b c"],
            &["", "/a b c"],
            &["/a b c", ""],
        ];
        let texts = parts.map(|parts| Key::of_parts(parts).text);
        let unique: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(unique.len(), parts.len(), "{texts:?}");
    }

    #[test]
    fn a_publishers_id_of_any_length_is_a_key_that_can_be_stored() {
        let long = |end: &str| Key::of_publisher(&("x".repeat(100_000) + end));
        assert_eq!(long("1").text, long("1").text);
        assert_ne!(long("1").text, long("2").text);
        assert!(long("1").text.len() <= 36 && long("1").time.is_none());
        assert!(!Key::of_publisher("a\0b").text.contains('\0'));
        assert_eq!(Key::of_publisher("order-1").text, "order-1");
        let (source, id) = ("s".repeat(300), "i".repeat(300));
        assert!(Key::of_parts(&[&source, &id]).text.len() <= 36);
    }

    #[test]
    fn the_content_of_an_event_is_never_read_as_a_time() {
        for number in 0..100 {
            let key = Key::of_content(&serde_json::json!({ "n": number }));
            assert_eq!(v7(&key.text), None);
            assert_eq!(key.time, None);
        }
    }

    #[test]
    fn a_version_7_id_that_comes_with_another_time_is_a_row_at_that_time() {
        let text = "019abc00-0000-7abc-8000-000000000001".to_owned();
        let time = Some(at("2026-11-25T11:00:00Z"));
        let key = Key {
            text,
            time,
            order: None,
        };
        let identity = identify("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap();
        assert_eq!(time_of(identity.id), time);
    }

    #[test]
    fn within_one_time_the_order_is_that_of_the_queues_numbers_and_of_the_senders_ids() {
        let time = Some(at("2026-11-25T11:00:00Z"));
        let queues = |name: &str, number: &str| {
            let text = name.to_owned();
            let key = Key {
                text,
                time,
                order: None,
            }
            .in_order(Some(number));
            identify("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
        };
        let publishers = |name: &str, number: &str| {
            let key = Key::of_sender(name).in_order(Some(number));
            identify("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
        };
        let senders = |name: &str, _: &str| {
            let key = Key::of_sender(format!("019abc00-0000-7abc-8000-{name}00000000000"));
            identify("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
        };
        // Twenty digits, and more than 64 bits.
        let numbers = [
            "18849496460467696128",
            "18849496460467696129",
            "18849496460467710000",
        ];
        let names = ["a", "c", "b"];
        for identify in [&queues as &dyn Fn(&str, &str) -> Identity, &publishers] {
            let ids: Vec<Uuid> = (0..3)
                .map(|at| identify(names[at], numbers[at]).id)
                .collect();
            assert!(ids.is_sorted(), "{ids:?}");
        }
        // A stream's have 56 digits.
        let shard =
            |end: &str| "4959033827149025660855969253836157109592157598913".to_owned() + end;
        assert!(queues("b", &shard("6588898")).id < queues("a", &shard("6588899")).id);
        assert!(senders("1", "").id < senders("2", "").id);
        assert_eq!(queues("a", "7").id, queues("a", "7").id);
        assert_ne!(queues("a", "7").id, queues("b", "7").id);
        assert_eq!(queues("a", "7").ledger_key, None);
    }

    #[test]
    fn the_order_of_ids_is_the_order_of_times_and_within_one_time_that_of_the_batch() {
        let key = |position| {
            let time = Some(at("2026-11-25T11:00:00Z"));
            identify("r1", "http", None, time, None, position, &window())
                .unwrap()
                .id
        };
        assert!(key(0) < key(1) && key(1) < key(999));
        let (one, two) = (
            at("2026-11-25T11:00:00.000001Z"),
            at("2026-11-25T11:00:00.000002Z"),
        );
        assert!(id_at(one, u64::MAX) < id_at(two, 0));
        assert!(first_id_at(one) < id_at(one, 0));
        assert_eq!(id_at(one, 0).get_version_num(), 7);
    }
}
