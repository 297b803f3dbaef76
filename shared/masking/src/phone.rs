//! Telephone numbers: Korean mobile and fixed lines in all spellings, and numbers with a country code. The short number
//! of a company (1588-1234) is masked only with a label.

use std::ops::Range;

use super::digits::{Gap, Number};
use super::labels::Class;
use super::text::Text;

/// The units of a telephone number that begins here.
pub fn phone(text: &Text, number: &Number) -> Option<Range<usize>> {
    let start = number.start();
    let sign = plus(text, start);
    if text.before(sign) == '+' {
        let length = international(text, number)?;
        return Some(bracketed(text, sign - 1..number.units(length).end));
    }
    // In the query string of a URL.
    if start >= 3 && text.folded.has(start - 3, "%2b") {
        let length = international(text, number)?;
        return Some(start - 3..number.units(length).end);
    }
    let length = match number.digits[..4] {
        [0, 0, 8, 2] => korea_from_abroad(text, number, 4),
        [8, 2, ..] => korea_from_abroad(text, number, 2),
        [0, 1, 0 | 1 | 6..=9, _] => mobile(text, number),
        [0, ..] => fixed(text, number),
        [1, 0, ..] => without_zero(text, number),
        _ => short(text, number).or_else(|| north_american(text, number)),
    };
    let length = length
        .or_else(|| from_abroad(text, number))
        .or_else(|| labelled(text, number));
    length.map(|length| bracketed(text, number.units(length)))
}

/// Includes the opening bracket if the closing one is included.
fn bracketed(text: &Text, units: Range<usize>) -> Range<usize> {
    let open = text.before(units.start) == '(' && text.folded.units(units.clone()).contains(&')');
    units.start - usize::from(open)..units.end
}

/// The unit at which a plus may be, also before "+ (82".
fn plus(text: &Text, mut unit: usize) -> usize {
    for _ in 0..2 {
        if matches!(text.before(unit), ' ' | '(') {
            unit -= 1;
        }
    }
    unit
}

fn mobile(text: &Text, number: &Number) -> Option<usize> {
    // Numbers of ten digits are from before 2010. Some grouped ones begin with 010.
    [11, 10].into_iter().find(|&length| {
        if !number.ends_at(length) {
            return false;
        }
        if number.spelled {
            return true;
        }
        let units = number.units(length);
        if number.whole(length) {
            return (length == 11 || number.digits[2] != 0)
                && (!alien(text, &units)
                    || text.near(&units, Class::PHONE) && !text.glued_after(units.end));
        }
        if number.single(length) {
            return number.digits[..length].iter().any(|&digit| digit > 1)
                && !number.among_singles(text, length);
        }
        let cut = number.inner(length);
        let usual = number.cut(length, &[3, length - 4]) || number.cut(length, &[3]);
        let pairs = cut >> 3 & 1 == 1 && cut & cut >> 1 == 0;
        (usual || number.cut(length, &[length - 4]) || pairs && length == 11)
            && !coded(text, number)
            // [010, 1234, 5678] is a list.
            && !number.gaps(length).meets_both(Gap::COMMA, Gap::SPACE)
    })
}

/// Whether digits without separators are part of something else.
fn alien(text: &Text, units: &Range<usize>) -> bool {
    text.glued_before(units.start)
        || text.glued_after(units.end)
        || text.decimals(units.start)
        || text.named(units.start, Class::THING)
}

/// Whether a number continues a code in capitals: "SKU-010-1234-5678", "A010-1234-5678".
fn coded(text: &Text, number: &Number) -> bool {
    let start = number.start();
    let code = match text.before(start) {
        '-' => text.folded.back(start, 2),
        other => other,
    };
    code.is_ascii_uppercase() && !text.near_before(start, Class::PHONE)
}

