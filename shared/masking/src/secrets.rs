//! Passwords, tokens and keys, recognized by the prefix of the service that issued them, by a label, or by their place
//! in a URL or a header.

use std::ops::Range;

use super::entropy::{is_coded, is_random, is_uuid};
use super::fold::PLACEHOLDER;
use super::labels::{Class, Label};
use super::prefixes;
use super::text::Text;

/// The least length of a token, including its prefix.
const SHORTEST: usize = 14;

/// Values in code and forms that stand for a missing value.
const NO_VALUES: [&str; 43] = [
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "string",
    "required",
    "optional",
    "hidden",
    "redacted",
    "changeme",
    "password",
    "secret",
    "token",
    "empty",
    "your",
    "here",
    "str",
    "text",
    "invalid",
    "expired",
    "missing",
    "wrong",
    "include",
    "omit",
    "same-origin",
    "reset",
    "unknown",
    "example",
    "sha1",
    "sha256",
    "sha512",
    "md5",
    "bcrypt",
    "argon2",
    "argon2id",
    "base64",
    "oauth2",
    "pbkdf2",
    "yes",
    "revoked",
    "rotated",
];

fn is_token(unit: char) -> bool {
    unit.is_ascii_alphanumeric() || matches!(unit, '_' | '-')
}

/// The end of a token, including the marks of base64 and of dotted tokens.
fn token_end(text: &Text, start: usize) -> usize {
    text.token.end(start, |at| {
        is_token(text.at(at))
            || matches!(text.at(at), '.' | '+' | '/' | '=' | '~' | ':' | '%')
                && is_token(text.at(at + 1))
            || text.at(at) == '=' && matches!(text.before(at), '=') | is_token(text.before(at))
    })
}

/// The units of a secret that begins with a word.
pub fn token(text: &Text, start: usize) -> Option<Range<usize>> {
    let first = text.at(start);
    if let 'b' | 'B' = first {
        let credentials = after_scheme(text, start, "bearer");
        let credentials = credentials.or_else(|| after_scheme(text, start, "basic"));
        if credentials.is_some() {
            return credentials;
        }
    }
    // A fast path: most words are shorter.
    let long = (start..start + SHORTEST)
        .all(|unit| is_token(text.at(unit)) || matches!(text.at(unit), '.' | '~' | ':'));
    if !long {
        return None;
    }
    for prefix in prefixes::beginning_with(first) {
        let mut at = start;
        let same = prefix.text.chars().all(|letter| {
            at += 1;
            text.at(at - 1) == letter
        });
        if !same {
            continue;
        }
        // Checked before the end of the token is searched, so that a text of many prefixes is not read again from
        // each of them.
        let read =
            (at..at + 64).take_while(|&unit| is_token(text.at(unit)) || text.at(unit) == '.');
        let start_of_token = text.folded.units(at..at + read.count());
        if is_coded(start_of_token) {
            let end = token_end(text, at);
            if end - at >= prefix.least {
                return Some(start..end);
            }
        }
    }
    let hook = "hooks.slack.com/services/";
    let key = start + hook.len();
    text.folded
        .has(start, hook)
        .then(|| key..token_end(text, key))
}

/// The credentials after the name of an authentication scheme in a header.
fn after_scheme(text: &Text, start: usize, scheme: &str) -> Option<Range<usize>> {
    if !text.folded.has(start, scheme) {
        return None;
    }
    let name = start + scheme.len();
    let value = text.folded.skip_spaces(name);
    if value == name {
        return None;
    }
    let end = token_end(text, value);
    let units = text.folded.units(value..end);
    let capitals = units
        .iter()
        .skip(1)
        .filter(|unit| unit.is_ascii_uppercase());
    let coded = units
        .iter()
        .any(|&unit| unit.is_ascii_digit() || unit == '=')
        || units.len().is_multiple_of(4) && capitals.count() >= 2;
    (units.len() >= 12 && coded).then_some(value..end)
}

/// The token of a Telegram bot, 123456789:AA..., whose number is this group of digits.
pub fn bot_token(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    let key = digits.end + 1;
    if !(8..=10).contains(&digits.len())
        || text.at(digits.end) != ':'
        || !text.folded.has(key, "aa")
    {
        return None;
    }
    let end = token_end(text, key);
    (end - key >= 30).then_some(digits.start..end)
}

/// A private key in PEM format that begins at a dash. Its end may be missing.
pub fn private_key(text: &Text, start: usize) -> Option<Range<usize>> {
    if !text.folded.has(start, "-----begin ") {
        return None;
    }
    let mut at = start + 11;
    let line = at + 40;
    while at < line && !text.folded.has(at, "private key") {
        at += 1;
    }
    if at == line {
        return None;
    }
    // A text may have many keys, and each is read once.
    while at < text.folded.len() {
        at += 1;
        if text.folded.has(at, "-----end ") {
            let end = (at + 9..at + 60).find(|&unit| text.folded.has(unit, "-----"));
            return Some(start..end.map_or(at + 9, |end| end + 5));
        }
    }
    Some(start..at)
}

