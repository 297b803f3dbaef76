//! The cookies of a header, of which each has a name of its own: `Cookie: theme=dark; sid=...`.

use std::ops::Range;

use super::entropy::{is_random, is_uuid};
use super::link::{Link, link};
use super::value::{is_object, judged};
use crate::labels::Label;
use crate::text::Text;

/// The longest name of a cookie.
const NAME: usize = 64;

/// The random values among the cookies after a label, and the end of the cookies.
pub fn cookies(text: &Text, label: &Label) -> Option<(Vec<Range<usize>>, usize)> {
    let (Link::Sign { .. }, mut at) = link(text, label)? else {
        return None;
    };
    at += usize::from(matches!(text.at(at), '"' | '\'' | '`'));
    let mut found = Vec::new();
    loop {
        let name =
            (at..at + NAME).take_while(|&unit| is_part(text.at(unit)) && text.at(unit) != '=');
        let name_end = at + name.count();
        // Some attributes have no value, such as "HttpOnly".
        let named = text.at(name_end) == '=';
        let mut start = if named { name_end + 1 } else { at };
        let quote = text.at(start);
        let quoted = named && matches!(quote, '"' | '\'');
        start += usize::from(quoted);
        let end = text.cookie.end(start, |unit| is_part(text.at(unit)));
        let value = judged(text, &(start..end));
        if is_random(value) && !is_uuid(value) && !is_object(value) {
            found.push(start..end);
        }
        let end = end + usize::from(quoted && text.at(end) == quote);
        let next = text.folded.skip_spaces(end + 1);
        if text.at(end) != ';' || !is_part(text.at(next)) {
            return Some((found, end));
        }
        at = next;
    }
}

/// Whether a unit is part of a name or a value (RFC 6265).
fn is_part(unit: char) -> bool {
    unit.is_ascii_graphic() && !matches!(unit, ';' | ',' | '"' | '\'' | '`' | '<' | '>')
}
