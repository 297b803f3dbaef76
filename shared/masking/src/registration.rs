//! Resident and foreigner registration numbers: YYMMDD, a digit for century and sex, and six more digits.
//!
//! The check digit follows the enforcement rules of the Resident Registration Act: weights 2 to 9 and 2 to 5, then
//! (11 - sum mod 11) mod 10 for residents, with 13 instead of 11 for foreigners. It is only additional evidence, since
//! the last six digits are random from October 2020 on.

use std::ops::Range;

use super::digits::{Gap, Number};
use super::labels::Class;
use super::policy::Kind;
use super::text::Text;

const LENGTH: usize = 13;

pub fn registration(text: &Text, number: &Number) -> Option<Kind> {
    if !number.ends_at(LENGTH) {
        return None;
    }
    let digits = &number.digits[..LENGTH];
    let units = number.units(LENGTH);
    let kind = match digits[6] {
        5..=8 => Kind::Frn,
        _ => Kind::Rrn,
    };
    let thing = text.named(units.start, Class::THING);
    let labelled = || !thing && text.near(&units, Class::REGISTRATION);
    let halves = number.cut(LENGTH, &[6]);
    let regular = halves || number.whole(LENGTH) || number.single(LENGTH);
    // "123456 / 1234567" are two counts.
    let counts = number.gap(6).meets_both(Gap::SLASH, Gap::SPACE);
    let parted = number.gaps(LENGTH).within(Gap::PLAIN) && !counts;
    // "주민번호 123456-1234567" can't be a real number, but is masked because of its label.
    if parted && (regular || born(digits)) && labelled() {
        return Some(kind);
    }
    if !born(digits) {
        return None;
    }
    let checked = checked(digits);
    let likely = if number.spelled {
        plausible(digits)
    } else if number.whole(LENGTH) {
        whole(text, number, thing, checked)
    } else if halves {
        parted && (checked || !thing && !number.joined(LENGTH) && (1..=8).contains(&digits[6]))
    } else if number.single(LENGTH) {
        parted && plausible(digits) && !number.among_singles(text, LENGTH)
    } else {
        parted && checked && number.ends_at(6)
    };
    likely.then_some(kind)
}

/// Half of a number near a label: "주민번호 앞자리는 900101, 뒷자리는 1234567". The first half has the kind of the
/// second one, or else that of the label.
pub fn half(text: &Text, digits: &Range<usize>, next: Option<&Range<usize>>) -> Option<Kind> {
    let units = text.folded.units(digits.clone());
    let day = |units: &[char]| {
        let digits: Vec<u8> = units.iter().map(|&unit| unit as u8 - b'0').collect();
        born(&digits)
    };
    let half = match units.len() {
        6 => day(units),
        7 => matches!(units[0], '1'..='8'),
        _ => false,
    };
    (half
        && text.near_before(digits.start, Class::REGISTRATION)
        && !text.named(digits.start, Class::THING)
        && !text.amount(digits.end)
        && !text.decimals(digits.start))
    .then(|| {
        let second = if units.len() == 7 {
            Some(digits)
        } else {
            next.filter(|next| next.len() == 7)
        };
        let foreign = second.map_or_else(
            || text.near_before(digits.start, Class::FOREIGNER),
            |second| matches!(text.at(second.start), '5'..='8'),
        );
        if foreign { Kind::Frn } else { Kind::Rrn }
    })
}

/// Whether thirteen digits without separators are a registration number. Most are something else: a time in
/// milliseconds, a barcode, an order.
fn whole(text: &Text, number: &Number, thing: bool, checked: bool) -> bool {
    let digits = &number.digits[..LENGTH];
    let units = number.units(LENGTH);
    let part_of_more = text.glued_before(units.start)
        || text.glued_after(units.end)
        || text.decimals(units.start)
        || text.amount(units.end);
    if part_of_more || !plausible(digits) {
        return false;
    }
    checked || !thing && !barcode(digits)
}

/// Whether the first six digits are a date and the seventh is a valid sex.
fn born(digits: &[u8]) -> bool {
    let two = |at: usize| digits[at] * 10 + digits[at + 1];
    let days = match two(2) {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&two(4))
}

/// Whether the year of birth is likely: neither in the 19th century (9, 0) nor in the distant future.
fn plausible(digits: &[u8]) -> bool {
    let year = digits[0] * 10 + digits[1];
    match digits[6] {
        1 | 2 | 5 | 6 => year >= 10,
        3 | 4 | 7 | 8 => year < 40,
        _ => false,
    }
}

fn checked(digits: &[u8]) -> bool {
    let weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
    let sum: u32 = digits
        .iter()
        .zip(weights)
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    let from = if (5..=8).contains(&digits[6]) { 13 } else { 11 };
    (from - sum % 11) % 10 == u32::from(digits[12])
}

/// Whether this is a Korean EAN-13, whose prefix 880 is also the start of a date.
fn barcode(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .enumerate()
        .map(|(at, &digit)| u32::from(digit) * if at % 2 == 0 { 1 } else { 3 })
        .sum();
    digits.starts_with(&[8, 8, 0]) && sum.is_multiple_of(10)
}
