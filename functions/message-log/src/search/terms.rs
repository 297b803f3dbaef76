//! The terms of a query, and whether a text contains them.

use platform::work::{Waiting, Workers};

use super::Hit;
use super::english::Forms;
use super::folding::fold;
use super::ngrams::{is_letter, start};

/// Folded words that must all be in a text, each as it is or in another form.
#[derive(Clone, Debug)]
pub struct Terms(Vec<Term>);

#[derive(Clone, Debug)]
struct Term {
    word: String,
    forms: Option<Forms>,
}

impl Terms {
    pub fn of(text: &str) -> Self {
        let folded = fold(start(text));
        let words = folded.split(|letter| !is_letter(letter));
        let terms = words.filter(|word| !word.is_empty()).map(|word| Term {
            word: word.to_owned(),
            forms: Forms::of(word),
        });
        Self(terms.collect())
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|term| term.word.as_str())
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
        self.0.iter().all(|term| {
            let forms = || term.forms.as_ref().is_some_and(|forms| forms.are_in(text));
            text.contains(term.word.as_str()) || forms()
        })
    }

    /// What the index is asked for: a text that contains all terms has all n-grams of at least one of these.
    pub(super) fn keys(&self) -> Vec<String> {
        let (mut of_all, mut alternatives) = (Vec::new(), None);
        for term in &self.0 {
            match &term.forms {
                Some(forms) if forms.keys.len() > 1 && alternatives.is_none() => {
                    alternatives = Some(&forms.keys);
                }
                Some(forms) => of_all.extend(forms.start()),
                // A word of one letter has no n-grams of its own: the letter may be anywhere in a longer word.
                None if term.word.chars().nth(1).is_none() => {}
                None => of_all.push(&term.word),
            }
        }
        let with = |key: &String| [of_all.as_slice(), &[key.as_str()]].concat().join(" ");
        match alternatives {
            Some(keys) => keys.iter().map(with).collect(),
            None => vec![of_all.join(" ")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_asked_for_what_all_forms_of_all_terms_have() {
        for (q, keys) in [
            ("refunds lately", &["refund late", "refund lating"][..]),
            ("Running shoes", &["run shoe"]),
            ("환불 요청", &["환불 요청"]),
            ("a refund", &["refund"]),
            ("a", &[""]),
            ("policy", &["policy", "polici"]),
            ("tries", &["try", "tries", "tried"]),
            (
                "tries refunds",
                &["refund try", "refund tries", "refund tried"],
            ),
            ("policies used", &["policy", "polici"]),
        ] {
            assert_eq!(Terms::of(q).keys(), keys, "{q}");
        }
    }
}
