//! Word lists: knowledge about words that is independent of any schema.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use super::stem::stem;

/// Each list is a file in `lists/`, with reasons in comments. The benchmark empties lists to measure what
/// each is worth.
#[derive(Clone, Debug)]
pub struct WordLists {
    /// Stop words, which tell how a question is phrased and not what it is about.
    pub empty: HashSet<String>,
    /// The meaning of abbreviations in names.
    pub short_forms: HashMap<String, String>,
    /// The last words in names of keys; likewise `dates` and `labels`.
    pub keys: HashSet<String>,
    pub dates: HashSet<String>,
    pub labels: HashSet<String>,
}

static STANDARD: LazyLock<Arc<WordLists>> = LazyLock::new(|| {
    let set = |text| {
        let words = lines(text).flat_map(str::split_whitespace);
        words.map(|word| stem(word).into_owned())
    };
    let mut short_forms = HashMap::new();
    for line in lines(include_str!("lists/short_forms.txt")) {
        let mut line = line.split_whitespace();
        let meant = line.next().unwrap_or_default();
        short_forms.extend(line.map(|short| (short.to_owned(), meant.to_owned())));
    }
    Arc::new(WordLists {
        empty: set(include_str!("lists/empty.txt")).collect(),
        short_forms,
        keys: set(include_str!("lists/keys.txt")).collect(),
        dates: set(include_str!("lists/dates.txt")).collect(),
        labels: set(include_str!("lists/labels.txt")).collect(),
    })
});

/// Lines without comments, which start with `#`.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

impl WordLists {
    pub fn standard() -> Arc<Self> {
        Arc::clone(&STANDARD)
    }

    /// Whether a word is a stop word or a single letter.
    pub fn is_empty_word(&self, word: &str) -> bool {
        let is_letter = word.len() == 1 && word.as_bytes()[0].is_ascii_alphabetic();
        is_letter || self.empty.contains(word)
    }
}
