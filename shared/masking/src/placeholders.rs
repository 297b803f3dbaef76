//! Placeholders, such as `[PHONE_2]`: within a conversation, equal values have equal numbers.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::policy::Kind;

/// The most numbered values per conversation. Further values get a placeholder without a number, since the state is
/// read with each message and written with each new value, and must not grow with pasted lists.
const MAX_NUMBERS: usize = 1000;

/// The values of a conversation, as digests that reveal nothing without the key: HMAC-SHA256 of the conversation, the
/// kind and the value. Store it with the conversation, and the key elsewhere: with the key, all telephone numbers could
/// be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known {
    /// The number of a value is its place in the list, from 1.
    digests: BTreeMap<Kind, IndexSet<String>>,
}

/// The placeholders of one conversation.
pub struct Placeholders {
    hmac: Hmac<Sha256>,
    known: Known,
    has_new: bool,
}

impl Placeholders {
    /// `known` is the result of `into_known` after the last message of the conversation, or the default.
    pub fn new(key: &[u8; 32], conversation: &str, known: Known) -> Self {
        let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        hmac.update(&(conversation.len() as u64).to_be_bytes());
        hmac.update(conversation.as_bytes());
        Self {
            hmac,
            known,
            has_new: false,
        }
    }

    /// Whether a value got a new number.
    pub fn has_new(&self) -> bool {
        self.has_new
    }

    /// The state to store with the conversation.
    pub fn into_known(self) -> Known {
        self.known
    }

    /// Writes the placeholder for a value in its folded spelling.
    pub(super) fn write(&mut self, out: &mut String, kind: Kind, value: &[char]) {
        out.push('[');
        out.push_str(kind.label());
        if let Some(number) = kind
            .is_numbered()
            .then(|| self.number(kind, value))
            .flatten()
        {
            out.push('_');
            out.push_str(&number.to_string());
        }
        out.push(']');
    }

    fn number(&mut self, kind: Kind, value: &[char]) -> Option<usize> {
        let mut hmac = self.hmac.clone();
        hmac.update(kind.label().as_bytes());
        hmac.update(normalized(kind, value).as_bytes());
        // Half of the digest is enough to avoid collisions.
        let mut digest = String::with_capacity(32);
        for byte in &hmac.finalize().into_bytes()[..16] {
            let hex = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
            digest.extend([hex(byte >> 4), hex(byte & 15)]);
        }
        let all: usize = self.known.digests.values().map(IndexSet::len).sum();
        let digests = self.known.digests.entry(kind).or_default();
        if all >= MAX_NUMBERS {
            return digests.get_index_of(&digest).map(|place| place + 1);
        }
        let (place, is_new) = digests.insert_full(digest);
        self.has_new |= is_new;
        Some(place + 1)
    }
}

impl fmt::Debug for Placeholders {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Placeholders")
            .field("known", &self.known)
            .finish_non_exhaustive()
    }
}

/// The canonical spelling of a value.
fn normalized(kind: Kind, value: &[char]) -> String {
    let spelled = kind == Kind::Phone || kind == Kind::Account || kind == Kind::Card;
    let kept = value.iter().filter_map(|&letter| match letter {
        _ if spelled => super::digits::value(letter).map(|digit| char::from(b'0' + digit)),
        '.' | '@' | '-' | '_' | '+' if kind == Kind::Email => Some(letter),
        '.' | ':' if kind == Kind::Ip => Some(letter),
        _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
        _ => None,
    });
    let text: String = kept.collect();
    if kind == Kind::Card {
        return super::card::without_expiry(&text).to_owned();
    }
    if kind != Kind::Phone {
        return text;
    }
    let national = text.strip_prefix("00").unwrap_or(&text);
    match national.strip_prefix("82") {
        Some(national) if national.len() >= 8 => {
            format!("0{}", national.strip_prefix('0').unwrap_or(national))
        }
        _ => text,
    }
}
