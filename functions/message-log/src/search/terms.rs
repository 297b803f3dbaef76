//! The terms of a query, and whether a text contains them.

use platform::work::{Waiting, Workers};

use super::Hit;
use super::folding::fold;
use super::ngrams::{is_letter, start};

/// Folded words that must all be in a text.
#[derive(Clone, Debug)]
pub struct Terms(pub Vec<String>);

impl Terms {
    pub fn of(text: &str) -> Self {
        let folded = fold(start(text));
        let terms = folded.split(|letter| !is_letter(letter));
        Self(
            terms
                .filter(|term| !term.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The hits that contain all terms.
    pub async fn filter(&self, hits: Vec<Hit>, workers: &Workers) -> Vec<Hit> {
        let bytes = hits.iter().map(Hit::work).sum();
        let terms = self.clone();
        let filter = move |waiting: &Waiting| {
            let hits = waiting.each(hits, |hit| {
                let is_hit = terms.are_in(&hit.folded());
                is_hit.then_some(hit)
            });
            hits.into_iter().flatten().collect()
        };
        workers.run(bytes, filter).await
    }

    /// Whether a folded text contains all terms.
    pub fn are_in(&self, text: &str) -> bool {
        self.0.iter().all(|term| text.contains(term.as_str()))
    }
}
