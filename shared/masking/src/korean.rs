//! Korean numbers except registration and telephone numbers: businesses, driver's licences, passports, health insurance,
//! bank accounts, number plates.

use std::ops::Range;

use super::digits::{Gap, Number};
use super::labels::Class;
use super::policy::Kind;
use super::text::Text;

/// A number that is recognized by its form or its label.
pub fn number(text: &Text, number: &Number) -> Option<(Kind, Range<usize>)> {
    if business(text, number) {
        return Some((Kind::Business, number.units(10)));
    }
    if let Some(units) = licence(text, number) {
        return Some((Kind::Licence, units));
    }
    health(text, number).map(|length| (Kind::Health, number.units(length)))
}

/// A business number: 123-45-67890.
fn business(text: &Text, number: &Number) -> bool {
    if !number.ends_at(10) {
        return false;
    }
    let cut = number.cut(10, &[3, 5]);
    let regular = cut || number.whole(10) || number.single(10);
    let sure = cut && !number.joined(10) && number.gaps(10).is(Gap::DASH);
    let checked = checked_business(&number.digits[..10]);
    let units = number.units(10);
    (checked || regular)
        && number.gaps(10).within(Gap::PLAIN)
        && (sure && checked && number.digits[0] != 0 || text.near(&units, Class::BUSINESS))
        && !text.named(units.start, Class::THING)
}

/// The check digit by the weights of the National Tax Service. The tens of the ninth product count as well.
fn checked_business(digits: &[u8]) -> bool {
    let weights = [1, 3, 7, 1, 3, 7, 1, 3, 5];
    let sum: u32 = digits
        .iter()
        .zip(weights)
        .map(|(&digit, weight)| u32::from(digit) * weight)
        .sum();
    let sum = sum + u32::from(digits[8]) * 5 / 10;
    (10 - sum % 10) % 10 == u32::from(digits[9])
}

const PLACES: [&str; 17] = [
    "서울", "부산", "대구", "인천", "광주", "대전", "울산", "세종", "경기", "강원", "충북", "충남",
    "전북", "전남", "경북", "경남", "제주",
];

/// A driver's licence: 11-12-345678-90, or with the name of a region instead of the first two digits.
fn licence(text: &Text, number: &Number) -> Option<Range<usize>> {
    let start = number.start();
    if number.ends_at(12) && (11..=28).contains(&(number.digits[0] * 10 + number.digits[1])) {
        let units = number.units(12);
        let cut = number.cut(12, &[2, 4, 10]) && number.gaps(12).within(Gap::PLAIN);
        let regular = cut || number.whole(12) && !text.glued_before(start) || number.single(12);
        let sure = cut && number.gaps(12).is(Gap::DASH) && !number.joined(12);
        if sure && !text.named(start, Class::THING) || regular && text.near(&units, Class::LICENCE)
        {
            return Some(units);
        }
    }
    let cut = number.cut(10, &[2, 8]) && number.gaps(10).within(Gap::PLAIN);
    if !number.ends_at(10) || !(cut || number.whole(10)) {
        return None;
    }
    let place = text.before(start) == ' ' || text.before(start) == '-';
    let end = start - usize::from(place);
    let placed = end >= 2 && PLACES.iter().any(|place| text.folded.has(end - 2, place));
    let labelled = text.near(&number.units(10), Class::LICENCE);
    let start = if placed { end - 2 } else { start };
    (cut && placed || labelled).then(|| start..number.units(10).end)
}

/// The number of a health insurance card. It has no form of its own, so it needs a label.
fn health(text: &Text, number: &Number) -> Option<usize> {
    [11, 10].into_iter().find(|&length| {
        let units = number.units(length);
        number.length >= length
            && number.ends_at(length)
            && number.gaps(length).within(Gap::PLAIN)
            && number.inner(length).count_ones() < 3
            && text.near(&units, Class::HEALTH)
            && !text.amount(units.end)
    })
}

/// The longest possible account number that begins here, if a bank is mentioned.
pub fn account(text: &Text, number: &Number) -> Option<usize> {
    let start = number.start();
    if text.glued_before(start) || text.decimals(start) || text.named(start, Class::THING) {
        return None;
    }
    let length = (10..=16).rev().find(|&length| {
        number.length >= length
            && number.ends_at(length)
            && number.even(length)
            && number.inner(length).count_ones() <= 4
            && (number.spelled || cut_like_a_bank(number, length))
    })?;
    let units = number.units(length);
    let labelled = text.near(&units, Class::ACCOUNT)
        || text.named(start, Class::BANK)
        || text.named_after(units.end, Class::BANK) && !number.whole(length);
    (labelled && !text.amount(units.end) && !date(number)).then_some(length)
}

