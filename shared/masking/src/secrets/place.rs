//! Credentials that are recognized by their place in a URL or a data source name.

use std::ops::Range;

use super::entropy::is_random;
use crate::fold::PLACEHOLDER;
use crate::text::Text;

/// The longest credentials.
pub const LONGEST: usize = 200;

/// The most units before an address in which its credentials begin.
const BEFORE: usize = 100;

pub fn ends(unit: char) -> bool {
    matches!(unit, '\0' | '"' | '\'' | '`' | '<' | '>' | PLACEHOLDER) || unit.is_whitespace()
}

/// The credentials before the host of a URL: https://user:password@host. People also write passwords whose marks
/// should be escaped.
pub fn in_url(text: &Text, colon: usize) -> Option<Range<usize>> {
    if text.at(colon + 1) != '/' || text.at(colon + 2) != '/' {
        return None;
    }
    let start = colon + 3;
    let (mut password, mut port, mut user) = (false, true, true);
    let mut end = None;
    for unit in start..start + LONGEST {
        match text.at(unit) {
            '@' if password => end = Some(unit),
            // A token in place of the user: https://token@host
            '@' if user => {
                if is_random(text.folded.units(start..unit)) {
                    return Some(start..unit);
                }
                user = false;
            }
            ':' if !password => password = true,
            // After a port, this is the path.
            '/' | '?' | '#' if end.is_some() || port => break,
            other if ends(other) => break,
            other => port &= !password || other.is_ascii_digit(),
        }
    }
    end.filter(|&end| end > start).map(|end| start..end)
}

/// The credentials before the address of a data source name: user:password@tcp(host)/database.
pub fn in_source(text: &Text, at: usize) -> Option<Range<usize>> {
    let network = ["tcp(", "unix(", "("]
        .iter()
        .any(|name| text.folded.has(at + 1, name));
    if !network {
        return None;
    }
    let mut start = at;
    let mut password = false;
    while start > 0 && at - start < BEFORE && !ends(text.before(start)) && text.before(start) != '='
    {
        start -= 1;
        password |= text.at(start) == ':';
    }
    password.then_some(start..at)
}
