//! The local part of e-mail addresses.

use std::cell::Cell;

use unicode_normalization::char::is_combining_mark;

use super::fold::Folded;

/// The local part of an e-mail address that was read last. Some at signs (`%40`) may be part of the local part before
/// the next at sign, and each unit is read once for all of them.
#[derive(Clone, Debug, Default)]
pub struct LocalPart(Cell<LocalRun>);

#[derive(Clone, Copy, Debug, Default)]
struct LocalRun {
    /// The first letter, digit or underscore, or `end`.
    name: usize,
    end: usize,
}

impl LocalPart {
    /// The start of the local part that ends at a unit, or that unit.
    pub fn start(&self, text: &Folded, end: usize) -> usize {
        let known = self.0.get();
        debug_assert!(known.end <= end, "at signs are read from left to right");
        let mut start = end;
        while start > known.end && is_local(text.before(start)) {
            start -= 1;
        }
        let begins = |unit: usize| text.at(unit).is_alphanumeric() || text.at(unit) == '_';
        let name = if start == known.end && known.name < known.end {
            known.name
        } else {
            (start..end).find(|&unit| begins(unit)).unwrap_or(end)
        };
        self.0.set(LocalRun { name, end });
        name
    }
}

/// Whether a unit can be part of a local part (RFC 6531), of the marks those that people use.
pub fn is_local(unit: char) -> bool {
    unit.is_ascii_alphanumeric()
        || matches!(unit, '.' | '_' | '%' | '+' | '-' | '\'')
        || (unit.is_alphabetic() || is_combining_mark(unit)) && !is_korean(unit)
}

fn is_korean(unit: char) -> bool {
    matches!(unit, '가'..='힣' | '\u{3130}'..='\u{318F}')
}
