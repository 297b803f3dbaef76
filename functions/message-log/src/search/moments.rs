//! What a posting tells of a message: when it was sent, in milliseconds since its month began, and the
//! last byte of its id, which is as good as random. Messages of one robeing that share both are found
//! together, and told apart by their texts.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use uuid::Uuid;

use crate::identity::first_id_at;

/// The number of a segment begins with its month, in these bits and above.
const MONTH: u32 = 40;

/// Four bytes of milliseconds, of which a month has less, and the last of the id.
pub type Moment = u64;
const BYTES: usize = 5;

pub fn of(id: Uuid, month: Date) -> Moment {
    let since = millisecond(id) - millisecond(first_id(month));
    (since << 8) as Moment | last_byte(id)
}

/// All that messages between two of a month may have.
pub fn between(first: Uuid, last: Uuid, month: Date) -> RangeInclusive<Moment> {
    of(first, month) & !0xff..=of(last, month) | 0xff
}

/// The least id there may be of a moment.
pub fn id(month: Date, moment: Moment) -> Uuid {
    let millisecond = millisecond(first_id(month)) + u128::from(moment >> 8);
    Uuid::from_u128((millisecond << 80) | u128::from(moment & 0xff))
}

/// As [`id`], of the moment that an id belongs to.
pub fn least(id: Uuid) -> Uuid {
    Uuid::from_u128((millisecond(id) << 80) | u128::from(last_byte(id)))
}

/// The first id of the next millisecond.
pub fn past(id: Uuid) -> Uuid {
    Uuid::from_u128((millisecond(id) + 1) << 80)
}

pub fn month_of(id: Uuid) -> Date {
    let time = Timestamp::from_millisecond(millisecond(id) as i64).unwrap_or_default();
    Offset::UTC.to_datetime(time).date().first_of_month()
}

/// The first id of a month, a day in it being given.
pub fn first_id(month: Date) -> Uuid {
    let start = Offset::UTC.to_timestamp(month.first_of_month().at(0, 0, 0, 0));
    first_id_at(start.unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The first id past a month.
pub fn past_id(month: Date) -> Uuid {
    first_id(month.last_of_month().tomorrow().unwrap_or(month))
}

/// The lowest number of a month's segments; those of the next begin above all of this one's.
pub fn first_segment(month: Date) -> i64 {
    let months = (i64::from(month.year()) - 1970) * 12 + i64::from(month.month()) - 1;
    months << MONTH
}

pub fn past_segment(month: Date) -> i64 {
    first_segment(month) + (1 << MONTH)
}

pub fn to_bytes(moments: &[Moment]) -> Vec<u8> {
    let bytes = moments.iter().map(|moment| moment.to_be_bytes());
    bytes
        .flat_map(|it| it.into_iter().skip(it.len() - BYTES))
        .collect()
}

/// In order, each once: segments that were merged may have overlapped.
pub fn from_bytes(bytes: &[u8]) -> Vec<Moment> {
    let (moments, _) = bytes.as_chunks::<BYTES>();
    let moment = |[a, b, c, d, e]: &[u8; BYTES]| u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
    let mut moments: Vec<Moment> = moments.iter().map(moment).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

fn last_byte(id: Uuid) -> u64 {
    id.as_u128() as u64 & 0xff
}

fn millisecond(id: Uuid) -> u128 {
    id.as_u128() >> 80
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_moment_of_a_month_leads_back_to_where_its_ids_begin() {
        let month = date(2026, 12, 1);
        let last = Timestamp::from_millisecond(1_798_761_599_999).unwrap();
        let start = Offset::UTC.to_timestamp(month.at(0, 0, 0, 0)).unwrap();
        for time in [last, start] {
            let known = Uuid::from_u128(first_id_at(time).as_u128() | (7 << 76) | 0x102);
            assert_eq!(month_of(known), month);
            assert_eq!(least(known), id(month, of(known, month)));
            assert_eq!(least(known).as_u128(), first_id_at(time).as_u128() | 2);
            assert!(least(known) < known && known < past(known));
        }
        assert_eq!(
            past_id(month),
            first_id_at("2027-01-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(past_segment(month), first_segment(date(2027, 1, 1)));
    }

    #[test]
    fn a_list_of_moments_is_read_back_in_order() {
        let most = (1 << 40) - 1;
        let bytes = to_bytes(&[7, most, 9, 7]);
        assert_eq!(bytes.len(), 20);
        assert_eq!(from_bytes(&bytes), [7, 9, most]);
    }
}
