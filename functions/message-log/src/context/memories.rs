//! Finds older messages about a topic.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use crate::search::{Hit, Hits, Terms};

/// The terms of a topic that are searched for.
const MAX_TERMS: usize = 4;

/// The longest terms of a topic, which characterize it best, as one query each.
pub(super) fn queries(topic: &Terms) -> Vec<Terms> {
    let is_long = |word: &&str| word.chars().nth(1).is_some();
    let mut terms: Vec<&str> = topic.words().filter(is_long).collect();
    terms.sort_by_key(|term| (Reverse(term.chars().count()), *term));
    terms.dedup();
    terms.truncate(MAX_TERMS);
    terms
        .into_iter()
        .map(|term| Terms::of(without_particle(term)))
        .collect()
}

/// Removes the last syllable of a Korean word, which is mostly a particle. Words of two syllables stay.
fn without_particle(term: &str) -> &str {
    let is_hangul = |letter: char| ('가'..='힣').contains(&letter);
    match term.char_indices().next_back() {
        Some((last, _)) if term.chars().all(is_hangul) && term.chars().count() > 2 => &term[..last],
        _ => term,
    }
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
