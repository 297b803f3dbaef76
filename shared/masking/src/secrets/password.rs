//! Whether a value after the name of a password is one: by its characters, and by what is around it.

use super::ends::{concludes, ends_line};
use super::entropy::{is_generated, is_likely, is_mixed, segments, without_marks};
use super::link::Link;
use super::named::Value;
use super::value::{is_name, is_type, judged};
use super::words::{is_product, is_quality, is_state};
use crate::labels::Label;
use crate::text::Text;

/// Whether the units after the name of a password are one.
pub fn is_password(text: &Text, label: &Label, link: Link, value: &Value) -> bool {
    let end = value.after;
    let units = without_marks(judged(text, &value.at));
    let digits = units.iter().filter(|unit| unit.is_ascii_digit()).count();
    let letters = units.iter().filter(|unit| unit.is_alphabetic()).count();
    let foreign = units.iter().any(|unit| !unit.is_ascii());
    let wordy = letters >= 4 || letters >= 3 && foreign;
    let strong = units.iter().any(|unit| "!@#$%^&*?+~".contains(*unit));
    let mixed = digits > 0 && digits < units.len() || letters > 0 && strong;
    let lower = wordy
        && units[1..]
            .iter()
            .all(|unit| unit.is_alphabetic() && !unit.is_uppercase());
    let chosen = segments(units).any(|segment| segment.len() >= 5 && is_mixed(segment));
    if is_name(units) || is_type(units) {
        return false;
    }
    match link {
        // "password: swordfish", and not "password: please reset it".
        Link::Sign { close } => {
            let word = wordy && (close || concludes(text, end) && !is_state(units));
            mixed || digits >= 4 || word
        }
        Link::Option => mixed || digits >= 4 || letters >= 4 && ends_option(text, end),
        Link::Scheme => is_likely(units),
        Link::Near { particle } => {
            let word = particle && lower && concludes(text, end) && !is_quality(units);
            (mixed || digits >= 4 || word) && (!is_product(units) || concludes(text, end))
        }
        Link::Is => {
            let word = lower && concludes(text, end) && !is_quality(units) && !asked(text, label);
            chosen || digits >= 4 || mixed && strong || word
        }
        // `| password | varchar(20) | the password |` describes a column.
        Link::Cell => {
            let word = wordy && ends_row(text, end) && !is_state(units);
            (mixed || digits >= 4 || word) && !is_product(units)
        }
        Link::Line { apart } => {
            let numbered = text.at(label.start).is_ascii_lowercase() && is_numbered_word(units);
            let word = apart && lower && !is_quality(units);
            let alone = matches!(text.at(text.folded.skip_spaces(end)), '\0' | '\n');
            alone && (word || digits >= 4 || (chosen || mixed && strong) && (apart || !numbered))
        }
        Link::Pair { .. } => false,
        Link::Space => {
            chosen && !is_product(units)
                || is_generated(units)
                || letters >= 4 && after_login(text, end)
        }
    }
}

/// Whether this is a word with a number, as in a list of columns: "address1".
pub fn is_numbered_word(units: &[char]) -> bool {
    let letters = units.iter().take_while(|unit| unit.is_ascii_lowercase());
    let rest = &units[letters.count()..];
    rest.len() <= 2 && rest.iter().all(char::is_ascii_digit)
}

/// Whether a cell is the last one of its row.
pub fn ends_row(text: &Text, end: usize) -> bool {
    let at = text.folded.skip_spaces(end);
    let bar = usize::from(matches!(text.at(at), '|' | '│' | '┃'));
    let next = text.folded.skip_spaces(at + bar);
    matches!(text.at(next), '\0' | '\n') || text.at(at) == '<'
}

/// Whether a sentence asks for a password: "I don't know what my password is anymore".
pub fn asked(text: &Text, label: &Label) -> bool {
    let before = text
        .folded
        .units(label.start.saturating_sub(40)..label.start);
    let clause = before.rsplit(|unit| matches!(unit, '.' | '?' | '!' | ',' | ':' | '\n'));
    clause.take(1).any(|clause| {
        let mut words = clause.split(|unit| *unit == ' ');
        words.any(|word| {
            let word: String = word.iter().map(char::to_ascii_lowercase).collect();
            matches!(word.as_str(), "what" | "which" | "whatever")
        })
    })
}

/// "login kim password swordfish": the word before the name follows one for a user.
pub fn after_login(text: &Text, end: usize) -> bool {
    let line = text.folded.units(end.saturating_sub(80)..end);
    let Some(line) = line.rsplit(|&unit| unit == '\n').next() else {
        return false;
    };
    let mut words = line
        .rsplit(|&unit| unit == ' ')
        .filter(|word| !word.is_empty());
    let user = words.nth(3);
    let user = user.is_some_and(|word| {
        let word: String = word.iter().map(char::to_ascii_lowercase).collect();
        ["login", "user", "username", "id"].contains(&word.trim_matches(':'))
    });
    user && ends_line(text, end)
}

/// Whether a value of an option is followed by the next option, or by nothing.
pub fn ends_option(text: &Text, end: usize) -> bool {
    ends_line(text, end) || text.at(end) == ' ' && text.at(end + 1) == '-'
}