/// The credentials before the host of a URL: https://user:password@host. People also write passwords whose marks
/// should be escaped.
pub fn in_url(text: &Text, colon: usize) -> Option<Range<usize>> {
    if text.at(colon + 1) != '/' || text.at(colon + 2) != '/' {
        return None;
    }
    let start = colon + 3;
    let (mut password, mut port) = (false, true);
    let mut end = None;
    for unit in start..start + 200 {
        match text.at(unit) {
            '@' if password => end = Some(unit),
            ':' if !password => password = true,
            // After a port, this is the path.
            '/' | '?' | '#' if end.is_some() || port => break,
            ' ' | '\n' | '"' | '\'' | '<' | '>' | '\0' | PLACEHOLDER => break,
            other => port &= !password || other.is_ascii_digit(),
        }
    }
    end.filter(|&end| end > start).map(|end| start..end)
}

/// The credentials of an option of curl: `-u user:password`, `--user user:password`.
pub fn in_command(text: &Text, dash: usize) -> Option<Range<usize>> {
    let option = ["-u ", "-u", "--user ", "--user=", "--proxy-user "]
        .into_iter()
        .find(|option| text.folded.has(dash, option))?;
    let line = dash.saturating_sub(200)..dash;
    let line = text.folded.units(line);
    let line = line.rsplit(|&unit| unit == '\n').next()?;
    if !line.windows(4).any(|word| word == ['c', 'u', 'r', 'l']) {
        return None;
    }
    let mut start = text.folded.skip_spaces(dash + option.len());
    start += usize::from(matches!(text.at(start), '"' | '\''));
    let end = (start..start + 200).find(|&unit| {
        let unit = text.at(unit);
        matches!(unit, '\0' | '"' | '\'' | PLACEHOLDER) || unit.is_whitespace()
    })?;
    let units = text.folded.units(start..end);
    let colon = units.iter().position(|&unit| unit == ':')?;
    let password = &units[colon + 1..];
    (!password.is_empty() && worth(password) && !is_code(password)).then_some(start..end)
}

/// How a value follows its label.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// `password: value`, `password=value`; whether the value follows without a space.
    Sign { close: bool },
    /// "비밀번호는 value", "PW value".
    Near,
    /// "password is value"
    Is,
    /// "password value"
    Space,
}

/// The value after a label of a secret: "password=...", "비밀번호는 ... 입니다".
pub fn named(text: &Text, label: &Label) -> Option<Range<usize>> {
    let (link, at) = link(text, label)?;
    let told = matches!(link, Link::Sign { .. });
    let quote = text.at(at);
    let mut at = at;
    if matches!(quote, '"' | '\'' | '`') {
        at += 1;
        let mut closed = (at..at + 200).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
        let end = closed.find(|&unit| text.at(unit) == quote);
        if let Some(end) = end.filter(|_| told && label.class.meets(Class::SECRET)) {
            let units = text.folded.units(at..end);
            return (worth(units) && units.len() >= 3).then_some(at..end);
        }
    }
    let end = value_end(text, at);
    let units = text.folded.units(at..end);
    let is_secret = if label.class.meets(Class::SECRET) {
        is_value(text, label, link, at..end)
    } else {
        let object = units.contains(&'/') && !units.contains(&'=') && !units.contains(&'+');
        link != Link::Near && is_random(units) && !is_uuid(units) && !object
    };
    (is_secret && units.len() >= 4 && worth(units) && !is_code(units) && !text.amount(end))
        .then_some(at..end)
}

/// How the value of a label follows it, and where the value begins.
fn link(text: &Text, label: &Label) -> Option<(Link, usize)> {
    let mut at = label.end;
    let non_latin = !text.before(at).is_ascii();
    let particle = match text.at(at) {
        '는' | '은' | '가' | '이' | '도' => !text.at(at + 1).is_alphanumeric(),
        'は' | '是' | '为' | '為' => true,
        _ => false,
    };
    at += usize::from(particle);
    // The quote after a JSON key.
    at += usize::from(matches!(text.at(at), '"' | '\'' | '`'));
    let after_name = at;
    at = text.folded.skip_spaces(at);
    let close = at == label.end && text.at(at + 1) != ' ';
    // "ID kim PW 1234"
    let near = non_latin || particle || label.end - label.start == 2;
    let link = match text.at(at) {
        ':' | '=' => {
            let equals = text.at(at) == '=';
            at += 1;
            at += usize::from(matches!(text.at(at), '=' | '>' | ':'));
            Link::Sign {
                close: close && equals,
            }
        }
        _ if text.folded.has(at, "is ") || text.folded.has(at, "is: ") => {
            at += 3;
            Link::Is
        }
        _ if near && at > after_name || particle => Link::Near,
        _ if at > after_name => Link::Space,
        _ => return None,
    };
    Some((link, text.folded.skip_spaces(at)))
}

