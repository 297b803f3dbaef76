//! One-time codes and personal identification numbers by the words that name them: "인증번호 493021", "493021 is your
//! verification code", "PIN: 4821".

use std::ops::Range;

use super::purpose::{after_note, after_phrase};
use crate::labels::Label;
use crate::text::Text;

/// The most units between a name and its code.
const BETWEEN: usize = 40;

/// Words between a name and its code: "your code is", "Ihr Code lautet", "인증번호 6자리".
const JOINS: &str = "is s was ist war lautet est es é è er är on to jest je adalah là le la el il o the your code number \
    no nr pin otp kod kode code: n º";

/// Words between a code and its name: "493021 is your code".
const COPULAS: &str = "is ist est es é è er är on jest je adalah là as als comme como come";

/// Words for whom a code is for.
const OWNERS: &str = "your my ihr ihre dein deine mein votre ton mon tu su mi seu sua o teu il tuo suo uw je jouw din \
    ditt dit deres twój twoj ваш твой мой mã kode";

/// Words after a number that is a count.
const COUNTED: [&str; 14] = [
    "time",
    "second",
    "minute",
    "hour",
    "day",
    "user",
    "request",
    "digit",
    "character",
    "message",
    "sms",
    "회",
    "자",
    "건",
];

/// The code that belongs to a label.
pub fn code(text: &Text, label: &Label) -> Option<Range<usize>> {
    after(text, label).or_else(|| before(text, label))
}

fn after(text: &Text, label: &Label) -> Option<Range<usize>> {
    let phrase = || after_phrase(text, label, text.folded.skip_spaces(label.end));
    let mut at = after_note(text, label, label.end)
        .or_else(phrase)
        .unwrap_or(label.end);
    let limit = at + BETWEEN;
    let mut signed = false;
    let mut lines = 0;
    while at < limit {
        let unit = text.at(at);
        match unit {
            ':' | '=' | '→' => signed = true,
            ' ' | '-' | '*' | '_' | '`' | '"' | '\'' | '[' | '(' | '<' | '>' | '|' | '#' | '~'
            | '「' | '«' => {}
            '는' | '은' | '가' | '이' | '를' | '을' | 'は' | '是' | '为' | '為' => {
                signed = true;
            }
            '\n' if lines < 2 => lines += 1,
            '0'..='9' => match count_of_digits(text, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return number(text, at, label, signed),
            },
            _ if unit.is_ascii_uppercase()
                && text.at(at + 1) == '-'
                && text.at(at + 2).is_ascii_digit() => {}
            _ if unit.is_alphabetic() => {
                let word = word(text, at);
                let letters = text.folded.units(word.clone()).iter();
                let written: String = letters.flat_map(|unit| unit.to_lowercase()).collect();
                let joins = JOINS.split_ascii_whitespace().any(|join| join == written);
                if !joins {
                    return mixed(text, at, signed);
                }
                signed |= word.len() > 1;
                at = word.end;
                continue;
            }
            _ => return None,
        }
        at += 1;
    }
    None
}

/// The end of the number of digits that a code has: "6자리", "6-digit".
fn count_of_digits(text: &Text, at: usize) -> Option<usize> {
    let end = at + usize::from(text.at(at).is_ascii_digit());
    let unit = end + usize::from(matches!(text.at(end), ' ' | '-'));
    let name = ["자리", "位", "桁", "digits", "digit"]
        .iter()
        .find(|name| text.folded.has(unit, name))?;
    Some(unit + name.chars().count())
}

fn word(text: &Text, start: usize) -> Range<usize> {
    let length = (start..start + BETWEEN).take_while(|&unit| text.at(unit).is_alphanumeric());
    start..start + length.count()
}

