//! Whether words are in a text.

use super::Hit;
use crate::pieces::{fold, is_letter};

/// Folded words.
#[derive(Clone, Debug)]
pub struct Words(pub Vec<String>);

impl Words {
    pub fn of(text: &str) -> Self {
        let folded = fold(text);
        let words = folded.split(|letter| !is_letter(letter));
        Self(
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    pub fn are_in(&self, hit: &Hit) -> bool {
        self.are_in_folded(&hit.folded())
    }

    pub fn are_in_folded(&self, text: &str) -> bool {
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}