/// Whether the units after a label of a secret are its value.
fn is_value(text: &Text, label: &Label, link: Link, at: Range<usize>) -> bool {
    let end = at.end;
    let units = text.folded.units(at);
    let digits = units.iter().filter(|unit| unit.is_ascii_digit()).count();
    let letters = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .count();
    let marks = units.len() - digits - letters;
    let mixed = usize::from(digits > 0) + usize::from(letters > 0) + usize::from(marks > 0) >= 2;
    let password = label.class.is(Class::PASSWORD);
    // "token: 4096" is a count.
    let pin = digits >= 4 && password;
    match link {
        Link::Sign { close } => {
            let chosen = password && !text.before(label.end).is_ascii() && letters >= 4;
            // "password: swordfish", and not "password: please reset it".
            let alone = password && letters >= 4 && ends_line(text, end);
            mixed || pin || chosen || alone || close && letters >= 4
        }
        Link::Near => digits > 0 && (letters > 0 || marks > 0) || pin,
        Link::Is => digits > 0 && (letters > 0 || marks > 0),
        Link::Space => {
            let chosen = password && digits > 0 && letters > 0 && units.len() >= 6;
            chosen || is_random(units)
        }
    }
}

/// Whether nothing follows a value on its line but marks, or another name with its value.
fn ends_line(text: &Text, end: usize) -> bool {
    let next = text.at(end);
    let after = text.folded.skip_spaces(end + 1);
    matches!(
        next,
        '\0' | '\n' | '"' | '\'' | '`' | ',' | ';' | '&' | '<' | '}' | ']' | '|'
    ) || matches!(next, '.' | ')' | '!') && matches!(text.at(after), '\0' | '\n')
}

fn value_end(text: &Text, start: usize) -> usize {
    let mut at = start;
    while at < start + 500 {
        let unit = text.at(at);
        let ends = unit == '\0' || unit.is_whitespace() || unit == PLACEHOLDER;
        let is_mark = matches!(
            unit,
            '"' | '\'' | '`' | ',' | ';' | '&' | '<' | '>' | '}' | ']' | '|'
        );
        // A particle or the next word, since passwords are written in Latin letters.
        let dense = matches!(unit, '가'..='힣' | '\u{3040}'..='\u{9FFF}');
        if ends || is_mark || dense {
            break;
        }
        at += 1;
    }
    while at > start && matches!(text.before(at), '.' | ')' | ':' | '-') {
        at -= 1;
    }
    at
}

fn worth(units: &[char]) -> bool {
    let word: String = units.iter().map(char::to_ascii_lowercase).collect();
    let known = NO_VALUES.contains(&word.as_str());
    let stars = units.iter().all(|unit| !unit.is_alphanumeric());
    !(known || stars || units.contains(&PLACEHOLDER))
}

/// Whether this is code, such as a call, a variable or a template: `$TOKEN`, `{{token}}`, `next_token()`, `self.token`.
fn is_code(units: &[char]) -> bool {
    let call = units
        .windows(2)
        .any(|pair| pair[0].is_alphanumeric() && pair[1] == '(');
    let template = matches!(units[0], '$' | '{' | '<' | '%' | '(' | '[');
    let path = units
        .iter()
        .all(|unit| unit.is_ascii_alphabetic() || matches!(unit, '.' | '_' | '-' | '/'))
        && units.contains(&'.');
    call || template || path
}

/// Values of a JSON key that are no secret, such as `{"pass": true}` and `{"credentials": "include"}`.
const SETTINGS: [&str; 20] = [
    "",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "null",
    "none",
    "nil",
    "undefined",
    "include",
    "omit",
    "same-origin",
    "required",
    "optional",
    "enabled",
    "disabled",
    "basic",
    "bearer",
];

pub fn is_setting(value: &str) -> bool {
    let value = value.trim();
    SETTINGS
        .iter()
        .any(|setting| setting.eq_ignore_ascii_case(value))
}

/// Whether a JSON key is the name of a secret. Its value is then masked whatever it looks like.
pub fn is_name(text: &Text) -> bool {
    let name = text
        .labels
        .iter()
        .rfind(|label| label.class.meets(Class::SECRET));
    name.is_some_and(|label| label.end == text.folded.len())
}
