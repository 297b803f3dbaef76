//! Scores: the relevance of tables, columns and examples for a question.

use std::collections::HashMap;

use super::index::{IndexData, TableWord};
use super::numbers::{id, ratio};
use super::role::ColumnRole;
use super::weights::Weights;
use super::words;

/// A question in the terms of an index, without unknown words.
pub struct Question {
    /// The terms without repetitions, with their weights.
    pub terms: Vec<(u32, f32)>,
    /// The word of the question for each term.
    words: Vec<String>,
}

impl Question {
    pub fn new(question: &str, index: &IndexData) -> Self {
        let mut terms: Vec<(u32, f32)> = Vec::new();
        let mut question_words: Vec<String> = Vec::new();
        let mut position: HashMap<u32, usize> = HashMap::new();
        let mut add = |term: u32, weight: f32, word: &str| {
            let next = terms.len();
            let at = *position.entry(term).or_insert(next);
            if at < next {
                terms[at].1 = terms[at].1.max(weight);
            } else {
                terms.push((term, weight));
                question_words.push(word.to_owned());
            }
        };
        for (word, weight) in words::of_question(question, &index.lists) {
            let Some(term) = index.terms.get(word.as_str()).copied() else {
                continue;
            };
            // Three characters yield two bigrams, so each counts less.
            let weight = if words::is_pair(&word) {
                weight * 0.6
            } else {
                weight
            };
            add(term, weight, &word);
            for meaning in index.lexicon.of(term) {
                add(meaning.word, weight * meaning.confidence, &word);
            }
        }
        Self {
            terms,
            words: question_words,
        }
    }
}

/// A table and its score.
#[derive(Clone, Copy, Debug)]
pub struct Ranked {
    pub table: usize,
    pub score: f32,
    /// The joined table that raised the score most, if there is one.
    pub joined: Option<usize>,
}

/// How many of the best tables raise the scores of tables that they join.
const RAISING: usize = 12;

/// All allowed tables, best first.
pub fn tables(
    index: &IndexData,
    question: &Question,
    weights: &Weights,
    allowed: &dyn Fn(usize) -> bool,
) -> Vec<Ranked> {
    let count = index.dataset.len();
    let mut own = vec![0.0_f32; count];
    let mut of_dataset = vec![0.0_f32; index.datasets.len()];
    let mut best = vec![0.0_f32; index.datasets.len()];
    let widths: Vec<f32> = (0..count)
        .map(|table| {
            let width = ratio(index.nodes_of(table).len(), 1) * 2.0;
            let width = 1.0 - weights.width + weights.width * (width / index.mean_width).sqrt();
            // The width is a divisor, and zero for a table without columns.
            width.max(f32::MIN_POSITIVE)
        })
        .collect();
    for (term, weight) in &question.terms {
        let weight = weight * index.table_rarity[*term as usize];
        best.fill(0.0);
        for word in index.table_words.of(*term) {
            let table = word.table as usize;
            if !allowed(table) {
                continue;
            }
            let evidence = evidence(word, widths[table], weights);
            let score = weight * evidence / (weights.saturation + evidence);
            own[table] += score;
            let dataset = &mut best[index.dataset[table] as usize];
            *dataset = dataset.max(score);
        }
        for (sum, best) in of_dataset.iter_mut().zip(&best) {
            *sum += best;
        }
    }
    let mut ranked: Vec<Ranked> = (0..count)
        .filter(|table| allowed(*table))
        .map(|table| Ranked {
            table,
            score: own[table] + weights.neighbourhood * of_dataset[index.dataset[table] as usize],
            joined: None,
        })
        .collect();
    sort(&mut ranked);
    raise_joined(&mut ranked, index, weights);
    ranked
}

fn evidence(word: &TableWord, width: f32, weights: &Weights) -> f32 {
    let some = |count: u8| f32::from(count).min(3.0);
    weights.name * some(word.name)
        + weights.dataset * some(word.dataset)
        + weights.description * some(word.description)
        + weights.columns * some(word.columns) / width
        + weights.column_descriptions * some(word.column_descriptions) / width
        + weights.examples * some(word.examples)
}

