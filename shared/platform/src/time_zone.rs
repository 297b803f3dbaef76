//! Time zones, as callers and settings name them.
//!
//! Postgres reads `UTC+9` as POSIX does, nine hours west of Greenwich, and accepts names of the machine such as
//! `localtime`. So no name reaches it: a name is parsed here alone, with the time zone database that is part of this
//! program, and statements get offsets (see [`crate::days`]).

use std::str::FromStr;

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use crate::Error;

/// The longest name, in bytes.
const MAX_NAME: usize = 64;
/// The offsets that are in use anywhere, in quarter hours.
const QUARTERS: std::ops::RangeInclusive<i32> = -12 * 4..=14 * 4;
/// Names of the database that are abbreviations. People use them for the time in summer too, or for other zones.
const ABBREVIATIONS: [&str; 7] = ["CET", "EET", "EST", "HST", "MET", "MST", "WET"];
/// Abbreviations that are no names of the database and don't end in `T`.
const OTHER_ABBREVIATIONS: [&str; 4] = ["AOE", "MSK", "WIB", "WITA"];
/// A placeholder of the database for machines without a time zone.
const PLACEHOLDER: &str = "Factory";

/// A time zone with its canonical name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    name: String,
    pub(crate) rules: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidZone {
    #[error("unknown time zone: use a name like Asia/Seoul, or an offset like +09:00")]
    Unknown,
    #[error(
        "abbreviations are not accepted, because they stand for several zones or don't say whether clocks change in \
         summer: use a name like Asia/Seoul, or an offset like +09:00"
    )]
    Abbreviation,
    #[error(
        "an offset must be a number of quarter hours from -12:00 to +14:00: write it like +09:00, or use a name like \
         Asia/Seoul"
    )]
    Offset,
}

impl Zone {
    /// The name in the time zone database, `UTC`, or an offset such as `+05:30`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The zone that a parameter of a request names.
    pub fn of_parameter(parameter: &str, text: &str) -> Result<Self, Error> {
        text.parse().map_err(|error: InvalidZone| {
            // A plus sign that is not escaped in the query of a URL arrives as a blank.
            let meant = text.trim().replace(' ', "+");
            Error::Invalid(if meant.parse::<Self>().is_ok() {
                let escaped = meant.replace('+', "%2B");
                format!(
                    "{parameter}: in the query of a URL, `+` means a blank: write it as %2B, {parameter}={escaped}"
                )
            } else {
                format!("{parameter}: {error}")
            })
        })
    }

    fn named(name: &str) -> Result<Self, InvalidZone> {
        let is = |other: &str| other.eq_ignore_ascii_case(name);
        if is("Z") {
            return Ok(Self::utc());
        }
        if ABBREVIATIONS.into_iter().any(is) {
            return Err(InvalidZone::Abbreviation);
        }
        if is(PLACEHOLDER) || name.len() > MAX_NAME {
            return Err(InvalidZone::Unknown);
        }
        let rules = TimeZoneDatabase::bundled().get(name);
        let rules = rules.map_err(|_| match is_abbreviation(name) {
            true => InvalidZone::Abbreviation,
            false => InvalidZone::Unknown,
        })?;
        if rules == TimeZone::UTC {
            return Ok(Self::utc());
        }
        let name = rules.iana_name().ok_or(InvalidZone::Unknown)?.to_owned();
        Ok(Self { name, rules })
    }

    fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }

    /// East of Greenwich is positive, as people and ISO 8601 write it.
    fn fixed(quarters: i32) -> Result<Self, InvalidZone> {
        if !QUARTERS.contains(&quarters) {
            return Err(InvalidZone::Offset);
        }
        if quarters == 0 {
            return Ok(Self::utc());
        }
        let sign = if quarters < 0 { '-' } else { '+' };
        let minutes = quarters.abs() * 15;
        let offset = Offset::from_seconds(quarters * 15 * 60);
        Ok(Self {
            name: format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60),
            rules: TimeZone::fixed(offset.map_err(|_| InvalidZone::Offset)?),
        })
    }
}

impl FromStr for Zone {
    type Err = InvalidZone;

    /// Accepts a name of the time zone database in any case, or an offset such as `+09:00`, `-3`, `UTC+9` or
    /// `GMT+05:30`.
    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        match offset(text) {
            Some(quarters) => Self::fixed(quarters?),
            None => Self::named(text.trim()),
        }
    }
}

/// Whether an unknown name looks like an abbreviation: most end in the `T` of `time`.
fn is_abbreviation(name: &str) -> bool {
    let is_word = (3..=5).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_alphabetic());
    let mut others = OTHER_ABBREVIATIONS.into_iter();
    is_word && (name.ends_with(['T', 't']) || others.any(|it| it.eq_ignore_ascii_case(name)))
}

