//! What looks the same everywhere: e-mail addresses, IBANs, IP addresses, US social security numbers.

use std::cell::Cell;
use std::ops::Range;

use super::digits::{Gap, Number};
use super::labels::Class;
use super::text::Text;

/// Endings of file names that are no top-level domains: `image@2x.png`.
const FILES: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "json", "html", "txt", "pdf",
    "tar", "zip", "exe",
];

/// The address around an at sign of some units.
pub fn email(text: &Text, at: Range<usize>) -> Option<Range<usize>> {
    let spaced = text.before(at.start) == ' ' && text.at(at.end) == ' ';
    let (local_end, domain_start) = if spaced {
        (at.start - 1, at.end + 1)
    } else {
        (at.start, at.end)
    };
    let end = domain_end(text, domain_start)?;
    let mut start = text.local.start(text, local_end);
    if !spaced && !is_local(text.before(local_end)) {
        // 홍길동@example.com
        while start > 0 && text.before(start).is_alphanumeric() {
            start -= 1;
        }
    }
    let git = text.folded.has(start, "git@") && local_end - start == 3;
    (start < local_end && !git).then_some(start..end)
}

/// What was read last before an at sign. Some at signs (`%40`) may be part of the name before the next,
/// and none is to read again what the one before it did.
#[derive(Clone, Debug, Default)]
pub struct Local(Cell<LocalRun>);

#[derive(Clone, Copy, Debug, Default)]
struct LocalRun {
    /// Where its first letter, digit or underscore is, or `end`.
    name: usize,
    end: usize,
}

impl Local {
    /// Where the name begins that ends at a unit, or that unit.
    pub fn start(&self, text: &Text, end: usize) -> usize {
        let known = self.0.get();
        debug_assert!(known.end <= end, "at signs are met from left to right");
        let mut start = end;
        while start > known.end && is_local(text.before(start)) {
            start -= 1;
        }
        let begins = |unit: usize| text.at(unit).is_alphanumeric() || text.at(unit) == '_';
        let name = if start == known.end && known.name < known.end {
            known.name
        } else {
            (start..end).find(|&unit| begins(unit)).unwrap_or(end)
        };
        self.0.set(LocalRun { name, end });
        name
    }
}

pub fn is_local(unit: char) -> bool {
    unit.is_ascii_alphanumeric()
        || matches!(unit, '.' | '_' | '%' | '+' | '-')
        || unit.is_alphabetic() && !is_korean(unit)
}

fn is_korean(unit: char) -> bool {
    matches!(unit, '가'..='힣' | '\u{3130}'..='\u{318F}')
}

fn domain_end(text: &Text, start: usize) -> Option<usize> {
    let mut label = start;
    let mut end = None;
    loop {
        let mut at = label;
        while text.at(at).is_ascii_alphanumeric() || text.at(at) == '-' {
            at += 1;
        }
        if at == label {
            return end;
        }
        let letters = text
            .folded
            .units(label..at)
            .iter()
            .all(char::is_ascii_alphabetic);
        let file = FILES
            .iter()
            .any(|file| at - label == file.len() && text.folded.has(label, file));
        let top = at - label >= 2 && (letters || text.folded.has(label, "xn--"));
        if label > start && top && !file {
            end = Some(at);
        } else if label > start && end.is_some() {
            return end;
        }
        if text.at(at) != '.' {
            return end;
        }
        label = at + 1;
    }
}

/// The length of an IBAN by its country (SWIFT's registry).
const IBANS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 \
    EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 \
    KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 \
    QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";

/// The units of an IBAN that begins with a word.
pub fn iban(text: &Text, start: usize) -> Option<Range<usize>> {
    let (country, check) = (
        [text.at(start), text.at(start + 1)],
        [text.at(start + 2), text.at(start + 3)],
    );
    if !country[1].is_ascii_alphabetic() || !check.iter().all(char::is_ascii_digit) {
        return None;
    }
    let length = IBANS.split_ascii_whitespace().find_map(|entry| {
        let same = entry
            .chars()
            .zip(country)
            .all(|(a, b)| a == b.to_ascii_uppercase());
        same.then(|| entry[2..].parse::<usize>().ok()).flatten()
    })?;
    let mut read = Vec::with_capacity(length);
    let mut at = start;
    while read.len() < length {
        match text.at(at) {
            letter if letter.is_ascii_alphanumeric() => read.push(letter),
            ' ' | '-' if text.before(at).is_ascii_alphanumeric() => {}
            _ => return None,
        }
        at += 1;
    }
    // ISO 13616: the first four go to the end, a letter counts from 10, and the rest by 97 is 1.
    let rest = read[4..].iter().chain(&read[..4]).fold(0, |rest, letter| {
        match letter.to_digit(36).unwrap_or(0) {
            digit @ ..10 => (rest * 10 + digit) % 97,
            letter => (rest * 100 + letter) % 97,
        }
    });
    let over = match text.at(at) {
        'a'..='z' => !read.iter().any(char::is_ascii_lowercase),
        next => !next.is_ascii_alphanumeric(),
    };
    (rest == 1 && over).then_some(start..at)
}

