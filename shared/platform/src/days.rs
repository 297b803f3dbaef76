//! The days of a request, in a time zone: of counts that are kept by quarter hour.
//!
//! A statement that groups quarter hours by local time gets the offsets of the zone, not its name, so that the time
//! zone database of this program decides alone:
//!
//! ```sql
//! (quarter_hour + interval '450 seconds') at time zone 'utc'
//!     + $2[1 + width_bucket(quarter_hour + interval '450 seconds', $1)] * interval '1 second'
//! ```
//!
//! This is the local time in the middle of the quarter hour. The middle decides where an offset, or the time at which
//! it changes, is not a whole number of quarter hours, as in the 19th century.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::time_zone::Zone;
use crate::{Error, Result};

/// The number of days if the request names none.
const DEFAULT_DAYS: i32 = 30;
const MAX_DAYS: i32 = 400;
/// The years that Postgres and `jiff` both support, with room for the days around them.
const YEARS: RangeInclusive<i16> = 1..=9998;
/// Local days may overlap in time: where clocks are set back over midnight, a day continues after the next one began.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

/// The days from `first` to `last`, both included.
#[derive(Clone, Debug)]
pub struct Days {
    pub zone: Zone,
    pub first: Date,
    pub last: Date,
}

/// The offsets of a zone in the time around some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The times at which the offset changes.
    pub changes: Vec<Timestamp>,
    /// The offset before the first change, and after each, in seconds east of Greenwich.
    pub seconds: Vec<i32>,
}

impl Days {
    /// By default, 30 days, and the last one is today in the zone.
    ///
    /// # Errors
    /// If there is no day, if there are more than 400, or if they are not in the years 1 to 9998.
    pub fn of(zone: Zone, from: Option<Date>, to: Option<Date>, now: Timestamp) -> Result<Self> {
        if !from
            .iter()
            .chain(&to)
            .all(|day| YEARS.contains(&day.year()))
        {
            return Err(Error::Invalid(format!(
                "from and to must be in the years {} to {}",
                YEARS.start(),
                YEARS.end()
            )));
        }
        let others = (DEFAULT_DAYS - 1).days();
        let (first, last) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) => (from, from.saturating_add(others)),
            (None, to) => {
                let last = to.unwrap_or_else(|| zone.day_of(now));
                (last.saturating_sub(others), last)
            }
        };
        let days = (last - first).get_days() + 1;
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Error::Invalid(format!(
                "from and to must span 1 to {MAX_DAYS} days"
            )));
        }
        Ok(Self { zone, first, last })
    }

    pub fn iter(&self) -> impl Iterator<Item = Date> {
        let last = self.last;
        self.first
            .series(1.day())
            .take_while(move |day| *day <= last)
    }

    /// A time before all of the days, and one after them. Both are less than two days away from them.
    pub fn around(&self) -> (Timestamp, Timestamp) {
        let rules = &self.zone.rules;
        let start = rules.to_timestamp(self.first.at(0, 0, 0, 0));
        let end = rules.to_timestamp(self.last.saturating_add(1.day()).at(0, 0, 0, 0));
        (
            start
                .unwrap_or(Timestamp::MIN)
                .saturating_sub(MARGIN)
                .unwrap_or(Timestamp::MIN),
            end.unwrap_or(Timestamp::MAX)
                .saturating_add(MARGIN)
                .unwrap_or(Timestamp::MAX),
        )
    }

    pub fn offsets(&self) -> Offsets {
        let (before, after) = self.around();
        let rules = &self.zone.rules;
        let mut offsets = Offsets {
            changes: Vec::new(),
            seconds: vec![rules.to_offset(before).seconds()],
        };
        for change in rules
            .following(before)
            .take_while(|it| it.timestamp() < after)
        {
            offsets.changes.push(change.timestamp());
            offsets.seconds.push(change.offset().seconds());
        }
        offsets
    }
}

impl Zone {
    pub fn day_of(&self, time: Timestamp) -> Date {
        self.rules.to_datetime(time).date()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days(zone: &str, from: Option<Date>, to: Option<Date>, now: &str) -> Result<Days> {
        Days::of(zone.parse().unwrap(), from, to, now.parse().unwrap())
    }

    #[test]
    fn the_last_day_is_today_in_the_zone() {
        for (zone, now, today) in [
            ("Asia/Seoul", "2026-11-20T15:30:00Z", date(2026, 11, 21)),
            (
                "America/New_York",
                "2026-11-21T03:00:00Z",
                date(2026, 11, 20),
            ),
            ("Asia/Kolkata", "2026-11-20T18:40:00Z", date(2026, 11, 21)),
            ("+13:45", "2026-11-20T10:20:00Z", date(2026, 11, 21)),
        ] {
            let days = days(zone, None, None, now).unwrap();
            assert_eq!((days.last, days.iter().count()), (today, 30), "{zone}");
        }
    }

    #[test]
    fn one_to_four_hundred_days_in_the_years_1_to_9998_are_accepted() {
        let now = "2026-11-20T00:00:00Z";
        let day = date(2026, 11, 1);
        let of = |from, to| days("UTC", from, to, now).map(|days| days.iter().count());
        assert_eq!(of(Some(day), Some(day)).unwrap(), 1);
        assert_eq!(of(Some(day), None).unwrap(), 30);
        assert_eq!(of(None, Some(date(1, 1, 1))).unwrap(), 30);
        assert_eq!(of(Some(date(9998, 12, 31)), None).unwrap(), 30);
        assert_eq!(of(Some(day), Some(date(2027, 12, 5))).unwrap(), 400);
        for (from, to) in [
            (Some(day), Some(date(2026, 10, 31))),
            (Some(day), Some(date(2027, 12, 6))),
            (Some(date(9999, 1, 1)), None),
            (None, Some(date(0, 12, 31))),
            (Some(Date::MIN), Some(Date::MAX)),
        ] {
            assert!(of(from, to).is_err(), "{from:?} {to:?}");
        }
    }

    #[test]
    fn offsets_change_where_the_clocks_do() {
        let day = Some(date(2026, 10, 4));
        let howe = days("Australia/Lord_Howe", day, day, "2026-10-04T00:00:00Z").unwrap();
        assert_eq!(
            howe.offsets(),
            Offsets {
                changes: vec!["2026-10-03T15:30:00Z".parse().unwrap()],
                seconds: vec![37_800, 39_600],
            }
        );
        let fixed = days("+05:45", day, day, "2026-10-04T00:00:00Z").unwrap();
        assert_eq!(fixed.offsets().seconds, [20_700]);
        assert_eq!(
            fixed.around(),
            (
                "2026-10-02T18:15:00Z".parse().unwrap(),
                "2026-10-05T18:15:00Z".parse().unwrap()
            )
        );
    }
}
