//! Time keys, as which posting lists name messages: the millisecond of a message, and the last byte of its id, which
//! is random.
//!
//! Messages of a robeing with the same time key are found together. Search then checks the text of each.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use uuid::Uuid;

use crate::ids::ids_of_month;

/// Milliseconds since 1970, followed by the last byte of the id in the lowest 8 bits.
pub type TimeKey = u64;
/// The bytes of a stored time key: four for the milliseconds since the month began, and the last byte of the id.
const BYTES: usize = 5;
/// The number of a segment has its month in these bits and above.
const MONTH_SHIFT: u32 = 40;

pub fn of(id: Uuid) -> TimeKey {
    ((id.as_u128() >> 80) << 8) as TimeKey | id.as_u128() as u64 & 0xff
}

/// All time keys that messages between two ids may have.
pub fn between(first: Uuid, last: Uuid) -> RangeInclusive<TimeKey> {
    of(first) & !0xff..=of(last) | 0xff
}

/// The lowest id with this time key.
pub fn first_id(key: TimeKey) -> Uuid {
    Uuid::from_u128((u128::from(key >> 8) << 80) | u128::from(key & 0xff))
}

/// The first id of the next millisecond.
pub fn past_id(key: TimeKey) -> Uuid {
    Uuid::from_u128(u128::from((key >> 8) + 1) << 80)
}

pub fn month_of_segment(number: i64) -> Date {
    let months = number >> MONTH_SHIFT;
    let (year, month) = (1970 + months.div_euclid(12), 1 + months.rem_euclid(12));
    Date::new(year as i16, month as i8, 1).unwrap_or_default()
}

/// The lowest segment number of a month, and that of the next month.
pub fn segments_of_month(month: Date) -> (i64, i64) {
    let months = (i64::from(month.year()) - 1970) * 12 + i64::from(month.month()) - 1;
    (months << MONTH_SHIFT, (months + 1) << MONTH_SHIFT)
}

/// A posting list of messages of this month.
pub fn to_bytes(month: Date, keys: &[TimeKey]) -> Vec<u8> {
    let start = of(ids_of_month(month).0);
    let bytes = keys.iter().map(|key| (key - start).to_be_bytes());
    bytes
        .flat_map(|it| it.into_iter().skip(it.len() - BYTES))
        .collect()
}

/// The time keys of a posting list, in order and without duplicates: the lists of merged segments may overlap.
pub fn from_bytes(month: Date, bytes: &[u8]) -> Vec<TimeKey> {
    let start = of(ids_of_month(month).0);
    let (keys, _) = bytes.as_chunks::<BYTES>();
    let key =
        |[a, b, c, d, e]: &[u8; BYTES]| start + u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
    let mut keys: Vec<TimeKey> = keys.iter().map(key).collect();
    // A stable sort merges runs that are already in order, such as the lists of merged segments.
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::civil::date;

    use super::*;
    use crate::ids::{first_id_at, month_of};

    #[test]
    fn a_time_key_leads_to_the_ids_of_its_millisecond() {
        let month = date(2026, 12, 1);
        let last = Timestamp::from_millisecond(1_798_761_599_999).unwrap();
        let start: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        for time in [last, start] {
            let id = Uuid::from_u128(first_id_at(time).as_u128() | (7 << 76) | 0x102);
            let key = of(id);
            assert_eq!(month_of(id), month);
            assert_eq!(first_id(key).as_u128(), first_id_at(time).as_u128() | 2);
            assert!(first_id(key) < id && id < past_id(key));
            assert!(between(id, id).contains(&key));
            assert_eq!(from_bytes(month, &to_bytes(month, &[key])), [key]);
        }
        let next = date(2027, 1, 1);
        let (_, past) = ids_of_month(month);
        assert_eq!(past, first_id_at("2027-01-01T00:00:00Z".parse().unwrap()));
        let (_, past) = segments_of_month(month);
        assert_eq!(past, segments_of_month(next).0);
        assert_eq!(month_of_segment(past - 1), month);
        assert_eq!(month_of_segment(past), next);
    }

    #[test]
    fn a_posting_list_is_read_in_order_and_without_duplicates() {
        let month = date(2026, 12, 1);
        let (first, past) = ids_of_month(month);
        let (first, last) = (of(first), of(past) - 1);
        let bytes = to_bytes(month, &[first + 7, last, first + 9, first + 7]);
        assert_eq!(bytes.len(), 20);
        assert_eq!(from_bytes(month, &bytes), [first + 7, first + 9, last]);
    }
}
