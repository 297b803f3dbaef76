//! Finds what has the same form in all countries, e-mail addresses, IBANs and IP addresses, and US social security
//! numbers.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::digits::{Gap, Number};
use super::labels::Class;
use super::local_part::is_local;
use super::text::Text;

/// Endings of file names that are not top-level domains: `image@2x.png`.
const FILES: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "json", "html", "txt", "pdf",
    "tar", "zip", "exe",
];

/// The longest local part in quotes.
const MAX_QUOTED: usize = 40;

/// The e-mail address around an at sign, which may be spelled with several units.
pub fn email(text: &Text, at: Range<usize>) -> Option<Range<usize>> {
    let spaced = text.before(at.start) == ' ' && text.at(at.end) == ' ';
    let (local_end, domain_start) = if spaced {
        (at.start - 1, at.end + 1)
    } else {
        (at.start, at.end)
    };
    let end = domain_end(text, domain_start)?;
    let mut start = text.local_part.start(&text.folded, local_end);
    if !spaced && text.before(local_end) == '"' {
        // "john doe"@example.com
        let open = (2..MAX_QUOTED).find(|&steps| text.folded.back(local_end, steps) == '"');
        start = open.map_or(start, |steps| local_end - steps);
    } else if !spaced && !is_local(text.before(local_end)) {
        // 홍길동@example.com
        while start > 0 && text.before(start).is_alphanumeric() {
            start -= 1;
        }
    }
    let git = text.folded.has(start, "git@") && local_end - start == 3;
    // The host of a URL stays readable: https://user@host/
    let end = if is_user(text, start) { local_end } else { end };
    (start < local_end && !git).then_some(start..end)
}

/// Schemes of URLs whose user and host are an address.
const ADDRESSES: [&str; 6] = ["mailto", "sip", "sips", "xmpp", "smtp", "im"];

/// Whether the user of a URL begins at a unit.
fn is_user(text: &Text, start: usize) -> bool {
    let marks = (1..=3).map(|steps| text.folded.back(start, steps));
    if !marks.eq("//:".chars()) {
        return false;
    }
    let end = start - 3;
    let length = (1..10).take_while(|&steps| text.folded.back(end, steps).is_ascii_alphanumeric());
    let scheme = text.folded.units(end - length.count()..end).iter();
    let scheme: String = scheme.map(char::to_ascii_lowercase).collect();
    !ADDRESSES.contains(&scheme.as_str())
}

/// Top-level domains in scripts without spaces or with particles, where a domain may touch the next word.
const TOP_LEVEL: [&str; 20] = [
    "한국",
    "닷컴",
    "닷넷",
    "삼성",
    "中国",
    "中國",
    "香港",
    "台湾",
    "台灣",
    "新加坡",
    "公司",
    "网络",
    "網路",
    "网址",
    "在线",
    "中文网",
    "みんな",
    "コム",
    "ストア",
    "セ-ル",
];

/// The letters of a domain besides ASCII (RFC 5890), without the scripts in which particles or the next word touch it.
fn is_foreign(unit: char) -> bool {
    !unit.is_ascii() && (unit.is_alphabetic() || is_combining_mark(unit)) && !is_dense(unit)
}

/// Hangul, kana and ideographs.
fn is_dense(unit: char) -> bool {
    matches!(unit, '\u{1100}'..='\u{11FF}' | '\u{3040}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

fn domain_end(text: &Text, start: usize) -> Option<usize> {
    let mut label = start;
    let mut end = None;
    loop {
        // A top-level domain is read by itself, since a particle may touch it.
        let top = TOP_LEVEL
            .iter()
            .find(|top| label > start && text.folded.has(label, top));
        if let Some(top) = top {
            return Some(label + top.chars().count());
        }
        let mut at = label;
        while text.at(at).is_ascii_alphanumeric() || text.at(at) == '-' || is_foreign(text.at(at)) {
            at += 1;
        }
        // A name in Hangul, which a dot must follow.
        if at == label && is_dense(text.at(at)) {
            let dense =
                (at..at + 63).take_while(|&unit| is_dense(text.at(unit)) || text.at(unit) == '-');
            at += dense.count();
            if text.at(at) != '.' {
                // A top-level domain that isn't listed, unless a particle may touch it.
                let units = text.folded.units(label..at);
                let hangul = units
                    .iter()
                    .any(|unit| matches!(unit, '\u{1100}'..='\u{11FF}' | '가'..='힣'));
                let top = label > start && (2..=5).contains(&units.len()) && !hangul;
                return if top { Some(at) } else { end };
            }
        }
        if at == label {
            return end;
        }
        let letters = text
            .folded
            .units(label..at)
            .iter()
            .all(|&unit| unit.is_ascii_alphabetic() || is_foreign(unit));
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

/// The length of IBANs by country (from the registry of SWIFT).
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
    // ISO 13616: with the first four moved to the end and letters counted from 10, the number modulo 97 is 1.
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

/// An IPv4 address made of the first four groups.
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
    // Chapters and versions also have four parts, but small ones.
    let small = bytes.iter().all(|&byte| byte < 10);
    let private = matches!(bytes, [10, ..] | [172, 16..=31, ..] | [192, 168, ..]);
    let version = text.named(units.start, Class::VERSION)
        || !private && text.named(units.start, Class::PRODUCT)
        || of_agent(text, &units)
        || matches!(next, '절' | '장' | '항');
    let nobody = matches!(bytes, [127, ..] | [0, 0, 0, 0] | [255, 255, ..]);
    (!goes_on && !from_more && !version && !nobody && (labelled || !small)).then_some(units)
}

/// Whether a name with a capital and a slash are before a version, as in the name of a browser: "Chrome/120.0.0.0".
/// Java writes hosts in this form: "Db1/10.0.0.5:5432".
fn of_agent(text: &Text, units: &Range<usize>) -> bool {
    if text.before(units.start) != '/' || text.at(units.end) == ':' {
        return false;
    }
    let end = units.start - 1;
    let length = (1..32)
        .take_while(|&steps| {
            let unit = text.folded.back(end, steps);
            unit.is_ascii_alphanumeric() || matches!(unit, '-' | '_' | '.')
        })
        .count();
    let first = end - length;
    length >= 2
        && text.at(first).is_ascii_uppercase()
        && !matches!(text.before(first), '/' | '.' | '@')
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
    // Two short groups are also the parts of a name or a time: "12::34".
    let short = gap && groups == 2 && (1..4).contains(&(colon - start));
    let told = !short || text.near(&(start..at), Class::IP);
    (whole && told && digits && !is_word(text.at(at)) && text.at(at) != ':').then_some(start..at)
}

fn is_word(unit: char) -> bool {
    unit.is_ascii_alphanumeric() || unit == '_'
}

/// A US social security number, 123-45-6789, if a label says so: many other numbers have this form.
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
