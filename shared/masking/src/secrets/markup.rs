//! The marks of Markdown, Slack and HTML around a name and its value: `*Password:* value`, `**PW** | value`,
//! `<b>Password:</b> <code>value</code>`.

use std::ops::Range;

use crate::text::Text;

/// The most units of a tag of HTML.
const TAG: usize = 40;

/// The most marks in a row.
const MARKS: usize = 6;

/// The longest value between marks.
const WRAPPED: usize = 100;

/// The most units before a name in its cell or its line.
const BEFORE: usize = 32;

/// The longest key of a value.
const KEY: usize = 24;

/// Elements that change how a text looks.
const STYLES: [&str; 14] = [
    "b", "strong", "i", "em", "u", "code", "span", "kbd", "pre", "p", "mark", "tt", "samp", "font",
];

/// Elements that hold a value next to its name.
const CELLS: [&str; 4] = ["td", "th", "dd", "div"];

/// Keys under which a value is stored apart from its name: `{"name": "password", "value": "x"}`.
const VALUE_KEYS: [&str; 12] = [
    "value",
    "values",
    "v",
    "content",
    "contents",
    "val",
    "plaintext",
    "plain",
    "raw",
    "new",
    "old",
    "current",
];

/// The unit after the marks that close before or after the sign of a name: `**`, `_`, `</b>`.
pub fn closed(text: &Text, start: usize) -> usize {
    let mut at = start;
    for _ in 0..MARKS {
        let next = match text.at(at) {
            '*' | '~' => at + 1,
            // "password_hash" is one name.
            '_' if !text.at(at + 1).is_alphanumeric() => at + 1,
            '<' if text.at(at + 1) == '/' => tag(text, at, &STYLES).unwrap_or(at),
            _ => at,
        };
        if next == at {
            break;
        }
        at = next;
    }
    at
}

/// The unit after the marks that close after a sign: `*Password:* value`. Marks without a space after them open the
/// value.
pub fn closed_after_sign(text: &Text, start: usize) -> usize {
    let end = closed(text, start);
    let tag = text.before(end) == '>';
    if tag || matches!(text.at(end), ' ' | '\n' | '\0') {
        end
    } else {
        start
    }
}

/// The unit after the marks that open before a value: `<code>`, three backticks with the name of a language.
pub fn opened(text: &Text, start: usize) -> usize {
    let mut at = start;
    for _ in 0..3 {
        if text.folded.has(at, "```") {
            let line = (at + 3..at + TAG).find(|&unit| text.at(unit) == '\n');
            at = line.map_or(at + 3, |line| text.folded.skip_spaces(line + 1));
        } else if text.at(at) == '<' {
            match tag(text, at, &STYLES) {
                Some(end) => at = end,
                None => break,
            }
        } else {
            break;
        }
    }
    at
}

/// A value between marks: `**value**`, `||value||`.
pub fn wrapped(text: &Text, start: usize) -> Option<Range<usize>> {
    let mark = text.at(start);
    if !matches!(mark, '*' | '_' | '~' | '|') {
        return None;
    }
    let count = (start..start + MARKS).take_while(|&unit| text.at(unit) == mark);
    let count = count.count();
    let at = start + count;
    let end = (at..at + WRAPPED).find(|&unit| {
        text.at(unit) == mark || text.at(unit).is_whitespace() || unit >= text.folded.len()
    })?;
    let closes = (end..end + count).all(|unit| text.at(unit) == mark);
    let next = text.at(end + count);
    let ends = next == '\0' || next.is_whitespace() || matches!(next, ',' | '.' | ';' | ')' | '<');
    (count < MARKS && end > at && closes && ends).then_some(at..end)
}

