//! What a posting tells of a message: when it was sent, and the last byte of its id, which is as good as
//! random. Messages of one robeing that share both are found together, and told apart by their texts.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use uuid::Uuid;

use crate::identity::first_id_at;

/// The number of a segment begins with its month, in these bits and above.
const MONTH: u32 = 40;

/// Milliseconds since 1970, and in the lowest byte the last of the id.
pub type Moment = u64;
/// As it is stored: four bytes of milliseconds since the month began, and the last of the id.
const BYTES: usize = 5;

pub fn of(id: Uuid) -> Moment {
    (millisecond(id) << 8) as Moment | id.as_u128() as u64 & 0xff
}

/// All that messages between two may have.
pub fn between(first: Uuid, last: Uuid) -> RangeInclusive<Moment> {
    of(first) & !0xff..=of(last) | 0xff
}

/// The least id there may be of a moment.
pub fn id(moment: Moment) -> Uuid {
    Uuid::from_u128((u128::from(moment >> 8) << 80) | u128::from(moment & 0xff))
}

/// The first id of the next millisecond.
pub fn past(moment: Moment) -> Uuid {
    Uuid::from_u128(u128::from((moment >> 8) + 1) << 80)
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

pub fn month_of_segment(number: i64) -> Date {
    let months = number >> MONTH;
    let (year, month) = (1970 + months.div_euclid(12), 1 + months.rem_euclid(12));
    Date::new(year as i16, month as i8, 1).unwrap_or_default()
}

/// The lowest number of a month's segments; those of the next begin above all of this one's.
pub fn first_segment(month: Date) -> i64 {
    let months = (i64::from(month.year()) - 1970) * 12 + i64::from(month.month()) - 1;
    months << MONTH
}

pub fn past_segment(month: Date) -> i64 {
    first_segment(month) + (1 << MONTH)
}

pub fn to_bytes(month: Date, moments: &[Moment]) -> Vec<u8> {
    let start = of(first_id(month));
    let bytes = moments.iter().map(|moment| (moment - start).to_be_bytes());
    bytes
        .flat_map(|it| it.into_iter().skip(it.len() - BYTES))
        .collect()
}

/// In order, each once: segments that were merged may have overlapped.
pub fn from_bytes(month: Date, bytes: &[u8]) -> Vec<Moment> {
    let start = of(first_id(month));
    let (moments, _) = bytes.as_chunks::<BYTES>();
    let moment =
        |[a, b, c, d, e]: &[u8; BYTES]| start + u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
    let mut moments: Vec<Moment> = moments.iter().map(moment).collect();
    // The stable one, which only merges what is in order already: the lists of the merged segments.
    moments.sort();
    moments.dedup();
    moments
}

fn millisecond(id: Uuid) -> u128 {
    id.as_u128() >> 80
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_moment_leads_back_to_where_its_ids_begin() {
        let month = date(2026, 12, 1);
        let last = Timestamp::from_millisecond(1_798_761_599_999).unwrap();
        let start = Offset::UTC.to_timestamp(month.at(0, 0, 0, 0)).unwrap();
        for time in [last, start] {
            let known = Uuid::from_u128(first_id_at(time).as_u128() | (7 << 76) | 0x102);
            let moment = of(known);
            assert_eq!(month_of(known), month);
            assert_eq!(id(moment).as_u128(), first_id_at(time).as_u128() | 2);
            assert!(id(moment) < known && known < past(moment));
            assert!(between(known, known).contains(&moment));
            assert_eq!(from_bytes(month, &to_bytes(month, &[moment])), [moment]);
        }
        let next = date(2027, 1, 1);
        assert_eq!(
            past_id(month),
            first_id_at("2027-01-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(past_segment(month), first_segment(next));
        assert_eq!(month_of_segment(past_segment(month) - 1), month);
        assert_eq!(month_of_segment(past_segment(month)), next);
    }

    #[test]
    fn a_list_of_moments_is_read_back_in_order() {
        let month = date(2026, 12, 1);
        let first = of(first_id(month));
        let last = of(past_id(month)) - 1;
        let bytes = to_bytes(month, &[first + 7, last, first + 9, first + 7]);
        assert_eq!(bytes.len(), 20);
        assert_eq!(from_bytes(month, &bytes), [first + 7, first + 9, last]);
    }
}
