//! When a message was sent, in milliseconds since its month began: what the postings of the search
//! know it by. Messages of one robeing that share a moment are found together, and told apart by
//! their texts.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use uuid::Uuid;

use crate::identity::first_id_at;

/// The number of a segment begins with its month, in these bits and above.
const MONTH: u32 = 40;

/// A month has less than 2^32 milliseconds.
pub type Moment = u32;

pub fn of(id: Uuid, month: Date) -> Moment {
    (millisecond(id) - millisecond(first_id(month))) as Moment
}

/// The first id of a moment.
pub fn id(month: Date, moment: Moment) -> Uuid {
    let moment = millisecond(first_id(month)) + u128::from(moment);
    Uuid::from_u128(moment << 80)
}

/// The first id of the moment that an id belongs to.
pub fn first(id: Uuid) -> Uuid {
    Uuid::from_u128(millisecond(id) << 80)
}

/// The first id past it.
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
    moments.iter().flat_map(|it| it.to_be_bytes()).collect()
}

/// In order, each once: segments that were merged may have overlapped.
pub fn from_bytes(bytes: &[u8]) -> Vec<Moment> {
    let (moments, _) = bytes.as_chunks();
    let mut moments: Vec<Moment> = moments.iter().copied().map(Moment::from_be_bytes).collect();
    moments.sort_unstable();
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
    fn a_moment_of_a_month_is_a_range_of_ids_and_back() {
        let month = date(2026, 12, 1);
        let last = Timestamp::from_millisecond(1_798_761_599_999).unwrap();
        for time in [
            last,
            Offset::UTC.to_timestamp(month.at(0, 0, 0, 0)).unwrap(),
        ] {
            let id = Uuid::from_u128(first_id_at(time).as_u128() | 7);
            assert_eq!(month_of(id), month);
            assert_eq!(first(id), super::id(month, of(id, month)));
            assert_eq!(first(id), first_id_at(time));
            assert!(first(id) < id && id < past(id));
        }
        assert_eq!(
            past_id(month),
            first_id_at("2027-01-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(past_segment(month), first_segment(date(2027, 1, 1)));
    }

    #[test]
    fn a_list_of_moments_is_read_back_in_order() {
        let bytes = to_bytes(&[7, u32::MAX, 9, 7]);
        assert_eq!(bytes.len(), 16);
        assert_eq!(from_bytes(&bytes), [7, 9, u32::MAX]);
    }
}
