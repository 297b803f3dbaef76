//! The prefixes by which providers mark their keys and tokens. `data/prefixes.tsv` names the documentation of each.

use std::sync::LazyLock;

const FILE: &str = include_str!("../data/prefixes.tsv");

pub struct Prefix {
    pub text: &'static str,
    /// The least number of characters after it.
    pub least: usize,
}

/// The prefixes by their first byte.
static PREFIXES: LazyLock<Vec<Vec<Prefix>>> = LazyLock::new(|| {
    let mut prefixes: Vec<Vec<Prefix>> = (0..128).map(|_| Vec::new()).collect();
    for (prefix, _) in rules() {
        prefixes[usize::from(prefix.text.as_bytes()[0])].push(prefix);
    }
    prefixes
});

/// Each prefix and its source.
fn rules() -> impl Iterator<Item = (Prefix, &'static str)> {
    let lines = FILE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut columns = line.split('\t');
        let text = columns.next()?;
        let least = columns.next()?.parse().ok()?;
        Some((Prefix { text, least }, columns.next()?))
    })
}

pub fn beginning_with(first: char) -> &'static [Prefix] {
    PREFIXES.get(first as usize).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Known, Masker, Placeholders};

    #[test]
    fn every_prefix_has_a_length_and_a_source_and_is_listed_once() {
        let lines: Vec<_> = FILE.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(rules().count(), lines.len());
        assert!(lines.is_sorted() && lines.len() > 150);
        for pair in lines.windows(2) {
            let name = |line: &'static str| line.split('\t').next();
            assert_ne!(name(pair[0]), name(pair[1]));
        }
        for (prefix, source) in rules() {
            assert!(
                prefix
                    .text
                    .starts_with(|first: char| first.is_ascii_alphabetic()),
                "{}",
                prefix.text
            );
            assert!((10..=100).contains(&prefix.least), "{}", prefix.text);
            assert!(source.starts_with("https://"), "{}", prefix.text);
        }
    }

    #[test]
    fn a_token_with_each_prefix_is_masked() {
        let masker = Masker::default();
        for (prefix, _) in rules() {
            // Letters and digits in an order that no word has.
            let random: String = (0..prefix.least.max(14))
                .map(|at| char::from(b"q7Xb2Kd9mR4tWz1vHc8LpA3f"[at % 24]))
                .collect();
            let text = format!("it is {}{random} here", prefix.text);
            let mut placeholders = Placeholders::new(&[7; 32], "c", Known::default());
            let masked = masker.text(&text, &mut placeholders).expect("a short text");
            assert_eq!(masked.text, "it is [SECRET] here", "{}", prefix.text);
        }
    }
}
