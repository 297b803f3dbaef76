//! Payment cards, by the Luhn check digit (ISO/IEC 7812-1) and the prefixes of issuers.

use super::digits::{Gap, Number};
use super::labels::Class;
use super::text::Text;

/// The number of digits of a card number that begins here.
pub fn card(text: &Text, number: &Number) -> Option<usize> {
    [16, 15, 14, 19, 18, 17, 13].into_iter().find(|&length| {
        number.length >= length && number.ends_at(length) && is_card(text, number, length)
    })
}

fn is_card(text: &Text, number: &Number, length: usize) -> bool {
    let digits = &number.digits[..length];
    let units = number.units(length);
    let quarters = number.cut(length, &[4, 8, 12]);
    let labelled = || text.near(&units, Class::CARD);
    let thing = text.named(units.start, Class::THING);
    let parted = number.gaps(length).within(Gap::PLAIN);
    // After a label, as in "카드 1234-5678-9012-3456", a wrong check digit is a typing error.
    let told = quarters && labelled() || number.whole(16) && text.named(units.start, Class::CARD);
    if length == 16 && parted && !thing && told {
        return true;
    }
    if !luhn(digits) || thing || !parted {
        return false;
    }
    let issued = issued(digits) || digits[0] != 0 && labelled();
    let whole = number.whole(length);
    if number.spelled {
        return issued && length >= 15;
    }
    if whole {
        let part_of_more = text.glued_before(units.start)
            || text.glued_after(units.end)
            || text.decimals(units.start)
            || text.amount(units.end);
        // Generated numbers have the same length and any prefix.
        let usual = matches!((length, digits[0]), (16, 2..=6) | (14 | 15, 3));
        return issued && !part_of_more && (usual || labelled());
    }
    if number.joined(length) && !labelled() && with_expiry(number, length) == length {
        return false;
    }
    let usual = quarters
        || length == 15 && number.cut(length, &[4, 10])
        || length == 14 && number.cut(length, &[4, 10])
        || length == 16 && number.cut(length, &[8])
        || length == 19 && number.cut(length, &[4, 8, 12, 16])
        || length == 19 && number.cut(length, &[6]);
    // Domestic cards of Korea begin with 9.
    let domestic = digits[0] == 9 && length == 16;
    if number.single(length) {
        return issued && !number.among_singles(text, length);
    }
    (usual && (issued || domestic)) || labelled()
}

/// The number of digits of a card number with the month and the year after it: 4111 1111 1111 1111/12/29.
pub fn with_expiry(number: &Number, length: usize) -> usize {
    let month = matches!(number.digits[length..length + 2], [0, 1..=9] | [1, 0..=2]);
    let before = Gap::SLASH.or(Gap::SPACE).or(Gap::DASH).or(Gap::OTHER);
    let within = Gap::SLASH.or(Gap::DASH).or(Gap::OTHER);
    let dated = number.ends_at(length)
        && number.ends_at(length + 2)
        && month
        && number.gap(length).within(before)
        && number.gap(length + 2).within(within);
    let century = number.digits[length + 2..length + 4] == [2, 0];
    let ends = [length + 4, length + 6]
        .into_iter()
        .find(|&end| end <= number.length && number.ends_at(end) && (end == length + 4 || century));
    ends.filter(|_| dated).unwrap_or(length)
}

/// The digits of a card number without the expiry after it, so that a card has one number with and without.
pub fn without_expiry(digits: &str) -> &str {
    let length = match digits.as_bytes() {
        [b'3', b'4' | b'7', ..] => 15,
        [b'3', b'0' | b'6' | b'8' | b'9', ..] => 14,
        _ => 16,
    };
    match digits.len() {
        // Numbers of 17 to 19 digits have no expiry of two or four digits that is as short.
        all if all == length + 4 || all == length + 6 => &digits[..length],
        _ => digits,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, &digit)| match (at % 2, digit) {
            (0, digit) => u32::from(digit),
            (_, digit @ 5..) => u32::from(digit) * 2 - 9,
            (_, digit) => u32::from(digit) * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|&digit| digit != digits[0])
}

/// Whether an issuer has this prefix and length.
fn issued(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits[..count]
            .iter()
            .fold(0, |all, &digit| all * 10 + u32::from(digit))
    };
    match digits.len() {
        16 => {
            matches!(first(1), 4 | 5)
                || matches!(first(4), 2200..=2204 | 2221..=2720 | 3528..=3589 | 6011 | 6500..=6599)
                || matches!(first(3), 644..=649)
                || matches!(first(2), 60 | 62 | 63 | 65 | 67 | 94)
        }
        15 => matches!(first(2), 34 | 37),
        14 => matches!(first(2), 36 | 38 | 39) || matches!(first(3), 300..=305),
        13 => first(1) == 4,
        17..=19 => {
            matches!(first(2), 62 | 50 | 56..=58 | 63 | 67) || first(1) == 4 && digits.len() == 19
        }
        _ => false,
    }
}
