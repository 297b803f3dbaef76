//! Values in quotes and in angle brackets, and words in Hangul, kana and ideographs.

use std::ops::Range;

use super::ends::{COPULAS, ends_line};
use super::entropy::{is_generated, is_likely, is_mixed};
use super::link::Link;
use super::named::is_secret;
use super::value::{is_holder, is_name, is_reference, is_type};
use super::words::{is_name_of_secret, is_phrase, is_quality, is_state, is_statement, worth};
use crate::labels::{Class, Label};
use crate::text::Text;

/// The longest value in angle brackets, and the longest word.
const BRACKETED: usize = 64;

/// The mark that closes a quotation.
pub fn closing(open: char) -> Option<char> {
    Some(match open {
        '"' | '\'' | '`' => open,
        '«' => '»',
        '‹' => '›',
        '「' => '」',
        '『' => '』',
        _ => return None,
    })
}

/// The most marks of a literal before its quote: r#"value"#, $@"value".
const PREFIX: usize = 3;

/// The most units between triple quotes.
const TRIPLE: usize = 200;

/// The quote of a literal with a prefix: r'value', N'value', @"value".
pub fn literal(text: &Text, start: usize) -> usize {
    let prefix = (start..start + PREFIX).take_while(|&unit| {
        matches!(
            text.at(unit).to_ascii_lowercase(),
            'r' | 'b' | 'u' | 'f' | 'l' | 'n' | 'e' | '@' | '$' | '#'
        )
    });
    let quote = start + prefix.count();
    let mark = text.at(quote);
    if quote == start || !matches!(mark, '"' | '\'') {
        return start;
    }
    let mut inside =
        (quote + 1..quote + BRACKETED).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
    if inside.any(|unit| text.at(unit) == mark) {
        quote
    } else {
        start
    }
}

/// The last of three quotes that open a value, or the value on the line after them.
pub fn triple(text: &Text, start: usize) -> Option<usize> {
    let mark = text.at(start);
    let three = |at: usize| (at..at + 3).all(|unit| text.at(unit) == mark);
    if !matches!(mark, '"' | '\'') || !three(start) {
        return None;
    }
    let inside = start + 3;
    (inside..inside + TRIPLE)
        .take_while(|&unit| text.at(unit) != '\0')
        .find(|&unit| three(unit))?;
    let line = text.at(inside) == '\n';
    Some(if line {
        text.folded.skip_spaces(inside + 1)
    } else {
        inside - 1
    })
}

/// The end of a value in angle brackets. Slack writes mentions and links in the same form.
pub fn in_brackets(text: &Text, open: usize) -> Option<usize> {
    let mut inside = (open + 1..open + BRACKETED).take_while(|&unit| {
        !matches!(
            text.at(unit),
            '\0' | '\n' | ' ' | '<' | '/' | '|' | '"' | '='
        )
    });
    let end = inside.find(|&unit| text.at(unit) == '>')?;
    (!matches!(text.at(open + 1), '@' | '#' | '!') && !text.at(end + 1).is_alphanumeric())
        .then_some(end)
}

/// Whether a value in angle brackets is a secret and not the name of one, "<your password>".
pub fn is_bracketed(text: &Text, label: &Label, at: Range<usize>) -> bool {
    let units = text.folded.units(at.clone());
    let value = String::from_iter(units);
    let next = text.labels.partition_point(|label| label.start < at.start);
    let names = text.labels[next..]
        .first()
        .is_some_and(|next| next.start < at.end);
    let word = label.class.is(Class::PASSWORD) && is_word(units);
    let known = names || is_holder(&value) || is_state(units) || is_statement(units);
    let named = word && known || !word && is_reference(&format!("<{value}>"));
    units.len() >= 3
        && worth(units)
        && !is_type(units)
        && !named
        && (is_likely(units) || is_mixed(units) || word)
}

/// The value in quotes.
pub fn in_quotes(text: &Text, label: &Label, link: Link, at: Range<usize>) -> Option<Range<usize>> {
    let mut at = at;
    // « value »
    at.start = text.folded.skip_spaces(at.start).min(at.end);
    at.end -= usize::from(at.end > at.start && text.before(at.end) == ' ');
    let units = text.folded.units(at.clone());
    let told = matches!(link, Link::Sign { .. } | Link::Option | Link::Scheme);
    let after = text.folded.skip_spaces(at.end + 1);
    let likely = match link {
        Link::Pair { alone } => {
            let ends = matches!(text.at(after), ')' | ']') && !is_name_of_secret(units);
            is_generated(units) || alone && ends && is_likely(units)
        }
        _ => is_likely(units),
    };
    let is_value = if told {
        is_secret(label.class, &String::from_iter(units))
    } else if units.contains(&' ') {
        label.class.is(Class::PASSWORD) && is_phrase(units, least_words(link))
    } else {
        let word = matches!(link, Link::Is | Link::Cell | Link::Near { particle: true });
        likely || word && word_in_quotes(label, units)
    };
    (is_value && worth(units) && units.len() >= 3 && !is_type(units)).then_some(at)
}

/// The least number of words of a passphrase in quotes. Quotations of messages are short.
pub fn least_words(link: Link) -> usize {
    match link {
        Link::Pair { .. } => usize::MAX,
        Link::Is | Link::Cell | Link::Line { .. } | Link::Near { particle: true } => 2,
        _ => 3,
    }
}

/// The password is "swordfish"
pub fn word_in_quotes(label: &Label, units: &[char]) -> bool {
    let long = units.len() >= 6 || is_word(units) && units.iter().any(|unit| !unit.is_ascii());
    label.class.is(Class::PASSWORD) && long && !is_quality(units) && !is_name(units)
}

/// A word in Hangul, kana or ideographs, which particles and the next word may touch. It must end its line.
pub fn foreign_word(text: &Text, start: usize) -> Option<Range<usize>> {
    let length = (start..start + BRACKETED)
        .take_while(|&unit| {
            let letter = text.at(unit);
            letter.is_alphanumeric()
                || matches!(letter, '-' | '_' | '@' | '#' | '$' | '%' | '*' | '+' | '!')
        })
        .count();
    let end = start + length;
    let word = text.folded.units(start..end);
    let stem = COPULAS.iter().find_map(|copula| {
        let length = word.len().checked_sub(copula.chars().count())?;
        (length >= 2 && String::from_iter(&word[length..]) == *copula).then_some(length)
    });
    let stem = stem.unwrap_or(word.len());
    (stem >= 2 && ends_line(text, end) && !is_state(&word[..stem]) && !is_statement(&word[..stem]))
        .then_some(start..start + stem)
}

/// Hangul, kana and ideographs.
pub fn is_dense(unit: char) -> bool {
    matches!(unit, '가'..='힣' | '\u{3040}'..='\u{9FFF}')
}

/// Whether these are enough letters for a word: four, or three beyond ASCII.
pub fn is_word(units: &[char]) -> bool {
    let letters = units.iter().filter(|unit| unit.is_alphabetic()).count();
    letters == units.len()
        && (letters >= 4 || letters >= 3 && units.iter().any(|unit| !unit.is_ascii()))
}
