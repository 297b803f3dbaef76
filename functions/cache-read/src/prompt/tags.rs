//! Tags around data in a prompt, which the data must not close.

use std::borrow::Cow;

/// The names of the tags that a text closes: `question` for `</question>`.
pub fn closed_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .split("</")
        .skip(1)
        .filter_map(|rest| {
            let name = &rest[..word(rest)];
            let is_tag = !name.is_empty() && rest[name.len()..].starts_with('>');
            is_tag.then(|| name.to_ascii_lowercase())
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The text with `‹` instead of the `<` of these tags, in any spacing and case. The number of characters is
/// unchanged.
pub fn disarm<'a>(text: &'a str, tags: &[impl AsRef<str>]) -> Cow<'a, str> {
    let mut disarmed = String::new();
    let mut done = 0;
    for (at, _) in text.match_indices('<') {
        if is_tag(&text[at + 1..], tags) {
            disarmed.push_str(&text[done..at]);
            disarmed.push('‹');
            done = at + 1;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    disarmed.push_str(&text[done..]);
    Cow::Owned(disarmed)
}

/// Whether the text after a `<` makes it one of the tags. `a <question` may be SQL and is kept, unless a
/// `>` closes it, directly or after `attribute=..`.
fn is_tag(after: &str, tags: &[impl AsRef<str>]) -> bool {
    let after = after.trim_start();
    let (closes, after) = match after.strip_prefix('/') {
        Some(after) => (true, after.trim_start()),
        None => (false, after),
    };
    let (name, after) = after.split_at(word(after));
    let name = name.trim_end_matches(['.', ':', '-']);
    let known = tags
        .iter()
        .any(|tag| name.eq_ignore_ascii_case(tag.as_ref()));
    known && (closes || ends_tag(after))
}

/// Whether the text after a tag's name ends the tag.
fn ends_tag(after: &str) -> bool {
    let rest = after.trim_start();
    if rest.starts_with('>') || rest.starts_with("/>") {
        return true;
    }
    let attribute = word(rest);
    let has_attribute = rest.len() < after.len() && attribute > 0;
    has_attribute && rest[attribute..].trim_start().starts_with('=') && rest.contains('>')
}

/// The length of the word at the start of the text, in bytes.
fn word(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
        .unwrap_or(text.len())
}
