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
mod phone;
mod placeholders;
mod policy;
mod registration;
mod scan;
mod secrets;
mod text;

use std::sync::Arc;

pub use json::KEY;
pub use placeholders::{Known, Placeholders};
pub use policy::{Kind, Policy, Unmasked};

use fold::Run;
use labels::Dictionary;
use text::{Found, Text};

/// The longest text, and the most text in one JSON value, in bytes.
pub const LONGEST: usize = 1 << 20;

/// How often a text is scanned again. Two rounds are usual, the second to see that nothing is left.
pub const ROUNDS: usize = 16;

/// A text that could not be masked, and so must not be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("text of {0} bytes is longer than {LONGEST}")]
    TooLong(usize),
    #[error("JSON is nested deeper than {0}")]
    TooDeep(usize),
    #[error("JSON has more than {0} values")]
    TooMany(usize),
    #[error("masking does not come to an end in {ROUNDS} rounds")]
    Unsettled,
}

/// Cheap to clone; made once, since its dictionary is built then.
#[derive(Clone)]
pub struct Masker {
    dictionary: Arc<Dictionary>,
    policy: Policy,
}

/// A text without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    pub text: String,
    pub counts: Counts,
}

/// How many secrets of each kind were found.
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

    /// How many bytes were scanned for it, in all rounds: the time grows with them and no faster.
    pub fn scanned(&self) -> usize {
        self.scanned
    }

    /// The kinds that were found.
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
            dictionary: Arc::new(Dictionary::new()),
            policy,
        }
    }

    /// The same with another policy.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self {
            dictionary: self.dictionary.clone(),
            policy,
        }
    }

    /// A text with a placeholder for each secret.
    pub fn text(&self, text: &str, people: &mut Placeholders) -> Result<Masked, Error> {
        let mut counts = Counts::default();
        let text = self.after(0, text, people, &mut counts)?;
        Ok(Masked { text, counts })
    }

    /// Masks the strings, keys and numbers of a value in place. On an error the value is null.
    pub fn json(
        &self,
        value: &mut serde_json::Value,
        people: &mut Placeholders,
    ) -> Result<Counts, Error> {
        json::mask(self, value, people).inspect_err(|_| *value = serde_json::Value::Null)
    }

    /// Masks what comes after the first bytes of a text, which only say what it is.
    fn after(
        &self,
        said: usize,
        text: &str,
        people: &mut Placeholders,
        counts: &mut Counts,
    ) -> Result<String, Error> {
        if text.len() > LONGEST {
            return Err(Error::TooLong(text.len()));
        }
        let mut masked = text.to_owned();
        for _ in 0..ROUNDS {
            match self.round(said, &masked, people, counts) {
                Some(next) => masked = next,
                None => return Ok(masked),
            }
        }
        Err(Error::Unsettled)
    }

    /// The text with what is found in it masked; none where nothing is.
    fn round(
        &self,
        said: usize,
        text: &str,
        people: &mut Placeholders,
        counts: &mut Counts,
    ) -> Option<String> {
        counts.scanned += text.len();
        let mut scanned = Text::new(text, &self.dictionary);
        scan::scan(&mut scanned);
        let first = scanned.folded.unit_at(said);
        let secrets = self.secrets(&scanned, first);
        (!secrets.is_empty()).then(|| replaced(text, &scanned, &secrets, people, counts))
    }

    /// What was found and is to be masked, in the text's order and with no overlap: what overlaps is one
    /// secret of the most severe kind, so that no rest of the other is left.
    fn secrets(&self, scanned: &Text, first: usize) -> Vec<Found> {
        let mut found = scanned.found_since(0).to_vec();
        found.retain(|secret| self.policy.masks(secret.kind));
        found.sort_by_key(|secret| (secret.start, std::cmp::Reverse(secret.end)));
        let text = &scanned.folded;
        let is_mark = |unit| unit < text.len() && !text.at(unit).is_alphanumeric();
        let marks = Run::default();
        let mut secrets: Vec<Found> = Vec::with_capacity(found.len());
        for mut secret in found {
            secret.start = secret.start.max(first);
            // What has neither letter nor digit was masked, or is nothing.
            if marks.end(secret.start, is_mark) >= secret.end {
                continue;
            }
            match secrets.last_mut() {
                Some(last) if secret.start < last.end => {
                    last.end = last.end.max(secret.end);
                    last.kind = last.kind.min(secret.kind);
                }
                _ => secrets.push(secret),
            }
        }
        secrets
    }
}

/// Counts the units that are looked at, where the tests of the crate are built; nothing otherwise.
fn look(units: usize) {
    #[cfg(test)]
    linear::look(units);
    #[cfg(not(test))]
    let _ = units;
}

fn replaced(
    text: &str,
    scanned: &Text,
    secrets: &[Found],
    people: &mut Placeholders,
    counts: &mut Counts,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for secret in secrets {
        let bytes = scanned.folded.bytes(secret.start..secret.end);
        out.push_str(&text[done..bytes.start]);
        let value = scanned.folded.units(secret.start..secret.end);
        people.write(&mut out, secret.kind, value);
        counts.add(secret.kind);
        done = bytes.end;
    }
    out.push_str(&text[done..]);
    out
}