fn fixed(text: &Text, number: &Number) -> Option<usize> {
    let (area, subscriber): (usize, &[usize]) = match number.digits[..3] {
        [0, 2, _] => (2, &[8, 7]),
        [0, 3, 1..=3] | [0, 4, 1..=4] | [0, 5, 1..=5] | [0, 6, 1..=4] => (3, &[8, 7]),
        [0, 7, 0] => (3, &[8, 7]),
        [0, 5, 0] if number.digits[3] >= 2 => (4, &[8, 7]),
        // Toll-free and premium numbers belong to companies.
        [0, 8 | 6, 0] => (3, &[8, 7]),
        _ => return None,
    };
    let company = matches!(number.digits[..3], [0, 8 | 6, 0]);
    subscriber
        .iter()
        .map(|digits| area + digits)
        .find(|&length| {
            if !number.ends_at(length) {
                return false;
            }
            let units = number.units(length);
            if number.spelled && !company {
                return true;
            }
            let labelled = text.near(&units, Class::PHONE);
            if company && !labelled {
                return false;
            }
            if number.whole(length) {
                return if length == 9 { labelled } else { true } && !alien(text, &units);
            }
            let cut = number.cut(length, &[area, length - 4]) || number.cut(length, &[area]);
            // 050-7123-4567 has the groups of a mobile number.
            let cut = cut || area == 4 && number.cut(length, &[3, length - 4]);
            (cut || number.cut(length, &[length - 4]) || number.single(length) && labelled)
                && number.gaps(length).within(Gap::PLAIN.or(Gap::BRACKET))
                && !text.decimals(units.start)
                && (labelled || !number.joined(length))
                && !coded(text, number)
        })
}

/// A number such as 82 10 1234 5678 without a plus, or with 00 instead.
fn korea_from_abroad(text: &Text, number: &Number, code: usize) -> Option<usize> {
    let rest = &number.digits[code..];
    let zero = usize::from(rest[0] == 0);
    let parted = number.whole(code + zero) || number.ends_at(code);
    let sure = code == 4 || number.spelled;
    let lengths: &[usize] = match rest[zero..zero + 2] {
        [1, 0] => &[10],
        [1, _] if sure => &[10, 9],
        _ if sure => &[10, 9, 8],
        _ => &[],
    };
    lengths
        .iter()
        .map(|length| code + zero + length)
        .find(|&length| {
            let units = number.units(length);
            number.ends_at(length)
                && parted
                && (!number.whole(length) || !alien(text, &units) && !text.amount(units.end))
                && !number.joined(length)
        })
}

/// A mobile number without its leading zero, which it loses when it is stored as a number.
fn without_zero(text: &Text, number: &Number) -> Option<usize> {
    let units = number.units(10);
    (number.ends_at(10)
        && (number.whole(10) || number.cut(10, &[2, 6]))
        && text.named(units.start, Class::PHONE))
    .then_some(10)
}

/// A short number: 1588-1234.
fn short(text: &Text, number: &Number) -> Option<usize> {
    let units = number.units(8);
    (matches!(number.digits[..2], [1, 5 | 6 | 8])
        && number.ends_at(8)
        && (number.cut(8, &[4]) || number.whole(8))
        && !number.joined(8)
        // "sub_15789047"
        && text.before(units.start) != '_'
        && !text.amount(units.end)
        && text.near(&units, Class::PHONE)
        && !text.named(units.start, Class::THING)
        && !(is_time(number) && text.introduced(units.start)))
    .then_some(8)
}

/// (415) 555-2671, or without brackets if telephones are mentioned.
fn north_american(text: &Text, number: &Number) -> Option<usize> {
    let bracketed = text.before(number.start()) == '(' && text.at(number.units(3).end) == ')';
    let first = usize::from(number.digits[0] == 1);
    let length = first + 10;
    let cut = if first == 1 {
        number.cut(length, &[1, 4, 7])
    } else {
        number.cut(length, &[3, 6]) || number.whole(length)
    };
    (number.ends_at(length)
        && cut
        && number.digits[first] >= 2
        && number.digits[first + 3] >= 2
        && number.gaps(length).within(Gap::PLAIN.or(Gap::BRACKET))
        && !number.joined(length)
        && !text.named(number.start(), Class::THING)
        && (bracketed || text.near(&number.units(length), Class::PHONE)))
    .then_some(length)
}

