//! Passwords that commands set for an account: `echo 'kim:value' | chpasswd`, `htpasswd -b file kim value`,
//! `net user kim value /add`.

use std::ops::Range;

use super::place::{LONGEST, ends};
use super::statements::secret;
use crate::text::Text;

/// The most options of a command.
const OPTIONS: usize = 8;

/// The password of an account, at the first unit of the command that sets it.
pub fn of_account(text: &Text, start: usize) -> Option<Range<usize>> {
    match text.at(start) {
        'c' if text.folded.has(start, "chpasswd") => chpasswd(text, start),
        'h' if text.folded.has(start, "htpasswd ") => htpasswd(text, start + 9),
        'n' | 'N' if text.folded.has(start, "net user ") => net_user(text, start + 9),
        _ => None,
    }
}

/// The password after a user and a colon, which is piped into the command or follows it as a here-string.
fn chpasswd(text: &Text, start: usize) -> Option<Range<usize>> {
    let here = text.folded.skip_spaces(start + 8);
    let line = if text.folded.has(here, "<<<") {
        argument(text, here + 3)?.0
    } else {
        piped(text, start)?
    };
    let colon = line.clone().find(|&unit| text.at(unit) == ':')?;
    secret(text, colon + 1..line.end)
}

/// The last argument of the command whose output is piped into the one at `start`.
fn piped(text: &Text, start: usize) -> Option<Range<usize>> {
    let mut at = trimmed(text, start);
    if text.folded.has(at.saturating_sub(4), "sudo") {
        at = trimmed(text, at - 4);
    }
    if text.before(at) != '|' {
        return None;
    }
    let end = trimmed(text, at - 1);
    let quote = Some(text.before(end)).filter(|unit| matches!(unit, '"' | '\''));
    let end = end - usize::from(quote.is_some());
    let length = (1..=LONGEST).find(|&steps| {
        let unit = text.folded.back(end, steps);
        matches!(unit, '\0' | '\n') || quote.map_or_else(|| ends(unit), |quote| unit == quote)
    })?;
    Some(end.saturating_sub(length - 1)..end)
}

/// The unit after the text before the spaces before `at`.
fn trimmed(text: &Text, at: usize) -> usize {
    let spaces = (1..LONGEST).take_while(|&steps| text.folded.back(at, steps) == ' ');
    at - spaces.count()
}

/// The password after the options, the file, if there is one, and the user.
fn htpasswd(text: &Text, mut at: usize) -> Option<Range<usize>> {
    let (mut in_batch, mut has_file) = (false, true);
    for _ in 0..OPTIONS {
        let (option, next) = argument(text, at)?;
        if text.at(option.start) != '-' {
            break;
        }
        let has = |letter| option.clone().any(|unit| text.at(unit) == letter);
        in_batch |= has('b');
        has_file &= !has('n');
        at = if has('C') {
            argument(text, next)?.1
        } else {
            next
        };
    }
    if !in_batch {
        return None;
    }
    for _ in 0..=usize::from(has_file) {
        at = argument(text, at)?.1;
    }
    secret(text, argument(text, at)?.0)
}

/// The password after the name of the user. Sentences have the same words: "net user growth slowed".
fn net_user(text: &Text, at: usize) -> Option<Range<usize>> {
    let (_, at) = argument(text, at)?;
    let (password, end) = argument(text, at)?;
    let word = password.clone().all(|unit| text.at(unit).is_alphabetic());
    let has_option = text.at(text.folded.skip_spaces(end)) == '/';
    let is_password = !matches!(text.at(password.start), '/' | '*') && (!word || has_option);
    is_password.then(|| secret(text, password)).flatten()
}

/// An argument on the same line, without its quotes, and the unit after it.
fn argument(text: &Text, at: usize) -> Option<(Range<usize>, usize)> {
    let first = text.folded.skip_spaces(at);
    let quote = Some(text.at(first)).filter(|unit| matches!(unit, '"' | '\''));
    let quoted = usize::from(quote.is_some());
    let start = first + quoted;
    let end = (start..start + LONGEST).find(|&unit| {
        let unit = text.at(unit);
        matches!(unit, '\0' | '\n') || quote.map_or_else(|| ends(unit), |quote| unit == quote)
    })?;
    (end > start).then_some((start..end, end + quoted))
}
