//! The word lists: what is known of words before any schema is seen.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use super::stem::stem;

/// Each list stands in a file of `lists/`, with its reason. An emptied list is a list less: so it
/// is measured what each is worth.
#[derive(Clone, Debug)]
pub struct WordLists {
    /// Words that say how a question is put and not what it is about.
    pub empty: HashSet<String>,
    /// What short forms in names stand for.
    pub short_forms: HashMap<String, String>,
    /// The last words of names of keys, of dates and of labels.
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

/// Lines that start with `#` are reasons.
fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

impl WordLists {
    pub fn standard() -> Arc<Self> {
        Arc::clone(&STANDARD)
    }

    /// A letter alone says nothing either.
    pub fn is_empty_word(&self, word: &str) -> bool {
        let is_letter = word.len() == 1 && word.as_bytes()[0].is_ascii_alphabetic();
        is_letter || self.empty.contains(word)
    }
}
