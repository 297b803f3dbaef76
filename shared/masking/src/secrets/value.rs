//! Values after the name of a secret that are none: settings, code, paths, limits, and words about a secret.

use std::ops::Range;

use super::entropy::{is_random, segments};
use crate::fold::PLACEHOLDER;
use crate::text::Text;

/// The units of a value that decide whether it is a secret.
const JUDGED: usize = 128;

/// Values of a name that are no secret, such as `{"pass": "true"}` and `{"credentials": "include"}`.
const SETTINGS: [&str; 32] = [
    "",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "ok",
    "null",
    "none",
    "nil",
    "n/a",
    "undefined",
    "include",
    "omit",
    "same-origin",
    "required",
    "optional",
    "enabled",
    "disabled",
    "allowed",
    "denied",
    "basic",
    "bearer",
    "default",
    "auto",
    "all",
    "any",
    "success",
    "fail",
    "passed",
    "failed",
];

/// Other values in code, forms and sentences that stand for a missing value.
const NO_VALUES: [&str; 60] = [
    "string",
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
    "reset",
    "unknown",
    "example",
    "bcrypt",
    "yes",
    "revoked",
    "rotated",
    "bytes",
    "number",
    "integer",
    "boolean",
    "object",
    "varchar",
    "same",
    "unchanged",
    "above",
    "below",
    "attached",
    "forgotten",
    "incorrect",
    "1password",
    "lastpass",
    "bitwarden",
    "keepass",
    "vault",
    "keychain",
    "self",
    "this",
    "must",
    "please",
    "placeholder",
    "eof",
    "erforderlich",
    "vergessen",
    "obligatoire",
    "requis",
    "obligatoria",
    "obligatorio",
    "requerida",
    "obbligatoria",
    "verplicht",
    "wymagane",
    "zorunlu",
    "обязателен",
];

/// Words that say how a password is, in addition to those by their ending.
const QUALITIES: [&str; 36] = [
    "short",
    "long",
    "strong",
    "weak",
    "blank",
    "correct",
    "right",
    "good",
    "fine",
    "okay",
    "safe",
    "secure",
    "insecure",
    "same",
    "different",
    "unique",
    "public",
    "private",
    "visible",
    "broken",
    "lost",
    "gone",
    "stolen",
    "compromised",
    "case-sensitive",
    "needed",
    "mandatory",
    "simple",
    "easy",
    "hard",
    "complex",
    "temporary",
    "there",
    "outdated",
    "stale",
    "valid",
];

/// The endings of words that say how a password is.
const ENDINGS: [&str; 7] = ["ed", "ing", "able", "ible", "ent", "ive", "ful"];

/// Types and fields of source code, by the end of their name.
const TYPES: [&str; 14] = [
    "string", "str", "type", "field", "input", "hash", "schema", "password", "token", "secret",
    "option", "value", "vec", "text",
];

/// Algorithms and standards that are named with a number: SHA-256, AES-256, OAuth2, UTF-8.
const ALGORITHMS: [&str; 20] = [
    "sha", "md", "aes", "rsa", "hs", "rs", "es", "ps", "hmac", "oauth", "base", "utf", "argon",
    "argon2id", "pbkdf", "bcrypt", "ed", "tls", "ntlmv", "v",
];

/// Words after a number that count characters or time: "8-16 characters".
const UNITS: [&str; 13] = [
    "자", "글자", "자리", "char", "digit", "letter", "symbol", "분", "시간", "일", "개월", "day",
    "minute",
];

/// Units of measure that touch their number.
const MEASURES: [&str; 20] = [
    "px", "em", "rem", "pt", "vh", "vw", "ms", "us", "ns", "s", "min", "h", "d", "k", "kb", "mb",
    "gb", "kib", "mib", "x",
];

/// The first units of a value.
pub fn judged<'a>(text: &'a Text, at: &Range<usize>) -> &'a [char] {
    text.folded.units(at.start..at.end.min(at.start + JUDGED))
}

pub fn is_setting(value: &str) -> bool {
    let value = value.trim();
    let mut settings = SETTINGS.iter();
    settings.any(|setting| setting.eq_ignore_ascii_case(value))
}

fn lower(units: &[char]) -> String {
    units.iter().map(char::to_ascii_lowercase).collect()
}

/// Whether a value may be one: neither a setting nor a word for a missing value nor marks.
pub fn worth(units: &[char]) -> bool {
    let word = lower(units);
    let known = NO_VALUES.contains(&word.as_str()) || is_setting(&word);
    let stars = units.iter().all(|unit| !unit.is_alphanumeric());
    // xxxxxxxx
    let same = units.len() >= 4 && units.iter().all(|unit| unit == &units[0]);
    let masked = units.contains(&PLACEHOLDER);
    !(known || stars || same || masked)
}