/// The next cell of the row of a table that begins with a name: `| password | value |`, `<td>PW</td><td>value</td>`.
pub fn next_cell(text: &Text, label: usize, name_end: usize) -> Option<usize> {
    let at = text.folded.skip_spaces(name_end);
    if matches!(text.at(at), '|' | '│' | '┃') {
        let value = text.folded.skip_spaces(at + 1);
        let empty = matches!(text.at(value), '|' | '│' | '\n' | '\0');
        return (begins_cell(text, label) && !empty && text.at(at + 1) != '|').then_some(value);
    }
    let mut at = tag(text, at, &CELLS).or_else(|| tag(text, at, &["dt"]))?;
    let closed = text.at(name_end) == '<' && text.at(name_end + 1) == '/';
    for _ in 0..MARKS {
        at += usize::from(matches!(text.at(at), '\n' | ' '));
    }
    let value = tag(text, at, &CELLS)?;
    (closed && text.at(at + 1) != '/').then(|| text.folded.skip_spaces(value))
}

/// Whether only words are between a name and the start of its cell or its line.
fn begins_cell(text: &Text, label: usize) -> bool {
    let start = (1..BEFORE).find(|&steps| {
        let unit = text.folded.back(label, steps);
        !(unit.is_alphanumeric() || matches!(unit, ' ' | '*' | '_' | '-'))
    });
    let Some(steps) = start else { return false };
    match text.folded.back(label, steps) {
        '|' | '│' | '┃' => true,
        // Without a bar before it, the name is alone: "cat password | base64" is a command.
        '\n' | '\0' => (1..steps).all(|step| !text.folded.back(label, step).is_alphanumeric()),
        _ => false,
    }
}

/// Whether only a few words are before a name on its line, and none after a sentence.
pub fn begins_line(text: &Text, label: usize) -> bool {
    let before = (1..BEFORE).find(|&steps| {
        let unit = text.folded.back(label, steps);
        !(unit.is_alphanumeric() || matches!(unit, ' ' | '*' | '_' | '-' | '#' | '>' | '·'))
    });
    before.is_some_and(|steps| matches!(text.folded.back(label, steps), '\n' | '\0' | ':'))
}

/// Whether a key says only that a value is one, in any case: "Value", "stringValue", "PARAMETER_VALUE".
pub fn is_value_key(key: &str) -> bool {
    let letters = key.chars().filter(|unit| unit.is_alphanumeric()).take(KEY);
    let key: String = letters.flat_map(char::to_lowercase).collect();
    let limit = ["min", "max"].iter().any(|limit| key.starts_with(limit));
    VALUE_KEYS.contains(&key.as_str()) || key.ends_with("value") && !limit
}

/// The value after a key that says only that it is one: `"value": "x"`.
pub fn after_value_key(text: &Text, start: usize) -> Option<usize> {
    let quoted = matches!(text.at(start), '"' | '\'');
    let key = start + usize::from(quoted);
    let length = (key..key + KEY)
        .take_while(|&unit| text.at(unit).is_alphanumeric() || text.at(unit) == '_');
    let end = key + length.count();
    let name = text.folded.units(key..end);
    // "Content" also begins a line of a text.
    let value = is_value_key(&String::from_iter(name)) && !text.folded.has(key, "content");
    let end = end + usize::from(quoted);
    let sign = text.folded.skip_spaces(end);
    let closed = !quoted || text.at(end - 1) == text.at(start);
    (value && closed && matches!(text.at(sign), ':' | '='))
        .then(|| text.folded.skip_spaces(sign + 1))
}

/// The end of a tag with one of these names.
fn tag(text: &Text, start: usize, names: &[&str]) -> Option<usize> {
    if text.at(start) != '<' {
        return None;
    }
    let name = start + 1 + usize::from(text.at(start + 1) == '/');
    let known = names.iter().any(|known| {
        let end = name + known.len();
        text.folded.has(name, known) && !text.at(end).is_alphanumeric()
    });
    let end = known
        .then(|| (name..name + TAG).find(|&unit| matches!(text.at(unit), '>' | '\n' | '\0')))??;
    (text.at(end) == '>').then_some(end + 1)
}