/// An IPv4 address of the four groups from the first.
pub fn ipv4(text: &Text, groups: &[Range<usize>]) -> Option<Range<usize>> {
    let four = groups.get(..4)?;
    let units = four[0].start..four[3].end;
    let dotted = four
        .windows(2)
        .all(|pair| pair[1].start - pair[0].end == 1 && text.at(pair[0].end) == '.');
    if !dotted {
        return None;
    }
    let mut bytes = [0; 4];
    for (byte, group) in bytes.iter_mut().zip(four) {
        let written = text.folded.units(group.clone());
        if written.len() > 3 || written.len() > 1 && written[0] == '0' {
            return None;
        }
        let value = written
            .iter()
            .fold(0, |all, &digit| all * 10 + (digit as u32 - '0' as u32));
        *byte = u8::try_from(value).ok()?;
    }
    let next = text.at(units.end);
    let goes_on =
        next == '.' && text.at(units.end + 1).is_ascii_digit() || text.glued_after(units.end);
    let before = text.before(units.start);
    let from_more = text.decimals(units.start) || before.is_ascii_alphanumeric();
    let labelled = text.near(&units, Class::IP);
    // Chapters and releases have four parts, too, but small ones.
    let small = bytes.iter().all(|&byte| byte < 10);
    let version = text.named(units.start, Class::VERSION) || matches!(next, '절' | '장' | '항');
    let nobody = matches!(bytes, [127, ..] | [0, 0, 0, 0] | [255, 255, ..]);
    (!goes_on && !from_more && !version && !nobody && (labelled || !small)).then_some(units)
}

/// An IPv6 address around its first colon.
pub fn ipv6(text: &Text, colon: usize) -> Option<Range<usize>> {
    let mut start = colon;
    while start > 0 && colon - start < 5 && text.before(start).is_ascii_hexdigit() {
        start -= 1;
    }
    if colon - start > 4 || is_word(text.before(start)) || text.before(start) == ':' {
        return None;
    }
    let (mut at, mut groups, mut gap, mut digits) = (start, 0, false, false);
    loop {
        let group = at;
        while at - group < 5 && text.at(at).is_ascii_hexdigit() {
            digits |= text.at(at).is_ascii_digit();
            at += 1;
        }
        if at - group > 4 {
            return None;
        }
        groups += usize::from(at > group);
        match (text.at(at), text.at(at + 1)) {
            (':', ':') if !gap => {
                gap = true;
                at += 2;
            }
            (':', next) if next.is_ascii_hexdigit() && at > group => at += 1,
            _ => break,
        }
    }
    let whole = if gap {
        (2..8).contains(&groups)
    } else {
        groups == 8
    };
    (whole && digits && !is_word(text.at(at)) && text.at(at) != ':').then_some(start..at)
}

fn is_word(unit: char) -> bool {
    unit.is_ascii_alphanumeric() || unit == '_'
}

/// A US social security number, 123-45-6789: only where it is called one, since many things are
/// written so.
pub fn ssn(text: &Text, number: &Number) -> bool {
    let two = number.digits[3] + number.digits[4];
    let area = number.digits[..3]
        .iter()
        .fold(0, |all, &digit| all * 10 + u32::from(digit));
    let serial = number.digits[5..9].iter().any(|&digit| digit > 0);
    number.ends_at(9)
        && (number.cut(9, &[3, 5]) || number.whole(9))
        && number.gaps(9).within(Gap::PLAIN)
        && !matches!(area, 0 | 666 | 900..)
        && two > 0
        && serial
        && text.near(&number.units(9), Class::SSN)
}