fn cut_like_a_bank(number: &Number, length: usize) -> bool {
    if number.whole(length) {
        return true;
    }
    let gaps = number.gaps(length);
    let even = [
        Gap::DASH,
        Gap::SPACE,
        Gap::DOT,
        Gap::SPACE.or(Gap::DASH),
        Gap::SLASH,
        Gap::MIDDLE,
        Gap::UNDERSCORE,
        Gap::TILDE,
    ];
    // The first group has three or more digits, and two at a few banks.
    even.contains(&gaps) && (number.inner(length) & 0b10) == 0
}

/// A date such as 2024-01-15 1030, which is as long as an account number.
fn date(number: &Number) -> bool {
    let month = number.digits[4] * 10 + number.digits[5];
    matches!(number.digits[..2], [2, 0] | [1, 9])
        && number.ends_at(4)
        && (number.ends_at(6) || number.ends_at(5))
        && (1..=12).contains(&month)
}

/// A passport number whose first digits are this group: M12345678, M123A4567.
pub fn passport(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    let mut start = digits.start;
    // "M 12345678" and "M-12345678" if a passport is mentioned.
    let apart = matches!(text.before(start), ' ' | '-');
    start -= usize::from(apart);
    let letter = text.before(start);
    let (upper, lower) = (letter.is_ascii_uppercase(), letter.is_ascii_lowercase());
    if !(upper || lower) || text.folded.back(start, 2).is_ascii_alphanumeric() {
        return None;
    }
    start -= 1;
    let series = matches!(
        letter.to_ascii_uppercase(),
        'M' | 'S' | 'R' | 'G' | 'D' | 'O' | 'P'
    );
    let end = passport_end(text, digits)?;
    let units = start..end;
    if text.at(end).is_ascii_alphanumeric() || text.named(start, Class::THING) {
        return None;
    }
    let labelled = text.near(&units, Class::PASSPORT);
    let new = digits.len() == 3 && text.at(digits.end).is_ascii_uppercase() && series && upper;
    (labelled || new && !apart && text.before(start) != '-' && text.at(end) != '-').then_some(units)
}

fn passport_end(text: &Text, digits: &Range<usize>) -> Option<usize> {
    let run = |from: usize| text.folded.skip_digits(from) - from;
    match digits.len() {
        8 => Some(digits.end),
        // In two or three groups: 1234 5678, 123 45678, 123-A-4567.
        2..=5 => {
            let mut at = digits.end;
            let mut count = digits.len();
            let mut letters = 0;
            for _ in 0..4 {
                at += usize::from(matches!(text.at(at), ' ' | '-') && count < 7);
                if count == 3 && letters == 0 && text.at(at).is_ascii_alphabetic() {
                    letters = 1;
                    at += 1;
                    continue;
                }
                let more = run(at);
                count += more;
                at += more;
                if count + letters == 8 {
                    return Some(at);
                }
            }
            None
        }
        _ => None,
    }
}

/// The units of a number plate whose first digits are this group: 12가 3456, 123가3456, 서울 12 가 3456.
pub fn plate(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    if !(2..=3).contains(&digits.len()) {
        return None;
    }
    let letter_at = digits.end + usize::from(text.at(digits.end) == ' ');
    let letter = text.at(letter_at);
    if !matches!(letter, '가'..='힣') || !matches!(text.at(letter_at + 1), ' ' | '0'..='9') {
        return None;
    }
    if !"가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자허하호배육해공국합"
        .contains(letter)
    {
        return None;
    }
    let spaced = text.at(letter_at + 1) == ' ';
    let last = letter_at + 1 + usize::from(spaced);
    let end = last + 4;
    let four = (last..end).all(|unit| text.at(unit).is_ascii_digit());
    let before = text.before(digits.start);
    let goes_on = matches!(before, '.' | ',' | '-' | ':' | '/')
        && text.folded.back(digits.start, 2).is_ascii_digit();
    let touched = text.at(end).is_ascii_alphanumeric() || before.is_ascii_alphanumeric();
    if !four || goes_on || touched || text.amount(end) {
        return None;
    }
    let place = digits.start - usize::from(before == ' ').min(digits.start);
    let placed = place >= 2 && PLACES.iter().any(|name| text.folded.has(place - 2, name));
    let units = digits.start..end;
    // "12주 3456" may be weeks and "20도 1000" degrees, so with a space only unambiguous letters count.
    let clear = !"도로주조수부호자소모배".contains(letter);
    let sure = !spaced && (digits.len() == 3 || letter_at == digits.end);
    let sure = sure
        && !matches!(
            letter,
            '도' | '주' | '조' | '부' | '호' | '배' | '로' | '수'
        );
    let start = if placed { place - 2 } else { digits.start };
    (sure || clear || placed || text.near(&units, Class::PLATE)).then_some(start..end)
}
