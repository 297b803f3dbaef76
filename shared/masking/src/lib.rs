#![doc = include_str!("../README.md")]

mod address;
mod card;
mod digits;
mod fold;
mod international;
mod json;
mod korean;
mod labels;
#[cfg(test)]
mod linear;
mod local_part;
mod phone;
mod placeholders;
mod policy;
mod registration;
mod scan;
mod secrets;
mod telephones;
mod text;

use std::sync::LazyLock;

pub use json::KEY;
pub use placeholders::{Known, Placeholders};
pub use policy::{Kind, Policy, Unmasked};

use fold::Run;
use labels::Dictionary;
use text::{Match, Text};

/// The longest text, and the most text in one JSON value, in bytes.
pub const LONGEST: usize = 1 << 20;

/// The most rounds per text. Two are usual; the second one finds nothing more.
pub const ROUNDS: usize = 16;

/// The reason why a text could not be masked. Don't store such a text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the text has {0} bytes, more than {LONGEST}")]
    TooLong(usize),
    #[error("the JSON is nested deeper than {0} levels")]
    TooDeep(usize),
    #[error("the JSON has more than {0} values")]
    TooMany(usize),
    #[error("masking is not complete after {ROUNDS} rounds")]
    Unsettled,
}

/// Masks texts and JSON. The first masker builds a dictionary for all.
#[derive(Clone)]
pub struct Masker {
    dictionary: &'static Dictionary,
    policy: Policy,
}

static DICTIONARY: LazyLock<Dictionary> = LazyLock::new(|| Dictionary::new(telephones::words()));

/// A masked text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    pub text: String,
    pub counts: Counts,
}

/// The number of masked values of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    of: [u32; Kind::ALL.len()],
    scanned: usize,
}

impl Counts {
    pub fn of(&self, kind: Kind) -> u32 {
        self.of[kind as usize]
    }

    pub fn total(&self) -> u32 {
        self.of.iter().sum()
    }

    /// The bytes that were scanned in all rounds. The time is proportional to them.
    pub fn scanned(&self) -> usize {
        self.scanned
    }

    /// The kinds that were found, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u32)> {
        let counts = Kind::ALL.into_iter().zip(self.of);
        counts.filter(|&(_, count)| count > 0)
    }

    fn add(&mut self, kind: Kind) {
        self.of[kind as usize] += 1;
    }
}

impl Default for Masker {
    fn default() -> Self {
        Self::new(Policy::default())
    }
}

impl Masker {
    pub fn new(policy: Policy) -> Self {
        Self {
            dictionary: &DICTIONARY,
            policy,
        }
    }

    /// The same masker with another policy.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self {
            dictionary: self.dictionary,
            policy,
        }
    }

    /// Replaces personal data and secrets in a text with placeholders.
    pub fn text(&self, text: &str, placeholders: &mut Placeholders) -> Result<Masked, Error> {
        let mut counts = Counts::default();
        let text = self.after(0, text, placeholders, &mut counts)?;
        Ok(Masked { text, counts })
    }

    /// Masks strings, keys and numbers of a JSON value in place. After an error the value is null.
    pub fn json(
        &self,
        value: &mut serde_json::Value,
        placeholders: &mut Placeholders,
    ) -> Result<Counts, Error> {
        json::mask(self, value, placeholders).inspect_err(|_| *value = serde_json::Value::Null)
    }

    /// Masks a text after the first `prefix` bytes, which are only a label for the rest.
    fn after(
        &self,
        prefix: usize,
        text: &str,
        placeholders: &mut Placeholders,
        counts: &mut Counts,
    ) -> Result<String, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLong(text.len()));
        }
        let mut masked = text.to_owned();
        for _ in 0..ROUNDS {
            match self.round(prefix, &masked, placeholders, counts) {
                Some(next) => masked = next,
                None => return Ok(masked),
            }
        }
        Err(Error::Unsettled)
    }

    /// Masks the matches of one pass. None if there are none.
    fn round(
        &self,
        prefix: usize,
        text: &str,
        placeholders: &mut Placeholders,
        counts: &mut Counts,
    ) -> Option<String> {
        counts.scanned += text.len();
        let mut scanned = Text::new(text, self.dictionary);
        scan::scan(&mut scanned);
        let first = scanned.folded.unit_at(prefix);
        let matches = self.matches(&scanned, first);
        (!matches.is_empty()).then(|| replaced(text, &scanned, &matches, placeholders, counts))
    }

    /// The matches to mask, in order and without overlaps. Matches that overlap are one match of the most severe kind,
    /// so that no part of either is left.
    fn matches(&self, scanned: &Text, first: usize) -> Vec<Match> {
        let mut found = scanned.matches_after(0).to_vec();
        found.retain(|it| self.policy.masks(it.kind));
        found.sort_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
        let text = &scanned.folded;
        let is_mark = |unit| unit < text.len() && !text.at(unit).is_alphanumeric();
        let marks = Run::default();
        let mut matches: Vec<Match> = Vec::with_capacity(found.len());
        for mut next in found {
            next.start = next.start.max(first);
            // A match without letters and digits was masked before.
            if marks.end(next.start, is_mark) >= next.end {
                continue;
            }
            match matches.last_mut() {
                Some(last) if next.start < last.end => {
                    last.end = last.end.max(next.end);
                    last.kind = last.kind.min(next.kind);
                }
                _ => matches.push(next),
            }
        }
        matches
    }
}

/// Counts the units that are read, in tests of this crate only.
fn look(units: usize) {
    #[cfg(test)]
    linear::look(units);
    #[cfg(not(test))]
    let _ = units;
}

fn replaced(
    text: &str,
    scanned: &Text,
    matches: &[Match],
    placeholders: &mut Placeholders,
    counts: &mut Counts,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for it in matches {
        let bytes = scanned.folded.bytes(it.start..it.end);
        out.push_str(&text[done..bytes.start]);
        let value = scanned.folded.units(it.start..it.end);
        placeholders.write(&mut out, it.kind, value);
        counts.add(it.kind);
        done = bytes.end;
    }
    out.push_str(&text[done..]);
    out
}