/// Adds a share of the scores of the best tables to those of joined tables.
fn raise_joined(ranked: &mut [Ranked], index: &IndexData, weights: &Weights) {
    let mut lifted: Vec<(f32, Option<usize>)> = vec![(0.0, None); index.dataset.len()];
    for best in ranked.iter().take(RAISING) {
        for join in &index.joins[best.table] {
            let lift = weights.join * join.strength * best.score;
            let known = &mut lifted[join.to as usize];
            if lift > known.0 {
                *known = (lift, Some(best.table));
            }
        }
    }
    for table in ranked.iter_mut() {
        let (lift, by) = lifted[table.table];
        table.score += lift;
        table.joined = by;
    }
    sort(ranked);
}

fn sort(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.table.cmp(&b.table)));
}

/// The score of each node for the question, without its role.
pub fn nodes(index: &IndexData, question: &Question, weights: &Weights) -> Vec<f32> {
    let mut scores = vec![0.0_f32; index.nodes.len()];
    for (term, weight) in &question.terms {
        let weight = weight * index.node_rarity[*term as usize];
        for node in index.node_names.of(*term) {
            let words = f32::from(index.nodes[*node as usize].words);
            scores[*node as usize] += weight / (1.0 + 0.15 * (words - 1.0));
        }
        let weight = weight * weights.column_description;
        for node in index.node_descriptions.of(*term) {
            scores[*node as usize] += weight * 0.5;
        }
    }
    scores
}

/// More than any sum of word scores: needed columns come before requested ones.
const NEEDED: f32 = 1_000.0;

/// The leaves of a table with their scores, best first; equal scores in the order of the table.
pub fn leaves(
    index: &IndexData,
    table: usize,
    scores: &[f32],
    weights: &Weights,
) -> Vec<(u32, f32)> {
    let range = index.nodes_of(table);
    // Parents come before their fields.
    let mut total: Vec<f32> = Vec::with_capacity(range.len());
    let mut leaves = Vec::with_capacity(range.len());
    for (at, node) in range.clone().enumerate() {
        let info = &index.nodes[node];
        let parent = info.parent as usize;
        let above = if parent == node {
            0.0
        } else {
            total[parent - range.start]
        };
        let score = scores[node] + weights.parent * above;
        total.push(score);
        if !info.is_leaf {
            continue;
        }
        let preference = match info.role {
            ColumnRole::Needed => weights.key + NEEDED,
            ColumnRole::Key => weights.key,
            ColumnRole::Date => weights.date,
            ColumnRole::Label => weights.label,
            ColumnRole::Other => 0.0,
        };
        let depth = 1.0 + 0.5 * f32::from(info.depth);
        let order = 1.0 / (1.0 + 0.1 * ratio(at, 1));
        leaves.push((id(node), score + preference / depth + 0.5 * order));
    }
    leaves.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    leaves
}

/// Examples with similar questions, best first.
pub fn examples(index: &IndexData, question: &Question) -> Vec<(usize, f32)> {
    let rarity = |term: u32| index.table_rarity[term as usize];
    let question_weight: f32 = question
        .terms
        .iter()
        .map(|(term, weight)| weight * rarity(*term))
        .sum();
    let mut ranked: Vec<(usize, f32)> = Vec::new();
    for (position, words) in index.examples.iter().enumerate() {
        let common: f32 = question
            .terms
            .iter()
            .filter(|(term, _)| words.binary_search(term).is_ok())
            .map(|(term, weight)| weight * rarity(*term))
            .sum();
        let own: f32 = words.iter().map(|term| rarity(*term)).sum();
        if common > 0.0 {
            ranked.push((position, common / (question_weight * own).sqrt()));
        }
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
}

/// The words that contribute most to a table's score and where they occur: `name: trip`, best first.
pub fn why(index: &IndexData, question: &Question, table: usize) -> Vec<String> {
    let mut found: Vec<(f32, String)> = Vec::new();
    for ((term, weight), question_word) in question.terms.iter().zip(&question.words) {
        let words = index.table_words.of(*term);
        let Ok(at) = words.binary_search_by_key(&table, |word| word.table as usize) else {
            continue;
        };
        let word = &words[at];
        let (place, counts) = if word.name > 0 {
            ("name", 3.0)
        } else if word.columns > 0 {
            ("column", 1.0)
        } else if word.examples > 0 {
            ("example", 1.0)
        } else if word.dataset > 0 {
            ("dataset", 0.8)
        } else if word.description > 0 {
            ("description", 0.5)
        } else {
            ("column description", 0.3)
        };
        let score = counts * weight * index.table_rarity[*term as usize];
        found.push((score, format!("{place}: {question_word}")));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    found.truncate(4);
    found.into_iter().map(|(_, why)| why).collect()
}
