//! A folded text with its labels, and the matches that scanners found in it.

use std::ops::Range;

use super::fold::{Folded, Run};
use super::labels::{Class, Dictionary, Label};
use super::local_part::LocalPart;
use super::look;
use super::policy::Kind;
use super::telephones::{self, Names};

/// How many units before and after a number a label applies to it.
const LABEL_BEFORE: usize = 24;
const LABEL_AFTER: usize = 12;

/// How many units may be between a word for telephones and a number: " Sie mich bitte jederzeit unter der Nummer ".
const INTRODUCTION: usize = 48;

pub struct Text {
    pub folded: Folded,
    pub labels: Vec<Label>,
    matches: Vec<Match>,
    /// The token and the local part of an e-mail address that were read last.
    pub token: Run,
    /// The value after the name of a secret, and of a password, that was read last.
    pub value: Run,
    pub password: Run,
    /// The value of a cookie that was read last.
    pub cookie: Run,
    pub local_part: LocalPart,
}

/// Personal data or a secret, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// The most letters that are read of a word next to a number.
const MAX_WORD: usize = 24;

/// Whether letters next to a number may be a word with a missing space: no capitals, no digits, no hash, no unit of
/// measure.
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
            matches: Vec::new(),
            token: Run::default(),
            value: Run::default(),
            password: Run::default(),
            cookie: Run::default(),
            local_part: LocalPart::default(),
        }
    }

    pub fn match_count(&self) -> usize {
        self.matches.len()
    }

    /// The matches after the first `count`.
    pub fn matches_after(&self, count: usize) -> &[Match] {
        let matches = &self.matches[count..];
        look(matches.len());
        matches
    }

    pub fn at(&self, unit: usize) -> char {
        self.folded.at(unit)
    }

    pub fn before(&self, unit: usize) -> char {
        self.folded.before(unit)
    }

    pub fn add(&mut self, kind: Kind, units: Range<usize>) {
        self.matches.push(Match {
            kind,
            start: units.start,
            end: units.end,
        });
    }

    /// Whether a label of a class is near.
    pub fn near(&self, units: &Range<usize>, class: Class) -> bool {
        self.labels_before(units.start, LABEL_BEFORE)
            .any(|label| label.class.meets(class))
            || self.near_after(units.end, class)
    }

    pub fn near_before(&self, unit: usize, class: Class) -> bool {
        self.labels_before(unit, LABEL_BEFORE)
            .any(|label| label.class.meets(class))
    }

    /// Whether a label of a class follows, with at most a space or a bracket in between.
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
            .take_while(|label| label.start < unit + LABEL_AFTER)
            .any(|label| label.class.meets(class))
    }

    fn labels_before(&self, unit: usize, distance: usize) -> impl Iterator<Item = &Label> {
        let next = self.labels.partition_point(|label| label.start < unit);
        self.labels[..next]
            .iter()
            .rev()
            .inspect(|_| look(1))
            .take_while(move |label| label.end + distance > unit)
    }

    /// Whether the last label before a unit is of a class, with only words in between that join a name to its value:
    /// "주문번호는 ", "order no. #".
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

    /// Whether the last label before a unit is a word for telephones, with only words in between that introduce a number:
    /// "call me at ", "電話番号は".
    pub fn introduced(&self, unit: usize) -> bool {
        let introduction = self.introduction(unit);
        introduction.is_some_and(|(_, between)| telephones::join(between))
    }

    /// Whether a request to call a person by name is before a unit: "call Ann on ". Without a word after the name, only
    /// a number that begins with zero is a telephone number: "call Ann 07700 900123", "call Order 4711 0815 99".
    pub fn requested(&self, unit: usize) -> bool {
        let request = self.introduction(unit);
        let request = request.filter(|(label, _)| label.class.is(Class::REQUEST));
        let names = request.and_then(|(_, between)| telephones::names(between));
        names == Some(Names::Before) || names == Some(Names::Last) && self.at(unit) == '0'
    }

    /// Whether a sign is between the word for telephones and the unit, or only telephone numbers follow the word. Fewer
    /// digits are then a number: "Tel: 23456789", "tlf 22334455".
    pub fn announced(&self, unit: usize) -> bool {
        self.introduction(unit).is_some_and(|(label, between)| {
            label.class.is(Class::NUMBER) || between.iter().any(|unit| matches!(unit, ':' | '='))
        })
    }

    /// The last label before a unit, if it is a word for telephones, and the units after it.
    fn introduction(&self, unit: usize) -> Option<(&Label, &[char])> {
        let label = self.labels_before(unit, INTRODUCTION).next()?;
        let between = label.end.min(unit)..unit;
        let telephone = label.class.is(Class::TELEPHONE);
        telephone.then(|| (label, self.folded.units(between)))
    }

    /// Whether words for the telephone number before them follow a unit: "に電話", "is my mobile", "(mobile)".
    pub fn followed(&self, unit: usize) -> bool {
        let next = self.labels.partition_point(|label| label.start < unit);
        let Some(label) = self.labels.get(next).filter(|it| it.start <= unit + 2) else {
            return false;
        };
        let bracketed = self.before(label.start) == '(' && self.at(label.end) == ')';
        let between = self.folded.units(unit..label.start);
        label.class.is(Class::FOLLOWING) && between.iter().all(|unit| matches!(unit, ' ' | '\''))
            || label.class.is(Class::TELEPHONE) && bracketed
    }

    /// Whether Latin letters that are not a word touch the first digit of a number. The digits are then part of a code.
    pub fn glued_before(&self, unit: usize) -> bool {
        if !self.before(unit).is_ascii_alphabetic() {
            return false;
        }
        let letters =
            (1..MAX_WORD).take_while(|&steps| self.folded.back(unit, steps).is_ascii_alphabetic());
        let length = letters.count();
        let word = self.folded.units(unit - length..unit);
        let coded = self.before(unit - length).is_ascii_digit() || !is_word(word);
        coded && !self.labels_before(unit, 1).any(|label| label.end == unit)
    }

    pub fn glued_after(&self, unit: usize) -> bool {
        let length = (0..MAX_WORD)
            .take_while(|steps| self.at(unit + steps).is_ascii_alphanumeric())
            .count();
        length > 0 && !is_word(self.folded.units(unit..unit + length))
    }

    /// Whether the digits at a unit are the decimals of a number: "3.1415".
    pub fn decimals(&self, unit: usize) -> bool {
        matches!(self.before(unit), '.' | ',') && self.folded.back(unit, 2).is_ascii_digit()
    }

    /// Whether the following unit makes a number an amount: 12345678900원, 12%, 3.5.
    pub fn amount(&self, unit: usize) -> bool {
        let next = self.at(unit);
        "원건개명회점배년초위톤억조쪽권%".contains(next) && next != '\0'
            || matches!(next, '.' | ',') && self.at(unit + 1).is_ascii_digit()
    }
}