/// A number of any country after 00, the prefix that most countries dial in place of the plus.
fn from_abroad(text: &Text, number: &Number) -> Option<usize> {
    if number.digits[..2] != [0, 0] || number.digits[2] == 0 {
        return None;
    }
    let code = 2 + country_code(&number.digits[2..])?;
    let lengths = match number.digits[2..] {
        // NANP: neither the area nor the exchange begins with 0 or 1.
        [1, 2..=9, _, _, 2..=9, ..] => 13..=13,
        [1, ..] => return None,
        _ => code + 7..=code + 11,
    };
    (number.whole(code) || number.ends_at(2))
        .then(|| lengths.rev())?
        .find(|&length| {
            let units = number.units(length.min(number.length));
            length <= number.length
                && number.ends_at(length)
                && number.gaps(length).within(Gap::PLAIN.or(Gap::BRACKET))
                && !alien(text, &units)
                && !text.amount(units.end)
                && !number.joined(length)
        })
}

/// A number of any country directly after or before words for telephones: "Tel.: 030 12345678", "call 13812345678",
/// "090-1234-5678に電話".
fn labelled(text: &Text, number: &Number) -> Option<usize> {
    let (start, first) = (number.start(), number.digits[0]);
    let open = usize::from(text.before(start) == '(');
    if is_date(number) {
        return None;
    }
    let introduced = text.introduced(start - open) || text.requested(start - open);
    let announced = introduced && text.announced(start - open);
    // Seven digits are a local number in North America only in groups: 555-0123.
    let local = number.cut(7, &[3]) || number.whole(7) && announced;
    let local = local && number.ends_at(7);
    let least = match (first, number.whole(8) && number.ends_at(8)) {
        (0, _) | (_, false) => 8,
        // 20261130
        _ if announced && !is_day(&number.digits) => 8,
        _ => 9,
    };
    let mut lengths = (least..=13).rev().chain(local.then_some(7));
    lengths.find(|&length| {
        length <= number.length && number.ends_at(length) && {
            let units = number.units(length);
            number.gaps(length).within(Gap::PLAIN.or(Gap::BRACKET))
                && !text.amount(units.end)
                && !text.glued_after(units.end)
                && !text.decimals(units.start)
                && (announced || first == 0 || !is_postal_code(number, length))
                && (introduced || text.followed(units.end) && !text.glued_before(units.start))
        }
    })
}

/// Whether digits are a postal code of the US: 98101-1234.
fn is_postal_code(number: &Number, length: usize) -> bool {
    length == 9 && number.cut(9, &[5]) && number.gap(5).is(Gap::DASH)
}

