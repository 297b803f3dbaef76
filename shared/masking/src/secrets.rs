//! Passwords, tokens and keys, recognized by the prefix of the service that issued them, by a label, or by their place
//! in a URL or a header.

use std::ops::Range;

use super::fold::PLACEHOLDER;
use super::labels::{Class, Label};
use super::text::Text;

/// Prefixes, each with the least number of letters, digits and dashes after it.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ABIA", 16),
    ("ACCA", 16),
    ("AIza", 30),
    ("AGE-SECRET-KEY-", 20),
    ("EAACEdEose0cBA", 10),
    ("GOCSPX-", 20),
    ("SG.", 20),
    ("dckr_pat_", 20),
    ("dop_v1_", 20),
    ("eyJ", 30),
    ("figd_", 20),
    ("gho_", 20),
    ("ghp_", 20),
    ("ghr_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("glsa_", 20),
    ("gsk_", 20),
    ("hf_", 20),
    ("hvs.", 20),
    ("key-", 32),
    ("lin_api_", 20),
    ("npm_", 20),
    ("ntn_", 20),
    ("pk_live_", 16),
    ("pplx-", 20),
    ("pypi-", 30),
    ("r8_", 20),
    ("rk_live_", 16),
    ("rk_test_", 16),
    ("sbp_", 20),
    ("secret_", 30),
    ("shpat_", 20),
    ("shpss_", 20),
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("sq0atp-", 16),
    ("sq0csp-", 16),
    ("tskey-", 16),
    ("whsec_", 16),
    ("xapp-", 16),
    ("xai-", 20),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxe", 10),
    ("xoxo-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("ya29.", 20),
];

/// The least length of a token, including its prefix.
const SHORTEST: usize = 14;

/// Values in code and forms that stand for a missing value.
const NO_VALUES: [&str; 24] = [
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
        return after_scheme(text, start, "bearer").or_else(|| after_scheme(text, start, "basic"));
    }
    // A fast path: most words are shorter.
    let long =
        (start..start + SHORTEST).all(|unit| is_token(text.at(unit)) || text.at(unit) == '.');
    if !long {
        return None;
    }
    for (prefix, least) in PREFIXES {
        if !prefix.starts_with(first) {
            continue;
        }
        let mut at = start;
        let same = prefix.chars().all(|letter| {
            at += 1;
            text.at(at - 1) == letter
        });
        if !same {
            continue;
        }
        // Checked before the end of the token is searched, so that a text of many prefixes is not read again from
        // each of them.
        let mixed = (at..at + 200)
            .map(|unit| text.at(unit))
            .take_while(|&unit| is_token(unit) || unit == '.')
            .any(|unit| unit.is_ascii_digit() || unit.is_ascii_uppercase());
        if mixed {
            let end = token_end(text, at);
            if end - at >= *least {
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

/// The credentials before the host of a URL: https://user:password@host.
pub fn in_url(text: &Text, colon: usize) -> Option<Range<usize>> {
    if text.at(colon + 1) != '/' || text.at(colon + 2) != '/' {
        return None;
    }
    let start = colon + 3;
    let mut password = false;
    let mut end = None;
    for unit in start..start + 200 {
        match text.at(unit) {
            '@' if password => end = Some(unit),
            ':' => password = true,
            '/' | '?' | '#' | ' ' | '\n' | '"' | '\'' | '<' | '>' | '\0' | PLACEHOLDER => break,
            _ => {}
        }
    }
    end.filter(|&end| end > start).map(|end| start..end)
}

/// The value after a label of a secret: "password=...", "비밀번호는 ... 입니다".
pub fn named(text: &Text, label: &Label) -> Option<Range<usize>> {
    debug_assert!(label.class.meets(Class::SECRET));
    let mut at = label.end;
    let korean = !text.before(at).is_ascii();
    let particle = matches!(text.at(at), '는' | '은' | '가' | '이' | '도');
    let particle = particle && !text.at(at + 1).is_alphanumeric();
    at += usize::from(particle);
    let korean = korean || particle;
    // The quote after a JSON key.
    at += usize::from(matches!(text.at(at), '"' | '\'' | '`'));
    let after_name = at;
    at = text.folded.skip_spaces(at);
    let sign = text.at(at);
    // "ID kim PW 1234"
    let short = label.end - label.start == 2;
    let close = at == label.end && matches!(text.at(at + 1), unit if unit != ' ');
    let told = match sign {
        ':' | '=' => {
            at += 1;
            at += usize::from(matches!(text.at(at), '=' | '>' | ':'));
            true
        }
        _ if text.folded.has(at, "is ") || text.folded.has(at, "is: ") => {
            at += 3;
            false
        }
        _ if (korean || short) && at > after_name => false,
        _ => return None,
    };
    at = text.folded.skip_spaces(at);
    let quote = text.at(at);
    if matches!(quote, '"' | '\'' | '`') {
        at += 1;
        let mut closed = (at..at + 200).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
        let end = closed.find(|&unit| text.at(unit) == quote);
        if let Some(end) = end.filter(|_| told) {
            let units = text.folded.units(at..end);
            return (worth(units) && units.len() >= 3).then_some(at..end);
        }
    }
    let end = value_end(text, at);
    let units = text.folded.units(at..end);
    let digits = units.iter().filter(|unit| unit.is_ascii_digit()).count();
    let letters = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .count();
    let marks = units.len() - digits - letters;
    let mixed = usize::from(digits > 0) + usize::from(letters > 0) + usize::from(marks > 0) >= 2;
    // "token: 4096" is a count.
    let pin = digits >= 4 && is_pin(text, label);
    let chosen = is_pin(text, label) && korean && letters >= 4;
    let value = if told {
        mixed || pin || chosen || close && sign == '=' && letters >= 4
    } else {
        digits > 0 && (letters > 0 || marks > 0) || pin && (korean || short)
    };
    (value && units.len() >= 4 && worth(units) && !is_code(units) && !text.amount(end))
        .then_some(at..end)
}

/// Whether a label is for passwords and numbers that people choose.
fn is_pin(text: &Text, label: &Label) -> bool {
    let first = text.at(label.start);
    let latin = ["pw", "passw", "passc"];
    matches!(first, '비' | '패' | '암')
        || latin.iter().any(|word| text.folded.has(label.start, word))
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
        // A particle, since passwords are written in Latin letters.
        if ends || is_mark || matches!(unit, '가'..='힣') {
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

/// Whether a JSON key is the name of a secret. Its value is then masked whatever it looks like.
pub fn is_name(text: &Text) -> bool {
    let name = text
        .labels
        .iter()
        .rfind(|label| label.class.meets(Class::SECRET));
    name.is_some_and(|label| label.end == text.folded.len())
}
