//! The forms of English words: `refunds` finds `refund`, and `tries` finds `try`.
//!
//! Two words are forms of one word if they have the same stem. The index has no stems: it finds messages by the letters
//! that all forms begin with, and search then compares the stems. So segments of every release are searched alike.

use rust_stemmers::{Algorithm, Stemmer};

/// The fewest letters by which the index finds a Latin word.
const MIN_KEY: usize = 3;

/// A word whose other forms don't all contain it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forms {
    stem: String,
    /// Each form of the word begins with one of these.
    pub(super) keys: Vec<String>,
}

impl Forms {
    /// The forms of a folded word; none if the word has no other forms, or if each of them contains the word.
    pub(super) fn of(word: &str) -> Option<Self> {
        if word.len() < MIN_KEY || !word.bytes().all(|it| it.is_ascii_lowercase()) {
            return None;
        }
        let stem = stem_of(word);
        let keys = keys(word, &stem);
        (keys != [word]).then_some(Self { stem, keys })
    }

    /// What all forms of the word begin with; none if that is too short for the index.
    pub(super) fn start(&self) -> Option<&str> {
        let (first, others) = self.keys.split_first()?;
        let shared = |other: &String| {
            let both = first.bytes().zip(other.bytes());
            both.take_while(|(one, other)| one == other).count()
        };
        let length = others.iter().map(shared).min().unwrap_or(first.len());
        Some(&first[..length]).filter(|start| start.len() >= MIN_KEY)
    }

    /// Whether a folded text contains a form of the word.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.keys.iter().any(|key| {
            let mut places = text.match_indices(key).map(|(place, _)| place);
            places.any(|place| word_at(text, place).is_some_and(|word| stem_of(word) == self.stem))
        })
    }
}

fn stem_of(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(word).into_owned()
}

/// What the forms of a word begin with. More letters lead to fewer messages whose stems have to be compared, so the last
/// letter of a stem is replaced by each one that a form has in its place.
fn keys(word: &str, stem: &str) -> Vec<String> {
    let last = [stem.strip_suffix('e'), stem.strip_suffix('i')];
    let (start, endings) = match last {
        // `use` and `using`.
        [Some(start), _] => (start, &["e", "ing"][..]),
        // `try`, `tries` and `tried`; `policy` and `policies`.
        [_, Some(start)] if start.len() < MIN_KEY => (start, &["y", "ies", "ied"][..]),
        [_, Some(start)] => (start, &["y", "i"][..]),
        // `possible` and `possibility`.
        _ if stem.ends_with("bl") => (&stem[..stem.len() - 1], &[""][..]),
        _ => (stem, &[""][..]),
    };
    let keys = endings.iter().filter_map(|ending| {
        let key = format!("{start}{ending}");
        // `the` is no stem of `thing`.
        (*ending != "ing" || stem_of(&key) == stem).then_some(key)
    });
    let keys: Vec<String> = keys.collect();
    let is_begin = |key: &String| key.len() >= MIN_KEY && word.starts_with(key.as_str());
    match keys.iter().any(is_begin) {
        true => keys,
        false => vec![word.to_owned()],
    }
}

/// The Latin word that begins at a place of a text; none if the place is within a word.
fn word_at(text: &str, place: usize) -> Option<&str> {
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    if place
        .checked_sub(1)
        .is_some_and(|before| is_of_word(&bytes[before]))
    {
        return None;
    }
    let length = bytes[place..]
        .iter()
        .take_while(|it| is_of_word(it))
        .count();
    Some(&text[place..place + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(word: &str, text: &str) -> bool {
        text.contains(word) || Forms::of(word).is_some_and(|forms| forms.are_in(text))
    }

    const WORDS: [&[&str]; 14] = [
        &["refund", "refunds", "refunded", "refunding"],
        &["run", "runs", "running"],
        &["policy", "policies"],
        &["try", "tries", "tried", "trying"],
        &["use", "uses", "used", "using"],
        &["pay", "pays", "paying"],
        &["ship", "ships", "shipped", "shipping"],
        &["charge", "charges", "charged", "charging"],
        &["box", "boxes"],
        &["cancel", "cancels", "cancelled", "canceled", "cancelling"],
        &["happy", "happiness"],
        &["possible", "possibility", "possibilities"],
        &["delivery", "deliveries"],
        &["fly", "flies", "flying"],
    ];

    #[test]
    fn each_form_of_a_word_finds_the_others_by_letters_that_they_begin_with() {
        for forms in WORDS {
            for one in forms {
                let keys = Forms::of(one).map_or(vec![(*one).to_owned()], |it| it.keys);
                assert!(
                    keys.iter().all(|key| key.len() >= MIN_KEY),
                    "{one}: {keys:?}"
                );
                for other in forms {
                    assert!(
                        finds(one, &format!("the {other}, and more")),
                        "{one} {other}"
                    );
                    let is_begin = |key: &String| other.starts_with(key.as_str());
                    assert!(keys.iter().any(is_begin), "{one} {other}: {keys:?}");
                }
            }
        }
    }

    #[test]
    fn a_word_that_only_begins_alike_is_no_form() {
        for (word, text) in [
            ("policies", "the police"),
            ("shipping", "a shipwreck"),
            ("running", "a runway"),
            ("using", "usual"),
            ("tries", "a tribe"),
            ("charges", "the chart"),
            ("running", "a prerun"),
            ("running", "run2"),
        ] {
            assert!(!finds(word, text), "{word} {text}");
        }
        assert!(finds("running", "환불 run는"));
    }

    #[test]
    fn a_word_that_is_not_english_has_no_forms() {
        for word in ["환불들", "환불s", "ab", "a1s", "ещёs", ""] {
            assert_eq!(Forms::of(word), None, "{word}");
        }
    }
}