/// Whether eight digits are a date: 20261130.
fn is_day(digits: &[u8]) -> bool {
    let month = digits[4] * 10 + digits[5];
    let day = digits[6] * 10 + digits[7];
    matches!(digits[..2], [1, 9] | [2, 0]) && (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Whether eight digits are a range of times in quarters of an hour: 1500-1600.
fn is_time(number: &Number) -> bool {
    let value = |at: usize| {
        let digits = number.digits[at..at + 2].iter();
        digits.fold(0, |all, &digit| all * 10 + u32::from(digit))
    };
    let time =
        |at: usize| value(at) <= 24 && value(at + 2) < 60 && value(at + 2).is_multiple_of(15);
    let (from, to) = (value(0) * 60 + value(2), value(4) * 60 + value(6));
    number.cut(8, &[4]) && time(0) && time(4) && from < to
}

/// Whether the digits begin with a date (2026-11-30, "30. 11. 2026"), or are a range of years or of round numbers.
fn is_date(number: &Number) -> bool {
    let (mut values, mut lengths) = ([0_u32; 3], [0; 3]);
    let mut place = 0;
    for (at, &digit) in number.digits[..number.length.min(12)].iter().enumerate() {
        values[place] = values[place]
            .saturating_mul(10)
            .saturating_add(u32::from(digit));
        lengths[place] += 1;
        if number.ends_at(at + 1) {
            place += 1;
        }
        if place == 3 {
            break;
        }
    }
    let year = |place: usize| lengths[place] == 4 && matches!(values[place], 1900..2100);
    let dated = |month: usize, day: usize| {
        lengths[month] <= 2
            && lengths[day] <= 2
            && (1..=12).contains(&values[month])
            && (1..=31).contains(&values[day])
    };
    let end = lengths.iter().sum();
    let parted = number.gaps(end).within(
        Gap::DASH
            .or(Gap::DOT)
            .or(Gap::SLASH)
            .or(Gap::SPACE)
            .or(Gap::TILDE),
    );
    let date = year(0) && dated(1, 2) || year(2) && (dated(0, 1) || dated(1, 0));
    let round = |place: usize| lengths[place] == 4 && values[place].is_multiple_of(100);
    let range = number.cut(8, &[4]) && round(0) && round(1) && values[0] < values[1];
    let short = lengths.iter().all(|&length| (1..=2).contains(&length));
    let dated_short = short && (dated(0, 1) || dated(1, 0) || dated(1, 2));
    parted && (date || year(0) && year(1) || range)
        || is_time(number)
        || dated_short && ends_short_date(number, lengths)
        || short && (dated(0, 1) || dated(1, 0)) && is_day_and_time(number, lengths)
}

/// Whether two equal marks part a date with two digits of the year, 05/01/26, and another mark or nothing follows. The
/// pairs of a French number are parted by equal marks: 05.01.26.10.30.
fn ends_short_date(number: &Number, lengths: [usize; 3]) -> bool {
    let (first, second) = (lengths[0], lengths[0] + lengths[1]);
    let mark = number.gap(first);
    let end = second + lengths[2];
    let marked = mark.is(Gap::SLASH) || mark.is(Gap::DOT) || mark.is(Gap::DASH);
    marked && number.gap(second) == mark && number.gap(end) != mark
}

/// Whether a day and a month are followed by a time: 05/01 10.30.
fn is_day_and_time(number: &Number, lengths: [usize; 3]) -> bool {
    let (first, second) = (lengths[0], lengths[0] + lengths[1]);
    let mark = number.gap(first);
    let time = number.gap(second + lengths[2]);
    (mark.is(Gap::SLASH) || mark.is(Gap::DOT))
        && number.gap(second).is(Gap::SPACE)
        && (time.is(Gap::DOT) || time.is(Gap::OTHER))
}

/// The digits after a plus.
fn international(text: &Text, number: &Number) -> Option<usize> {
    let sign = plus(text, number.start());
    let before = text.folded.back(sign, 2);
    // "1+82" is a sum, "전화+82" is a telephone number.
    if before.is_ascii_digit() || before == ')' {
        return None;
    }
    let code = country_code(&number.digits)?;
    let korea = number.digits.starts_with(&[8, 2]);
    let (least, most) = match number.digits[0] {
        1 | 7 => (11, 11),
        // The zero of the area code is often kept.
        _ if korea => (10, 13),
        // The numbers of small countries are short: +298 123456.
        _ if code == 3 => (code + 6, 15),
        _ => (code + 7, 15),
    };
    if !number.whole(code) {
        return None;
    }
    (least..=most).rev().find(|&length| {
        let units = number.units(length.min(number.length));
        let rest = (code + 1..length).fold(0, |bits, at| bits | 1 << at);
        let dotted = number.gap(code).is(Gap::DOT) && number.inner(length) & rest == 0;
        number.length >= length
            && number.ends_at(length)
            && number.gaps(length).within(Gap::PLAIN.or(Gap::BRACKET))
            && !dotted
            && !text.amount(units.end)
            && !text.glued_after(units.end)
            && (!korea || korean_length(number, length))
            && (!number.whole(length) || length >= 10)
    })
}

fn korean_length(number: &Number, length: usize) -> bool {
    let zero = usize::from(number.digits[2] == 0);
    let national = length - 2 - zero;
    match number.digits[2 + zero..4 + zero] {
        [1, 0] => national == 10,
        [1, _] => (9..=10).contains(&national) || national == 8,
        [2, _] => (8..=9).contains(&national),
        _ => (9..=10).contains(&national) || national == 11,
    }
}

/// The length of the country code at the start of a number (ITU-T E.164). None if no country has it.
fn country_code(digits: &[u8]) -> Option<usize> {
    match digits[..2] {
        [0, _] => None,
        [1 | 7, _] => Some(1),
        [2, 0 | 7]
        | [3, 0..=4 | 6 | 9]
        | [4, 0 | 1 | 3..=9]
        | [5, 1..=8]
        | [6, 0..=6]
        | [8, 1 | 2 | 4 | 6]
        | [9, 0..=5 | 8] => Some(2),
        [2, 1..=6 | 9] | [3, 5 | 7 | 8] | [4, 2] | [5, 0 | 9] | [6, 7..=9] | [8, 0 | 5 | 7 | 8] => {
            Some(3)
        }
        [9, 6 | 7 | 9] => Some(3),
        _ => None,
    }
}
