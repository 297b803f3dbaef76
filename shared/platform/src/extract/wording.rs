//! The errors of serde in the words of an API: what a value must be, and what it is.

use std::fmt::{self, Display, Write};

use serde::de::Expected;

/// How much of a caller's own text an error quotes, in characters.
const LONGEST_QUOTE: usize = 100;

/// An error text of serde or its JSON parser, without its position, in plain words. Other texts stay as they are.
pub fn plain(error: &str, noun: &str) -> String {
    for start in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) = split(error, start) {
            return format!("must be {}, and is {}", wanted(expected), shown(found));
        }
    }
    if let Some((length, expected)) = split(error, "invalid length ") {
        return format!("must be {}, and has {length} items", wanted(expected));
    }
    if let Some((found, expected)) = split(error, "unknown variant ") {
        return format!("must be {expected}, and is {}", shown(found));
    }
    if let Some((found, expected)) = split(error, "unknown field ") {
        return format!(
            "unknown {noun} {}: use {}",
            shown(found),
            without_one_of(expected)
        );
    }
    if let Some((found, _)) = error
        .strip_prefix("unknown field ")
        .and_then(|rest| rest.split_once(", there are no "))
    {
        return format!("unknown {noun} {}: there are none here", shown(found));
    }
    if let Some(name) = error.strip_prefix("missing field ") {
        return format!("the {noun} {name} is missing");
    }
    if let Some(name) = error.strip_prefix("duplicate field ") {
        return format!("duplicate {noun} {}: send it once", shown(name));
    }
    syntax(error)
}

/// The value that was found, and the description of what was expected. The description comes last, because a
/// value may contain any text.
fn split<'a>(error: &'a str, start: &str) -> Option<(&'a str, &'a str)> {
    error.strip_prefix(start)?.rsplit_once(", expected ")
}

/// The errors of the JSON parser.
fn syntax(error: &str) -> String {
    let text = match error {
        "expected value" | "expected ident" => "a JSON value is missing or misspelled here",
        "key must be a string" => "a key must be a text in double quotes",
        "trailing comma" => "remove the comma before the end of the list or object",
        "trailing characters" => "there is text after the end of the JSON",
        "recursion limit exceeded" => "nested deeper than 128 levels",
        "invalid unicode code point" => "a text is not UTF-8",
        "invalid escape" => "a text contains an escape that JSON does not have",
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "a text contains half a surrogate pair"
        }
        _ if error.starts_with("EOF while parsing") => "the JSON ends too early",
        _ if error.starts_with("control character") => {
            "a control character in a text must be escaped, such as `\\n`"
        }
        _ => match error.strip_prefix("expected `") {
            Some(signs) => return format!("`{signs} is missing here"),
            None => error,
        },
    };
    text.to_owned()
}

/// What a value must be, for the description that a type of serde gives of itself.
pub fn wanted(expected: &str) -> String {
    let numbers = match expected {
        "u8" => Some((0, i64::from(u8::MAX))),
        "u16" => Some((0, i64::from(u16::MAX))),
        "u32" => Some((0, i64::from(u32::MAX))),
        "i8" => Some((i64::from(i8::MIN), i64::from(i8::MAX))),
        "i16" => Some((i64::from(i16::MIN), i64::from(i16::MAX))),
        "i32" => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        _ => None,
    };
    if let Some((least, most)) = numbers {
        return format!("a whole number from {least} to {most}");
    }
    if let Some(form) = form(expected) {
        return form.to_owned();
    }
    let text = match expected {
        "u64" | "u128" | "usize" => "a whole number, 0 or more",
        "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "a borrowed string" | "str" | "variant identifier" => "a text",
        "string or map" => "a text or an object",
        "unit" => "null",
        "a sequence" | "an array" => "a list",
        "a map" | "map" => "an object",
        _ if expected.starts_with("a nonzero ") => "a whole number, 1 or more",
        _ if expected.starts_with("struct ") || expected.starts_with("enum ") => "an object",
        _ => match expected.rsplit_once(' ') {
            Some(("a tuple of size" | "an array of length", count)) => {
                return format!("a list of {count} items");
            }
            _ => expected,
        },
    };
    text.to_owned()
}