/// The digits of a code: four to eight, in up to three groups.
fn number(text: &Text, start: usize, label: &Label, signed: bool) -> Option<Range<usize>> {
    let (end, count) = digits(text, start);
    let verification = text.folded.has(label.start, "cv");
    let least = if verification { 3 } else { 4 };
    let next = text.at(end);
    let goes_on = next.is_ascii_alphanumeric()
        || matches!(next, '.' | ':' | '-' | '/' | ',' | '%')
            && text.at(end + 1).is_ascii_alphanumeric();
    let after = text.folded.skip_spaces(end);
    let counted = after <= end + 1 && COUNTED.iter().any(|unit| text.folded.has(after, unit));
    let units = text.folded.units(start..end);
    let year = matches!(units, ['1', '9', _, _] | ['2', '0', _, _]);
    // "PIN 2026 roadmap"
    let dated = year && !signed && next == ' ' && text.at(after).is_alphabetic();
    ((least..=8).contains(&count) && !goes_on && !counted && !text.amount(end) && !dated)
        .then_some(start..end)
}

/// The end of groups of digits that a space or a dash separates, and the number of their digits. Groups of a code
/// have the same length.
fn digits(text: &Text, start: usize) -> (usize, usize) {
    let group = |start: usize| {
        (start..start + 9)
            .take_while(|&unit| text.at(unit).is_ascii_digit())
            .count()
    };
    let length = group(start);
    let (mut end, mut count) = (start + length, length);
    while matches!(length, 2..=4)
        && matches!(text.at(end), ' ' | '-')
        && group(end + 1) == length
        && count < 8
    {
        end += 1 + length;
        count += length;
    }
    (end, count)
}

/// A code of capitals and digits after a sign: "verification code: X7K9Q2".
fn mixed(text: &Text, start: usize, signed: bool) -> Option<Range<usize>> {
    let units = text.folded.units(word(text, start));
    let capitals = units
        .iter()
        .all(|unit| unit.is_ascii_uppercase() || unit.is_ascii_digit());
    let digits = units.iter().filter(|unit| unit.is_ascii_digit()).count();
    let code = (5..=10).contains(&units.len()) && capitals && digits >= 2 && digits < units.len();
    (signed && code).then_some(start..start + units.len())
}

/// The code before its name: "493021 is your verification code", "[493021] 인증번호".
fn before(text: &Text, label: &Label) -> Option<Range<usize>> {
    let steps = (1..BETWEEN).find(|&steps| {
        let unit = text.folded.back(label.start, steps);
        unit.is_ascii_digit() || matches!(unit, '\n' | '\0' | '.' | '?' | '!' | ',' | ';')
    })?;
    let end = label.start + 1 - steps;
    if !text.before(end).is_ascii_digit() {
        return None;
    }
    let between = text.folded.units(end..label.start);
    let line = String::from_iter(between);
    let bracket = matches!(between.first(), Some(']' | ')')) && line[1..].trim().is_empty();
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let known = |word: Option<&str>, words: &str| {
        word.is_some_and(|word| {
            words
                .split_ascii_whitespace()
                .any(|known| known == word.to_lowercase())
        })
    };
    let copula = matches!(between.first(), Some(' ' | ')' | ']' | '*' | '`' | '"'))
        && known(
            words.find(|word| word.chars().any(char::is_alphabetic)),
            COPULAS,
        )
        && known(words.next(), OWNERS);
    if !(bracket || copula) {
        return None;
    }
    let length = (1..10).take_while(|&steps| {
        let unit = text.folded.back(end, steps);
        unit.is_ascii_digit()
            || matches!(unit, ' ' | '-') && text.folded.back(end, steps + 1).is_ascii_digit()
    });
    let start = end - length.count();
    let digits = text
        .folded
        .units(start..end)
        .iter()
        .filter(|unit| unit.is_ascii_digit())
        .count();
    let prefixed = text.before(start) == '-' && text.folded.back(start, 2).is_ascii_uppercase();
    let begins = prefixed
        || !text.before(start).is_alphanumeric()
            && !matches!(text.before(start), '.' | '-' | '/' | ':');
    ((4..=8).contains(&digits) && begins).then_some(start..end)
}
