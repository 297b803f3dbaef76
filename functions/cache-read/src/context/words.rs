//! Words, by which questions and identifiers are matched.
//!
//! An identifier is split at punctuation, capitals and digits, and also kept whole. Plurals become
//! singulars. Korean, Chinese and Japanese text is split into pairs of characters (bigrams), which need
//! neither a dictionary nor spaces. Equivalent Unicode spellings are the same word.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use super::stem::stem;
use super::word_lists::WordLists;

/// The words of a text in order, with repetitions.
pub fn each(text: &str, lists: &WordLists, take: &mut dyn FnMut(&str)) {
    // In a sentence `no` does not mean number.
    split(text, lists, &|word| !lists.is_empty_word(word), take);
}

/// The words of an identifier, in order.
pub fn each_of_name(name: &str, lists: &WordLists, take: &mut dyn FnMut(&str)) {
    split(name, lists, &|_| true, take);
}

/// [`each_of_name`] as a list.
pub fn of_name(name: &str, lists: &WordLists) -> Vec<String> {
    let mut words = Vec::new();
    each_of_name(name, lists, &mut |word| words.push(word.to_owned()));
    words
}

/// Whether a word that may be an abbreviation is one in this place.
type IsShort<'a> = &'a dyn Fn(&str) -> bool;

fn split(text: &str, lists: &WordLists, is_short: IsShort<'_>, take: &mut dyn FnMut(&str)) {
    for chunk in chunks(&composed(text)) {
        if chunk.is_ascii() {
            ascii(chunk, lists, is_short, take);
        } else {
            mixed(chunk, lists, is_short, take);
        }
    }
}

/// The words of a question without stop words, and adjacent words written as one (`bike share` for
/// `bikeshare`). Each word is listed once, with its weight.
pub fn of_question(question: &str, lists: &WordLists) -> Vec<(String, f32)> {
    let mut weighted = Weighted::default();
    let mut before: Option<String> = None;
    for chunk in chunks(&composed(question)) {
        if weighted.words.len() >= MOST_WORDS {
            break;
        }
        let lower = chunk.to_lowercase();
        if lists.is_empty_word(&stem(&lower)) {
            before = None;
            continue;
        }
        each(chunk, lists, &mut |word| {
            if !lists.is_empty_word(word) {
                weighted.add(word);
            }
        });
        if let Some(before) = before.filter(|_| chunk.is_ascii())
            && before.len() + lower.len() <= LONGEST_COMPOUND
        {
            weighted.add(&stem(&format!("{before}{lower}")));
        }
        before = chunk.is_ascii().then_some(lower);
    }
    weighted.words
}

/// Words without repetitions, in the order of their first occurrence.
#[derive(Default)]
struct Weighted {
    words: Vec<(String, f32)>,
    at: HashMap<String, usize>,
}

impl Weighted {
    fn add(&mut self, word: &str) {
        if let Some(at) = self.at.get(word) {
            // A repeated word counts more, but not twice as much.
            let known = &mut self.words[*at].1;
            *known = (*known + 0.25).min(1.5);
        } else if self.words.len() < MOST_WORDS {
            self.at.insert(word.to_owned(), self.words.len());
            self.words.push((word.to_owned(), 1.0));
        }
    }
}

/// The text in NFC: decomposed Korean, as in macOS file names, would be other words.
pub fn composed(text: &str) -> Cow<'_, str> {
    // Most text needs no lookup in Unicode tables.
    let is_plain = |character: char| character.is_ascii() || is_letter(character);
    if text.chars().all(is_plain) || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

pub fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let is_sign = |character: char| !is_letter(character) && !character.is_alphanumeric();
    text.split(is_sign).filter(|chunk| !chunk.is_empty())
}

/// Whether a character is a Korean syllable or a common ideograph.
fn is_letter(character: char) -> bool {
    matches!(character, '\u{ac00}'..='\u{d7a3}' | '\u{4e00}'..='\u{9fff}')
}

/// Whether a word is in a script that is split into pairs.
pub fn is_pair(word: &str) -> bool {
    word.chars().next().is_some_and(is_dense)
}

const LONGEST_COMPOUND: usize = 24;
/// The number of words of a question that are used.
const MOST_WORDS: usize = 400;

