//! The ids of rows, derived from their events.
//!
//! A version 7 UUID, Slack's `ts`, and an SQS or Pub/Sub message id (each together with the time at which it was
//! sent) always arrive with the same time. The row's id then consists of that time and a digest of the key, and the
//! primary key alone rejects repeats. All other keys are looked up in `conversation.ingest_key`, the ledger.

mod digest;
mod key;
mod slack;
mod time;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use digest::{JsonDigest, digest};
pub use key::Key;
pub use slack::slack_time;
pub use time::{day_of, first_id_at, ids_of_month, month_of, time_of};

use time::{id_at, to_micros};

/// How far a sender's clock may be ahead.
const MAX_AHEAD: SignedDuration = SignedDuration::from_hours(24);
/// If a message's own time and the time of its key differ by less, both mean the same moment.
const SAME_TIME: SignedDuration = SignedDuration::from_mins(1);
/// The bits of a queue's number that are kept. It orders what was sent within one millisecond.
const ORDER_BITS: u32 = 40;

/// The id of a row, and its key in the ledger if the id doesn't follow from the event alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowIdentity {
    pub id: Uuid,
    pub created_at: Timestamp,
    pub ledger_key: Option<Uuid>,
}

/// The times that are accepted as they are.
#[derive(Clone, Copy, Debug)]
pub struct TimeWindow {
    pub now: Timestamp,
    pub oldest: Timestamp,
}

impl TimeWindow {
    pub fn new(now: Timestamp, max_age: SignedDuration) -> Self {
        let now = to_micros(now);
        Self {
            now,
            oldest: now.saturating_sub(max_age).unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    fn is_ahead(&self, time: Timestamp) -> bool {
        time.duration_since(self.now) > MAX_AHEAD
    }
}

/// An event's time is more than a day ahead. If it were cut to the latest accepted time, the same event would
/// become another row tomorrow.
#[derive(Debug)]
pub struct AheadOfTime;

impl RowIdentity {
    /// `sent_at` applies to an event without a time of its own. `position` orders the events of one batch that
    /// have the same time.
    pub fn of(
        robeing_id: &str,
        source: &str,
        key: Option<&Key>,
        created_at: Option<Timestamp>,
        sent_at: Option<Timestamp>,
        position: usize,
        window: &TimeWindow,
    ) -> Result<Self, AheadOfTime> {
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
        let is_time_of_message = |time: Timestamp| {
            time >= window.oldest
                && created_at.is_none_or(|it| it.duration_since(time).abs() <= SAME_TIME)
        };
        if let (Some(key), Some(digest), Some(time)) = (key, digest, key_time)
            && is_time_of_message(time)
        {
            return Ok(Self {
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
        // From the key, if there is one, so that equal events give equal responses everywhere.
        let rest = digest.map_or_else(|| Uuid::new_v4().as_u128() as u64, tail);
        let position = (position as u64).min((1 << 10) - 1);
        let tail = match key.and_then(|key| key.order) {
            Some(order) => ordered(order, rest),
            None => (position << 52) | (rest >> 12),
        };
        Ok(Self {
            id: id_at(time, tail),
            created_at: time,
            ledger_key: digest.map(Uuid::from_bytes),
        })
    }
}

/// Where rows with a key can be, whatever the time of their message: the id that follows from the key's own time, and the
/// key in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    pub id: Option<Uuid>,
    pub ledger_key: Uuid,
}

impl Places {
    pub fn of(robeing_id: &str, source: &str, key: &Key) -> Self {
        let digest = digest(&[robeing_id, source, &key.text]);
        Self {
            id: key.time.map(|time| key.id_at(time, digest)),
            ledger_key: Uuid::from_bytes(digest),
        }
    }
}

/// The 62 bits of an id after its time: a place in an order, followed by a part of a digest.
fn ordered(order: u64, rest: u64) -> u64 {
    (order << (62 - ORDER_BITS)) | (rest >> (2 + ORDER_BITS))
}

fn tail(digest: [u8; 16]) -> u64 {
    u64::from_be_bytes(digest[..8].try_into().expect("8 of 16 bytes"))
}

#[cfg(test)]
mod tests;