pub fn is_quality(units: &[char]) -> bool {
    let word = lower(units);
    QUALITIES.contains(&word.as_str()) || ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether this is an algorithm, a standard or a version: SHA-256, v2.1.
pub fn is_name(units: &[char]) -> bool {
    let letters: String = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .collect();
    let word = letters.to_ascii_lowercase();
    ALGORITHMS.contains(&word.as_str())
        && units
            .iter()
            .all(|unit| unit.is_ascii_alphanumeric() || matches!(unit, '-' | '_' | '.'))
}

/// Whether this is the name of a type, a field or a variable that holds a secret: SecretString, YOUR_API_KEY.
pub fn is_type(units: &[char]) -> bool {
    let name = units
        .iter()
        .all(|unit| unit.is_ascii_alphabetic() || matches!(unit, '_' | '-'));
    let word = lower(units);
    let your = ["your", "my_", "my-"]
        .iter()
        .any(|start| word.starts_with(start))
        && units.len() > 4;
    let marked =
        units.contains(&'_') || units.contains(&'-') || units.iter().any(char::is_ascii_uppercase);
    name && marked && (your || TYPES.iter().any(|end| word.ends_with(end)))
}

/// Whether this is a reference to a value: `${DB_PASSWORD}`, `{{token}}`, `<token>`, `$TOKEN`, `%s`.
pub fn is_template(units: &[char]) -> bool {
    let (Some(first), Some(last)) = (units.first(), units.last()) else {
        return false;
    };
    let name = |units: &[char]| {
        units
            .iter()
            .all(|unit| unit.is_ascii_alphabetic() || matches!(unit, '_' | '.' | ':'))
    };
    match first {
        '$' => matches!(units.get(1), Some('{' | '(')) || name(&units[1..]),
        '{' => units.len() == 1 || matches!(last, '}') || units[1] == '{',
        '<' => true,
        '%' => {
            matches!(units.get(1), Some('(' | 's' | 'd')) && units.len() < 4 || matches!(last, '%')
        }
        '(' | '[' => true,
        // A tag of YAML: `!secret name`.
        '!' => units[1..].iter().all(char::is_ascii_lowercase),
        _ => false,
    }
}

/// Whether this is code, such as a call, a variable or a template: `$TOKEN`, `{{token}}`, `next_token()`, `self.token`.
pub fn is_code(units: &[char]) -> bool {
    let call = units
        .windows(2)
        .any(|pair| pair[0].is_alphanumeric() && matches!(pair[1], '(' | '['));
    let path = units
        .iter()
        .all(|unit| unit.is_ascii_alphabetic() || matches!(unit, '.' | '_' | '-' | '/' | '['))
        && units.contains(&'.');
    // An assignment in a language with types: `token: &str`.
    let borrowed = units[0] == '&' && units[1..].iter().all(char::is_ascii_alphabetic);
    call || path || borrowed || is_template(units)
}

/// Whether this is a path of a file: /run/secrets/db, ./key.pem, ~/.ssh, C:\keys.
pub fn is_path(units: &[char]) -> bool {
    let rooted = match units {
        ['/' | '~', ..] | ['.', '/', ..] | ['.', '.', '/', ..] => true,
        [drive, ':', '\\', ..] => drive.is_ascii_alphabetic(),
        _ => false,
    };
    rooted && !is_random(units)
}

/// Whether this is the key of an object: its first folder is a word, "uploads/2026/11/a1b2c3d4e5f6.pdf".
pub fn is_object(units: &[char]) -> bool {
    if units.iter().any(|unit| matches!(unit, '+' | '=')) {
        return false;
    }
    let slash = units.iter().position(|&unit| unit == '/');
    slash.is_some_and(|slash| {
        !units[..slash].is_empty()
            && units[..slash]
                .iter()
                .all(|unit| unit.is_ascii_lowercase() || matches!(unit, '-' | '_'))
    })
}

/// Whether this is a limit or a measure, as in "password: 8-16 characters" and "token: 12px".
pub fn is_limit(text: &Text, at: Range<usize>) -> bool {
    let units = judged(text, &at);
    let range = units
        .iter()
        .all(|unit| unit.is_ascii_digit() || matches!(unit, '-' | '~' | '+' | '.' | ','));
    let short = segments(units).all(|segment| segment.len() <= 3);
    let next = text.folded.skip_spaces(at.end);
    let counted = UNITS.iter().any(|unit| text.folded.has(next, unit));
    let digits = units
        .iter()
        .take_while(|unit| unit.is_ascii_digit())
        .count();
    let unit = String::from_iter(&units[digits..]);
    range && (short || counted) || digits > 0 && MEASURES.contains(&unit.as_str())
}