/// The form of a text that stands for another kind of value.
fn form(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "a formatted UUID string" => "a UUID, such as `0190b2a0-0000-7000-8000-000000000001`",
        "a timestamp string" => "a time with its offset, such as `2026-01-31T09:30:00Z`",
        "a date string" => "a date, such as `2026-01-31`",
        _ => return None,
    })
}

/// [`form()`] of what a visitor expects. Nothing is allocated, because every text of a request comes here.
pub(super) fn form_of(expected: &dyn Expected) -> Option<&'static str> {
    let mut description = Description::default();
    write!(description, "{expected}").ok()?;
    let written = &description.bytes[..description.length];
    form(std::str::from_utf8(written).ok()?)
}

/// The description that a type gives of itself, if it is as short as those of [`form()`].
#[derive(Default)]
struct Description {
    bytes: [u8; 32],
    length: usize,
}

impl Write for Description {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

pub(super) fn must_be(form: &str, found: &str) -> String {
    format!("must be {form}, and is {}", Quoted(found))
}

/// The value that serde describes as `string "x"`, without the name of its type, and of limited length.
fn shown(found: &str) -> String {
    match found {
        "sequence" => return "a list".to_owned(),
        "map" => return "an object".to_owned(),
        "null" | "unit value" => return "null".to_owned(),
        _ => {}
    }
    let sign = found.find(['"', '`']);
    let Some(start) = sign else {
        return cut(found);
    };
    let quote = &found[start..=start];
    let inner = &found[start + 1..];
    let inner = inner.strip_suffix(quote).unwrap_or(inner);
    format!("{quote}{}{quote}", cut(inner))
}

fn cut(text: &str) -> String {
    crate::excerpt::cut(text, LONGEST_QUOTE)
}

fn without_one_of(list: &str) -> &str {
    list.strip_prefix("one of ").unwrap_or(list)
}

/// A caller's own text in quotes, of limited length.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", cut(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_a_value_must_be_and_what_it_is() {
        for (error, expected) in [
            (
                "invalid type: string \"two\", expected u32",
                "must be a whole number from 0 to 4294967295, and is \"two\"",
            ),
            (
                "invalid type: string \", expected u8\", expected usize",
                "must be a whole number, 0 or more, and is \", expected u8\"",
            ),
            (
                "invalid type: sequence, expected struct NewMessage with 3 elements",
                "must be an object, and is a list",
            ),
            (
                "invalid type: null, expected a boolean",
                "must be `true` or `false`, and is null",
            ),
            (
                "invalid type: floating point `1.5`, expected i64",
                "must be a whole number, and is `1.5`",
            ),
            (
                "invalid value: integer `-1`, expected u64",
                "must be a whole number, 0 or more, and is `-1`",
            ),
            (
                "invalid length 3, expected an array of length 2",
                "must be a list of 2 items, and has 3 items",
            ),
            (
                "unknown variant `xml`, expected one of `json`, `ddl`, `text`",
                "must be one of `json`, `ddl`, `text`, and is `xml`",
            ),
            (
                "unknown field `budget`, expected `question` or `format`",
                "unknown field `budget`: use `question` or `format`",
            ),
            (
                "unknown field `a`, there are no fields",
                "unknown field `a`: there are none here",
            ),
            ("missing field `q`", "the field `q` is missing"),
            ("duplicate field `q`", "duplicate field `q`: send it once"),
            ("EOF while parsing a list", "the JSON ends too early"),
            ("expected `,` or `}`", "`,` or `}` is missing here"),
            ("q is empty", "q is empty"),
        ] {
            assert_eq!(plain(error, "field"), expected);
        }
    }

    #[test]
    fn an_error_lists_every_known_name_and_cuts_only_what_the_caller_sent() {
        let names: Vec<String> = (0..60).map(|n| format!("`a_long_name_{n}`")).collect();
        let names = names.join(", ");
        let sent = "x".repeat(10_000);
        let error = format!("unknown field `{sent}`, expected one of {names}");
        let plain = plain(&error, "field");
        assert!(plain.ends_with(&names), "{plain}");
        assert!(plain.len() < names.len() + 2 * LONGEST_QUOTE, "{plain}");
    }
}
