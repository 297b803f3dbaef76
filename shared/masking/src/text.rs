//! A folded text with its labels, the questions that scanners ask about a place in it, and what they
//! found.

use std::ops::Range;

use super::fold::{Folded, Run};
use super::international::Local;
use super::labels::{Class, Dictionary, Label};
use super::look;
use super::policy::Kind;

/// How far a label is heard, in units.
const HEARD_BEFORE: usize = 24;
const HEARD_AFTER: usize = 12;

pub struct Text {
    pub folded: Folded,
    pub labels: Vec<Label>,
    found: Vec<Found>,
    /// What was read last of tokens, and of what may stand before an at sign.
    pub token: Run,
    pub local: Local,
}

/// A secret, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// More letters than a word next to a number is looked at.
const WORD: usize = 24;

/// Whether letters may be a word that somebody forgot the space before or after: no capitals, no
/// digits, no hash, no unit of measure.
fn is_word(letters: &[char]) -> bool {
    letters.len() >= 3
        && letters[1..].iter().all(char::is_ascii_lowercase)
        && letters[0].is_ascii_alphabetic()
        && !letters.iter().all(char::is_ascii_hexdigit)
}

impl Text {
    pub fn new(text: &str, dictionary: &Dictionary) -> Self {
        let folded = Folded::new(text);
        let labels = dictionary.labels(&folded);
        Self {
            folded,
            labels,
            found: Vec::new(),
            token: Run::default(),
            local: Local::default(),
        }
    }

    pub fn found(&self) -> usize {
        self.found.len()
    }

    /// What was found after so many others.
    pub fn found_since(&self, others: usize) -> &[Found] {
        let found = &self.found[others..];
        look(found.len());
        found
    }

    pub fn at(&self, unit: usize) -> char {
        self.folded.at(unit)
    }

    pub fn before(&self, unit: usize) -> char {
        self.folded.before(unit)
    }

    pub fn add(&mut self, kind: Kind, units: Range<usize>) {
        self.found.push(Found {
            kind,
            start: units.start,
            end: units.end,
        });
    }

    /// Whether a label of a class stands near.
    pub fn near(&self, units: &Range<usize>, class: Class) -> bool {
        self.labels_before(units.start, HEARD_BEFORE)
            .any(|label| label.class.meets(class))
            || self.near_after(units.end, class)
    }

    pub fn near_before(&self, unit: usize, class: Class) -> bool {
        self.labels_before(unit, HEARD_BEFORE)
            .any(|label| label.class.meets(class))
    }

    /// Whether a label of a class comes next, with at most a space or a bracket between.
    pub fn named_after(&self, unit: usize, class: Class) -> bool {
        let next = self.labels.partition_point(|label| label.start < unit);
        self.labels
            .get(next)
            .is_some_and(|label| label.start <= unit + 2 && label.class.meets(class))
    }

    fn near_after(&self, unit: usize, class: Class) -> bool {
        let next = self.labels.partition_point(|label| label.start < unit);
        self.labels[next..]
            .iter()
            .inspect(|_| look(1))
            .take_while(|label| label.start < unit + HEARD_AFTER)
            .any(|label| label.class.meets(class))
    }

    fn labels_before(&self, unit: usize, heard: usize) -> impl Iterator<Item = &Label> {
        let next = self.labels.partition_point(|label| label.start < unit);
        self.labels[..next]
            .iter()
            .rev()
            .inspect(|_| look(1))
            .take_while(move |label| label.end + heard > unit)
    }

    /// Whether the last label before a unit is of a class, with only what joins a name to its value
    /// between: "주문번호는 ", "order no. #".
    pub fn named(&self, unit: usize, class: Class) -> bool {
        let Some(label) = self.labels_before(unit, 10).next() else {
            return false;
        };
        let between = label.end.min(unit)..unit;
        label.class.meets(class)
            && self.folded.units(between).iter().all(|&letter| {
                !letter.is_alphanumeric()
                    || "번호코드는은이가를을의인로".contains(letter)
                    || "numberodisaw".contains(letter.to_ascii_lowercase())
            })
    }

    /// Whether Latin letters touch a number's first digit and are no word of their own: then the digits
    /// are part of a code.
    pub fn glued_before(&self, unit: usize) -> bool {
        if !self.before(unit).is_ascii_alphabetic() {
            return false;
        }
        let letters =
            (1..WORD).take_while(|&steps| self.folded.back(unit, steps).is_ascii_alphabetic());
        let length = letters.count();
        let word = self.folded.units(unit - length..unit);
        let coded = self.before(unit - length).is_ascii_digit() || !is_word(word);
        coded && !self.labels_before(unit, 1).any(|label| label.end == unit)
    }

    pub fn glued_after(&self, unit: usize) -> bool {
        let length = (0..WORD)
            .take_while(|steps| self.at(unit + steps).is_ascii_alphanumeric())
            .count();
        length > 0 && !is_word(self.folded.units(unit..unit + length))
    }

    /// Whether a number goes on before a unit as the decimals of another: "3.1415".
    pub fn decimals(&self, unit: usize) -> bool {
        matches!(self.before(unit), '.' | ',') && self.folded.back(unit, 2).is_ascii_digit()
    }

    /// Whether what follows makes an amount of a number: 12345678900원, 12%, 3.5.
    pub fn amount(&self, unit: usize) -> bool {
        let next = self.at(unit);
        "원건개명회점배년초위톤억조쪽권%".contains(next) && next != '\0'
            || matches!(next, '.' | ',') && self.at(unit + 1).is_ascii_digit()
    }
}
