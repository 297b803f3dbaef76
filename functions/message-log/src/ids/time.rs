//! Times in version 7 UUIDs, and the days and months that they belong to.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use uuid::Uuid;

/// An id of something that happened at `time`: microseconds, then 62 bits of `tail`.
pub(super) fn id_at(time: Timestamp, tail: u64) -> Uuid {
    let micros = time.as_microsecond().max(0) as u128;
    let (millis, rest) = (micros / 1_000, micros % 1_000);
    let bits = (millis << 80)
        | (7 << 76)
        | ((rest * 4_096 / 1_000) << 64)
        | (0b10 << 62)
        | u128::from(tail & (u64::MAX >> 2));
    Uuid::from_u128(bits)
}

/// The lowest id of this time: all lower ids belong to earlier times.
pub fn first_id_at(time: Timestamp) -> Uuid {
    Uuid::from_u128((time.as_millisecond().max(0) as u128) << 80)
}

pub(super) fn v7(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text)
        .ok()
        .filter(|id| id.get_version_num() == 7)
}

/// The time in a version 7 UUID, in milliseconds.
pub fn time_of(id: Uuid) -> Option<Timestamp> {
    Timestamp::from_millisecond((id.as_u128() >> 80) as i64).ok()
}

/// Postgres stores microseconds. With this precision the first response and a repeat's are the same.
pub(super) fn to_micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// The day in UTC.
pub fn day_of(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}

/// The first day of the month of an id, in UTC.
pub fn month_of(id: Uuid) -> Date {
    day_of(time_of(id).unwrap_or_default()).first_of_month()
}

/// The first id of the month of a day, and the first id after it.
pub fn ids_of_month(day: Date) -> (Uuid, Uuid) {
    let first_of = |day: Date| {
        let midnight = Offset::UTC.to_timestamp(day.at(0, 0, 0, 0));
        first_id_at(midnight.unwrap_or(Timestamp::UNIX_EPOCH))
    };
    let first = day.first_of_month();
    let past = day.last_of_month().tomorrow().unwrap_or(first);
    (first_of(first), first_of(past))
}
