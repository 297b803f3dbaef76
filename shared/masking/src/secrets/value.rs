//! Values after the name of a secret that are none, by their form: references, code, paths and limits.

use std::ops::Range;

use super::entropy::{is_likely, is_random, segments};
use crate::text::Text;

/// The units of a value that decide whether it is a secret.
const JUDGED: usize = 128;

/// Types and fields of source code, by the end of their name.
const TYPES: [&str; 14] = [
    "string", "str", "type", "field", "input", "hash", "schema", "password", "token", "secret",
    "option", "value", "vec", "text",
];

/// The letters of algorithms and standards that are named with a number: SHA-256, Argon2id, OAuth2, UTF-8.
const ALGORITHMS: [&str; 21] = [
    "sha", "md", "aes", "rsa", "hs", "rs", "es", "ps", "hmac", "oauth", "base", "utf", "argon",
    "argonid", "pbkdf", "bcrypt", "ed", "tls", "ntlmv", "wpa", "v",
];

/// Words after a number that count characters or time: "8-16 characters".
const UNITS: [&str; 13] = [
    "자", "글자", "자리", "char", "digit", "letter", "symbol", "분", "시간", "일", "개월", "day",
    "minute",
];

/// Units of measure that touch their number.
const MEASURES: [&str; 27] = [
    "px", "em", "rem", "pt", "vh", "vw", "ms", "us", "ns", "s", "min", "h", "d", "k", "kb", "mb",
    "gb", "kib", "mib", "x", "hz", "khz", "mhz", "ghz", "kbps", "mbps", "gbps",
];

/// The first units of a value.
pub fn judged<'a>(text: &'a Text, at: &Range<usize>) -> &'a [char] {
    text.folded.units(at.start..at.end.min(at.start + JUDGED))
}

fn lower(units: &[char]) -> String {
    units.iter().map(char::to_ascii_lowercase).collect()
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

/// The marks around an expression that stands for a value.
const EXPRESSIONS: [(&str, &str); 7] = [
    ("${", "}"),
    ("$(", ")"),
    ("{{", "}}"),
    ("{%", "%}"),
    ("<%", "%>"),
    ("#{", "}"),
    ("%(", ")s"),
];

/// The marks around the name of a value.
const BRACKETS: [(&str, &str); 5] = [("<", ">"), ("[", "]"), ("(", ")"), ("{", "}"), ("%", "%")];

/// Tags of YAML that refer to a value: `!secret name`.
const TAGS: [&str; 8] = [
    "secret",
    "vault",
    "env",
    "env_var",
    "ref",
    "sub",
    "getatt",
    "importvalue",
];

/// The ends of the names of variables that hold a secret.
const HOLDERS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "credentials",
    "token",
    "pass",
    "pwd",
    "key",
    "pw",
    "pin",
];

/// Whether a whole value is a reference to one: `${DB_PASSWORD}`, `{{token}}`, `<your token>`, `$TOKEN`, `%s`. A
/// password may begin with the same marks.
pub fn is_reference(value: &str) -> bool {
    let value = value.trim();
    let within = |(open, close): &(&str, &str)| {
        let inside = value.strip_prefix(open)?.strip_suffix(close)?.trim();
        (!inside.is_empty()).then(|| inside.to_owned())
    };
    let expression = EXPRESSIONS.iter().find_map(within).is_some_and(|inside| {
        // `${DB_PASSWORD:-default}`
        let default: Vec<char> = inside
            .split_once(':')
            .map(|(_, default)| {
                default
                    .trim_start_matches(['-', '?', '=', '+'])
                    .chars()
                    .collect()
            })
            .unwrap_or_default();
        !inside.starts_with(|unit: char| unit.is_ascii_digit()) && !is_likely(&default)
    });
    let name = BRACKETS
        .iter()
        .find_map(within)
        .is_some_and(|inside| is_word(&inside));
    let variable = value.strip_prefix('$').is_some_and(is_holder);
    expression || name || variable || matches!(value, "%s" | "%d" | "%v" | "%@")
}

/// Whether this is a name of words, without digits.
fn is_word(name: &str) -> bool {
    name.chars().filter(char::is_ascii_alphabetic).count() >= 2
        && name
            .chars()
            .all(|unit| unit.is_alphabetic() || matches!(unit, '_' | '.' | ':' | '-' | ' ' | '\''))
}

/// Whether a variable is named for the secret that it holds: `DB_PASSWORD`, `apiKey`.
pub fn is_holder(name: &str) -> bool {
    let identifier = is_identifier(name);
    let upper = !name.contains(|unit: char| unit.is_ascii_lowercase());
    let word = name.to_ascii_lowercase();
    let held = HOLDERS.iter().any(|end| {
        word.strip_suffix(end).is_some_and(|before| {
            let whole = before.is_empty() || before.ends_with('_');
            let camel = name[before.len()..].starts_with(|unit: char| unit.is_ascii_uppercase());
            whole || camel || end.len() >= 6
        })
    });
    identifier && (held || upper && name.contains('_'))
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|unit: char| unit.is_ascii_alphabetic() || unit == '_')
        && name
            .chars()
            .all(|unit| unit.is_ascii_alphanumeric() || matches!(unit, '_' | '.' | ':'))
}

/// Whether a value without quotes is a reference. Its closing marks don't belong to the value, and after an equals
/// sign, a dollar begins the name of a variable.
fn is_open_reference(value: &str, assigned: bool) -> bool {
    let expression = EXPRESSIONS.iter().any(|(open, _)| value.starts_with(open));
    let name = value.strip_prefix(['(', '[', '{']).is_some_and(is_word);
    let tag = value
        .strip_prefix('!')
        .is_some_and(|tag| TAGS.contains(&tag.to_ascii_lowercase().as_str()));
    let variable = value.strip_prefix('$').is_some_and(|name| {
        is_holder(name) || assigned && is_identifier(name.trim_end_matches(['-', ';']))
    });
    expression || name || tag || variable || value == "{" || is_reference(value)
}

/// Whether this is code, such as a call, a variable or a reference: `$TOKEN`, `{{token}}`, `next_token()`, `self.token`.
/// `assigned`: whether it follows an equals sign.
pub fn is_code(units: &[char], assigned: bool) -> bool {
    let open = units.iter().position(|unit| matches!(unit, '(' | '['));
    let call = open.is_some_and(|open| {
        let name = &units[..open];
        name.last().is_some_and(|unit| unit.is_alphanumeric())
            && name.iter().all(|unit| {
                unit.is_alphanumeric()
                    || matches!(unit, '_' | '.' | ':' | '-' | '&' | '*' | '!' | '$')
            })
    });
    let path = units
        .iter()
        .all(|unit| unit.is_ascii_alphabetic() || matches!(unit, '.' | '_' | '-' | '/' | '['))
        && units.contains(&'.');
    // An assignment in a language with types: `token: &str`.
    let borrowed = units[0] == '&' && units[1..].iter().all(char::is_ascii_alphabetic);
    call || path || borrowed || is_open_reference(&String::from_iter(units), assigned)
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
        .take_while(|unit| unit.is_ascii_digit() || **unit == '.')
        .count();
    let unit = lower(&units[digits..]);
    range && (short || counted) || digits > 0 && MEASURES.contains(&unit.as_str())
}