fn ascii(chunk: &str, lists: &WordLists, is_short: IsShort<'_>, take: &mut dyn FnMut(&str)) {
    let lower = chunk.to_ascii_lowercase();
    let bytes = chunk.as_bytes();
    let mut start = 0;
    for at in 1..=bytes.len() {
        let is_end = at == bytes.len();
        if !is_end && !is_cut(bytes, at) {
            continue;
        }
        if start == 0 && !is_end {
            take(&stem(&lower));
        }
        let word = stem(&lower[start..at]);
        if let Some(long) = lists.short_forms.get(&*word)
            && is_short(&word)
        {
            take(long);
        }
        take(&word);
        start = at;
    }
}

/// Whether a word of an identifier ends before this character.
fn is_cut(bytes: &[u8], at: usize) -> bool {
    let (left, right) = (bytes[at - 1], bytes[at]);
    let next_is_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    left.is_ascii_digit() != right.is_ascii_digit()
        || left.is_ascii_lowercase() && right.is_ascii_uppercase()
        || left.is_ascii_uppercase() && right.is_ascii_uppercase() && next_is_lower
}

fn mixed(chunk: &str, lists: &WordLists, is_short: IsShort<'_>, take: &mut dyn FnMut(&str)) {
    let characters: Vec<char> = if chunk.chars().all(is_letter) {
        chunk.chars().collect()
    } else {
        chunk.to_lowercase().chars().collect()
    };
    let mut word = String::new();
    for run in characters.chunk_by(|a, b| is_dense(*a) == is_dense(*b)) {
        let length = if run.first().copied().is_some_and(is_dense) {
            run.len().min(2)
        } else {
            run.len()
        };
        for part in run.windows(length) {
            word.clear();
            word.extend(part);
            if word.is_ascii() {
                ascii(&word, lists, is_short, take);
            } else {
                take(&word);
            }
        }
    }
}

fn is_dense(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each(text, &WordLists::standard(), &mut |word| {
            words.push(word.to_owned());
        });
        words
    }

    fn of_question(question: &str) -> Vec<String> {
        let words = super::of_question(question, &WordLists::standard());
        words.into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn an_identifier_is_indexed_whole_and_by_its_words() {
        assert_eq!(
            of("visitStartTime"),
            ["visitstarttime", "visit", "start", "time"]
        );
        assert_eq!(of("HTTPStatus"), ["httpstatus", "http", "status"]);
        assert_eq!(of("id_provenance_r5"), ["id", "provenance", "r5", "r", "5"]);
        assert_eq!(of("order_qty"), ["order", "quantity", "qty"]);
    }

    #[test]
    fn plural_and_singular_are_the_same_word() {
        for (plural, singular) in [("cities", "city"), ("boxes", "box"), ("trips", "trip")] {
            assert_eq!(of(plural), of(singular));
        }
        for word in ["class", "status", "analysis", "gas"] {
            assert_eq!(of(word), [word]);
        }
    }

    #[test]
    fn korean_is_indexed_by_pairs_of_characters() {
        assert_eq!(
            of("주문날짜는 2021년"),
            ["주문", "문날", "날짜", "짜는", "2021", "년"]
        );
    }

    #[test]
    fn adjacent_words_of_a_question_also_form_one_word() {
        assert_eq!(
            of_question("the bike shares"),
            ["bike", "share", "bikeshare"]
        );
    }

    #[test]
    fn no_means_number_in_a_name_and_nothing_in_a_question() {
        let lists = WordLists::standard();
        assert_eq!(of_name("order_no", &lists), ["order", "number", "no"]);
        assert_eq!(of("there is no order"), ["there", "is", "no", "order"]);
        assert_eq!(
            of_question("orders with no qty"),
            ["order", "quantity", "qty"]
        );
    }

    #[test]
    fn decomposed_korean_equals_composed_korean() {
        let parts = "\u{110c}\u{116e}\u{1106}\u{116e}\u{11ab}";
        assert_eq!(of(parts), of("주문"));
        assert_eq!(of_question(parts), ["주문"]);
    }

    #[test]
    fn the_words_of_a_question_are_limited() {
        let numbers: Vec<String> = (0..1_000).map(|number| format!("w{number}x")).collect();
        assert_eq!(of_question(&numbers.join(" ")).len(), MOST_WORDS);
    }
}
