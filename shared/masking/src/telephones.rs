//! The words around telephone numbers. `data/telephones.tsv` lists them by language.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use super::labels::{Class, is_spaced, lower, plain};

const FILE: &str = include_str!("../data/telephones.tsv");

/// Words before which a word with a capital is a noun in German, and no name.
const ARTICLES: [&str; 7] = ["the", "der", "die", "das", "den", "dem", "la"];

/// The most words of a name between a request and a number: "call Ann Lee on ".
const MOST_NAMES: usize = 2;

/// The kinds and the words of the indented lines.
fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = FILE.lines().filter_map(|line| line.strip_prefix('\t'));
    lines.filter_map(|line| line.split_once('\t'))
}

/// The words of the kinds before and after a number. A word of several kinds has the meanings of all.
pub fn words() -> BTreeMap<String, Class> {
    let mut classes = BTreeMap::new();
    for (kind, words) in lines() {
        let class = match kind {
            "word" => Class::TELEPHONE,
            "verb" => Class::REQUEST,
            "number" => Class::NUMBER,
            "after" => Class::FOLLOWING,
            _ => continue,
        };
        for word in words.split_ascii_whitespace().flat_map(alternatives) {
            let all = classes.entry(word).or_insert(class);
            *all = all.or(class);
        }
    }
    classes
}

/// The words of a pattern: "a_{b,c}" is "a_b" and "a_c".
fn alternatives(pattern: &str) -> Vec<String> {
    let Some((head, rest)) = pattern.split_once('{') else {
        return vec![pattern.to_owned()];
    };
    let (choices, tail) = rest.split_once('}').unwrap_or((rest, ""));
    let tails = alternatives(tail);
    let choices = choices.split(',');
    let words = choices.flat_map(|choice| {
        tails
            .iter()
            .map(move |tail| format!("{head}{choice}{tail}"))
    });
    words.collect()
}

/// The words between a word for telephones and a number.
struct Joins {
    /// Words of scripts that separate words.
    spaced: HashSet<String>,
    /// Words of other scripts by their first letter, longer words first.
    dense: HashMap<char, Vec<Vec<char>>>,
}

static JOINS: LazyLock<Joins> = LazyLock::new(|| {
    let (mut spaced, mut dense) = (HashSet::new(), HashMap::<char, Vec<Vec<char>>>::new());
    for (_, words) in lines().filter(|(kind, _)| *kind == "join") {
        for word in words.split_ascii_whitespace() {
            let letters: Vec<char> = word.chars().collect();
            if is_spaced(letters[0]) {
                spaced.insert(plain(word));
                spaced.insert(word.to_owned());
            } else {
                dense.entry(letters[0]).or_default().push(letters);
            }
        }
    }
    for words in dense.values_mut() {
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    }
    Joins { spaced, dense }
});

/// Whether units between a word for telephones and a number are words that join them.
pub fn join(between: &[char]) -> bool {
    names(between) == Some(Names::None)
}

/// The names between a request and a number, besides words that join them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    None,
    /// "call Ann on ".
    Before,
    /// "call Ann ".
    Last,
}

/// Nothing if there are other words or too many names. A name begins with a capital.
pub fn names(between: &[char]) -> Option<Names> {
    let (mut names, mut count, mut article) = (Names::None, 0, false);
    let mut at = 0;
    while at < between.len() {
        let unit = between[at];
        if matches!(unit, '_' | '/' | '@' | '#' | '\n') {
            return None;
        }
        if !unit.is_alphanumeric() {
            at += 1;
            continue;
        }
        if !is_spaced(unit) {
            let words = JOINS.dense.get(&unit)?;
            at += words
                .iter()
                .find(|word| between[at..].starts_with(word))?
                .len();
            continue;
        }
        let rest = between[at..].iter().copied();
        let word: String = rest
            .take_while(|&unit| is_spaced(unit))
            .map(lower)
            .collect();
        at += word.chars().count();
        let named = !std::mem::replace(&mut article, ARTICLES.contains(&word.as_str()));
        if JOINS.spaced.contains(&word) {
            names = match names {
                Names::None => Names::None,
                Names::Before | Names::Last => Names::Before,
            };
            continue;
        }
        count += 1;
        if count > MOST_NAMES || !named || !unit.is_uppercase() {
            return None;
        }
        names = Names::Last;
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_has_a_known_kind_and_words() {
        let mut languages = HashSet::new();
        for line in FILE.lines().filter(|line| !line.starts_with('#')) {
            let Some(line) = line.strip_prefix('\t') else {
                assert!(!line.contains('\t') && languages.insert(line), "{line}");
                continue;
            };
            let (kind, words) = line.split_once('\t').expect("a kind and its words");
            assert!(
                ["word", "verb", "number", "join", "after"].contains(&kind),
                "{line}"
            );
            assert_eq!(
                words.matches('{').count(),
                words.matches('}').count(),
                "{line}"
            );
            assert_eq!(words.to_lowercase(), words);
            for word in words.split_ascii_whitespace().flat_map(alternatives) {
                assert!(
                    !word.contains(['{', '}', ',']) && !word.starts_with('_'),
                    "{word}"
                );
                assert!(kind != "join" || !word.contains('_'), "{word}");
            }
        }
        assert_eq!(languages.len(), 24);
    }

    #[test]
    fn a_pattern_has_a_word_for_each_choice() {
        assert_eq!(alternatives("a"), ["a"]);
        assert_eq!(
            alternatives("a_{b,c}_{d_,}e"),
            ["a_b_d_e", "a_b_e", "a_c_d_e", "a_c_e"]
        );
    }

    #[test]
    fn only_joining_words_and_names_are_between_a_request_and_its_number() {
        let names = |text: &str| names(&text.chars().collect::<Vec<_>>());
        assert_eq!(names(" Sie mich bitte unter "), Some(Names::None));
        assert_eq!(names("してください "), Some(Names::None));
        assert_eq!(names(" Ann Lee on "), Some(Names::Before));
        assert_eq!(names(" Ann: "), Some(Names::Last));
        assert_eq!(names(" Ann Lee Smith on "), None);
        assert_eq!(names(" order "), None);
        assert_eq!(names(" Sie die Bestellung "), None);
        assert_eq!(names(" me\n"), None);
    }
}