/// The quarter hours of an offset; none if the text has not the form of an offset.
fn offset(text: &str) -> Option<Result<i32, InvalidZone>> {
    let prefix = text.trim_start().get(..3);
    let has_prefix = prefix.is_some_and(|it| {
        ["UTC", "GMT"]
            .iter()
            .any(|utc| utc.eq_ignore_ascii_case(it))
    });
    let rest = if has_prefix {
        &text.trim_start()[3..]
    } else {
        text
    };
    // A plus sign that is not escaped in the query of a URL arrives as a blank.
    let is_blank = rest.starts_with(' ');
    let rest = rest.trim();
    let (sign, digits) = match rest.chars().next()? {
        '+' => (1, &rest[1..]),
        '-' => (-1, &rest[1..]),
        '\u{2212}' => (-1, &rest['\u{2212}'.len_utf8()..]),
        digit if digit.is_ascii_digit() && is_blank => (1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "00"),
    };
    let number = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let is_number = lengths.contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        is_number.then(|| text.parse::<i32>().ok()).flatten()
    };
    let parts = number(hours, 1..=2).zip(number(minutes, 2..=2));
    let quarters = parts.filter(|(_, minutes)| *minutes < 60 && minutes % 15 == 0);
    let quarters = quarters.map(|(hours, minutes)| sign * (hours * 4 + minutes / 15));
    Some(quarters.ok_or(InvalidZone::Offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Result<String, InvalidZone> {
        text.parse::<Zone>().map(|zone| zone.name)
    }

    #[test]
    fn an_offset_means_what_people_mean_by_it_and_not_what_posix_does() {
        for (text, expected) in [
            ("UTC+9", "+09:00"),
            ("GMT+9", "+09:00"),
            ("utc+09:00", "+09:00"),
            ("UTC +9", "+09:00"),
            ("+09:00", "+09:00"),
            ("+9", "+09:00"),
            ("+0900", "+09:00"),
            ("-3:30", "-03:30"),
            ("\u{2212}03:30", "-03:30"),
            ("GMT-12", "-12:00"),
            ("+5:45", "+05:45"),
            ("+14:00", "+14:00"),
            // As an unescaped `+` in a URL arrives.
            (" 09:00", "+09:00"),
            ("UTC 9", "+09:00"),
            ("UTC+0", "UTC"),
            ("GMT-00:00", "UTC"),
            ("+00:00", "UTC"),
        ] {
            assert_eq!(name(text).as_deref(), Ok(expected), "{text:?}");
        }
        let seoul: Zone = "UTC+9".parse().unwrap();
        let offset = seoul.rules.to_offset(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(offset.seconds(), 9 * 3_600);
        for text in [
            "+09:07",
            "+15:00",
            "-12:15",
            "+99",
            "UTC+9:5",
            "+",
            "UTC+",
            "+9h",
            "+09:00:00",
        ] {
            assert_eq!(name(text), Err(InvalidZone::Offset), "{text:?}");
        }
    }

    #[test]
    fn a_name_of_the_database_is_accepted_in_any_case_with_its_own_meaning() {
        for (text, expected) in [
            ("Asia/Seoul", "Asia/Seoul"),
            ("asia/seoul", "Asia/Seoul"),
            (" Asia/Seoul ", "Asia/Seoul"),
            ("america/argentina/salta", "America/Argentina/Salta"),
            ("UTC", "UTC"),
            ("utc", "UTC"),
            ("Z", "UTC"),
            ("ROK", "ROK"),
            ("EST5EDT", "EST5EDT"),
            // In the database, the sign of these is that of POSIX.
            ("Etc/GMT+9", "Etc/GMT+9"),
        ] {
            assert_eq!(name(text).as_deref(), Ok(expected), "{text:?}");
        }
        let west: Zone = "Etc/GMT+9".parse().unwrap();
        let offset = west.rules.to_offset(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(offset.seconds(), -9 * 3_600);
    }

    #[test]
    fn a_name_that_depends_on_the_machine_or_the_season_is_refused() {
        for text in [
            "",
            " ",
            "Mars",
            "Seoul",
            "localtime",
            "LOCAL",
            "posixrules",
            "Factory",
            "factory",
            "Etc/Unknown",
            "right/Asia/Seoul",
            "posix/UTC",
            "UTC9",
            "09:00",
            "EST5EDT,M3.2.0,M11.1.0",
            "<+09>-9",
            "Foo/Bar+3",
            "Asia/Seoul\0",
            "../../etc/localtime",
        ] {
            assert_eq!(name(text), Err(InvalidZone::Unknown), "{text:?}");
        }
        for text in [
            "EST", "est", "MST", "HST", "CET", "EET", "MET", "WET", "KST", "kst", "PST", "IST",
            "CEST", "AEDT", "MSK",
        ] {
            assert_eq!(name(text), Err(InvalidZone::Abbreviation), "{text:?}");
        }
    }

    #[test]
    fn a_name_whose_plus_sign_was_not_escaped_is_refused_with_the_escaped_form() {
        let refusal = |text| {
            Zone::of_parameter("timezone", text)
                .unwrap_err()
                .to_string()
        };
        for text in ["Etc/GMT 9", "etc/gmt 9"] {
            let refusal = refusal(text);
            assert!(refusal.contains("write it as %2B"), "{refusal}");
            assert!(
                refusal.to_lowercase().ends_with("timezone=etc/gmt%2b9"),
                "{refusal}"
            );
        }
        for text in ["Etc/GMT 99", "Asia Seoul", "KST"] {
            let refusal = refusal(text);
            assert!(!refusal.contains("%2B"), "{refusal}");
            assert!(refusal.contains("Asia/Seoul"), "{refusal}");
        }
    }
}
