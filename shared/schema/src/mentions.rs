//! Names that a text must not mention, because its reader may not see what they name.

use std::collections::{HashMap, HashSet};

/// A set of names, and whether a text mentions one of them.
#[derive(Debug, Default)]
pub struct Mentions {
    /// By the first word.
    names: HashMap<String, Vec<Named>>,
    /// The prefixes of date shards, by the first word.
    families: HashMap<String, Vec<Named>>,
    /// Names without any word.
    signs: Vec<String>,
}

#[derive(Debug)]
struct Named {
    /// The words after the first one.
    follows: Vec<String>,
    /// The whole name in lower case.
    name: String,
}

impl Mentions {
    /// Of these names, in any case. A name that ends in `*` is a family of date shards.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut mentions = Self::default();
        for name in names {
            let name = name.to_lowercase();
            // Shards that are named only by a date have no name of their own, only their dataset's.
            if name == "*" {
                continue;
            }
            if let Some(prefix) = name.strip_suffix('*') {
                add(&mut mentions.families, prefix, &name);
            }
            if !add(&mut mentions.names, &name, &name) && !name.trim().is_empty() {
                mentions.signs.push(name);
            }
        }
        mentions
    }

    /// Of what is out of a scope, by pairs of a dataset's id and the name of the dataset or of a table in
    /// it. A name that something in scope has as well is not hidden.
    pub fn outside(
        named: impl IntoIterator<Item = (String, String)>,
        scope: &platform::auth::Names,
    ) -> Self {
        let named = named.into_iter();
        let named = named.map(|(dataset, name)| (scope.contain(&dataset), name.to_lowercase()));
        let (seen, hidden): (Vec<_>, Vec<_>) = named.partition(|(is_seen, _)| *is_seen);
        let seen: HashSet<String> = seen.into_iter().map(|(_, name)| name).collect();
        let hidden = hidden.into_iter().map(|(_, name)| name);
        Self::of(hidden.filter(|name| !seen.contains(name)))
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.families.is_empty() && self.signs.is_empty()
    }

    /// Whether a text contains one of the names as a word or as consecutive words. A name that is a common
    /// word also hides texts that merely use the word, because the two can't be distinguished.
    pub fn are_in(&self, text: &str) -> bool {
        self.any_in(text, |_| true)
    }

    /// The same for those names, in lower case, that count.
    pub fn any_in(&self, text: &str, counts: impl Fn(&str) -> bool) -> bool {
        if self.names.is_empty() && self.signs.is_empty() {
            return false;
        }
        let lower = text.to_lowercase();
        let words: Vec<&str> = words(&lower).collect();
        let without_date = |word: &str| {
            let is_date = |c: char| c.is_ascii_digit() || c == '*';
            word.trim_end_matches(is_date).to_owned()
        };
        let is_at = |at: usize| {
            let rest = &words[at + 1..];
            let is_name = |named: &Named| {
                let follows = &named.follows;
                rest.len() >= follows.len()
                    && follows.iter().zip(rest).all(|(a, b)| a == b)
                    && counts(&named.name)
            };
            // The date is at the end of the last word.
            let is_family = |named: &Named| {
                let Some((last, before)) = named.follows.split_last() else {
                    return false;
                };
                rest.len() > before.len()
                    && before.iter().zip(rest).all(|(a, b)| a == b)
                    && without_date(rest[before.len()]) == *last
                    && counts(&named.name)
            };
            let is_short = |named: &Named| named.follows.is_empty() && counts(&named.name);
            let known =
                |names: &HashMap<String, Vec<Named>>, word: &str, is: &dyn Fn(&Named) -> bool| {
                    names.get(word).is_some_and(|all| all.iter().any(is))
                };
            known(&self.names, words[at], &is_name)
                || known(&self.families, &without_date(words[at]), &is_short)
                || known(&self.families, words[at], &is_family)
        };
        (0..words.len()).any(is_at)
            || self
                .signs
                .iter()
                .any(|name| lower.contains(name) && counts(name))
    }
}

/// Adds a name by the words of `by`; false if it has no words.
fn add(names: &mut HashMap<String, Vec<Named>>, by: &str, name: &str) -> bool {
    let mut words = words(by).map(str::to_owned);
    let Some(first) = words.next() else {
        return false;
    };
    names.entry(first).or_default().push(Named {
        follows: words.collect(),
        name: name.to_owned(),
    });
    true
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '*';
    text.split(move |c| !is_part(c))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_mentioned_as_a_word_or_as_consecutive_words() {
        let names = [
            "People",
            "Order Lines",
            "t.x",
            "visits_*",
            "pay roll_*",
            "*",
            "😀",
        ];
        let mentions = Mentions::of(names.map(str::to_owned));
        for (text, expected) in [
            ("select * from t where day = 20240101", false),
            ("a view of people", true),
            ("peopled", false),
            ("joins \"Order Lines\" by id", true),
            ("the order of lines", false),
            ("as in \"t.x\"", true),
            ("a x t", false),
            ("no table visits_20210101", true),
            ("a wildcard over `p.hr.visits_*`", true),
            ("visits_total", false),
            ("from `pay roll_20240101`", true),
            ("the 😀 table", true),
        ] {
            assert_eq!(mentions.are_in(text), expected, "{text}");
        }
        assert!(!Mentions::default().are_in("people"));
    }
}
