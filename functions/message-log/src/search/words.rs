//! Whether words are in a text.

use platform::work::{Waiting, Workers};

use super::Hit;
use crate::pieces::{fold, is_letter, start};

/// Folded words.
#[derive(Clone, Debug)]
pub struct Words(pub Vec<String>);

impl Words {
    pub fn of(text: &str) -> Self {
        let folded = fold(start(text));
        let words = folded.split(|letter| !is_letter(letter));
        Self(
            words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The hits that hold all of them.
    pub async fn among(&self, hits: Vec<Hit>, workers: &Workers) -> Vec<Hit> {
        let bytes = hits.iter().map(Hit::work).sum();
        let words = self.clone();
        let look = move |waiting: &Waiting| {
            let hits = waiting.each(hits, |hit| {
                let is_one = words.are_in_folded(&hit.folded());
                is_one.then_some(hit)
            });
            hits.into_iter().flatten().collect()
        };
        workers.run(bytes, look).await
    }

    pub fn are_in_folded(&self, text: &str) -> bool {
        self.0.iter().all(|word| text.contains(word.as_str()))
    }
}
