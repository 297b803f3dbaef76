//! Finds older messages about a topic.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use crate::search::{Hit, Hits, Terms};

/// The terms of a topic that are searched for.
const MAX_TERMS: usize = 4;

/// The longest terms of a topic, which characterize it best, as one query each.
pub(super) fn queries(topic: &Terms) -> Vec<Terms> {
    let is_long = |term: &&String| term.chars().nth(1).is_some();
    let mut terms: Vec<&String> = topic.0.iter().filter(is_long).collect();
    terms.sort_by_key(|term| (Reverse(term.chars().count()), *term));
    terms.dedup();
    terms.truncate(MAX_TERMS);
    terms
        .into_iter()
        .map(|term| Terms(vec![stem(term)]))
        .collect()
}

/// Removes the last syllable of a Korean word, which is mostly a particle. Words of two syllables stay.
fn stem(term: &str) -> String {
    let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
    let letters: Vec<char> = term.chars().collect();
    if letters.len() > 2 && letters.iter().copied().all(is_hangul) {
        return letters[..letters.len() - 1].iter().collect();
    }
    term.to_owned()
}

/// Ranks the hits of all queries: messages with more terms and rarer terms come first.
pub(super) fn ranked(hits_of_queries: Vec<Hits>) -> Vec<Hit> {
    let mut found: BTreeMap<Uuid, (f64, Hit)> = BTreeMap::new();
    for Hits { hits, .. } in hits_of_queries {
        // A rare term says more about the messages that contain it.
        let weight = 1.0 / (1.0 + hits.len() as f64);
        for hit in hits {
            found.entry(hit.id).or_insert((0.0, hit)).0 += weight;
        }
    }
    let mut found: Vec<(f64, Hit)> = found.into_values().collect();
    found.sort_by(|(one, first), (other, second)| {
        other.total_cmp(one).then_with(|| second.id.cmp(&first.id))
    });
    found.into_iter().map(|(_, hit)| hit).collect()
}
