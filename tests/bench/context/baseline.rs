//! The baseline: plain BM25 over whole tables, which fills the context from the top.

use std::collections::{HashMap, HashSet};

use cache_read::context::tokens;
use schema::document::{Column, Document};

/// What is rendered for each table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Every path with its type and description.
    Whole,
    /// Names and types of the 25 likeliest paths.
    Columns25,
}

struct Path {
    path: String,
    line: String,
    named: String,
    words: HashSet<String>,
}

struct Card {
    name: String,
    paths: Vec<Path>,
    counts: HashMap<String, f64>,
    length: f64,
}

pub struct Baseline {
    cards: Vec<Card>,
    within: HashMap<String, f64>,
    mean: f64,
}

/// The minimum size of a table in tokens.
const MIN_TOKENS: usize = 8;

/// A chosen table and its chosen paths.
pub type Chosen = Vec<(String, Vec<String>)>;

impl Baseline {
    pub fn new(document: &Document) -> Self {
        let mut within: HashMap<String, f64> = HashMap::new();
        let mut cards = Vec::new();
        for table in &document.tables {
            let mut paths = Vec::new();
            for column in &table.columns {
                add(column, "", &mut paths);
            }
            let mut counts: HashMap<String, f64> = HashMap::new();
            let mut length = 0.0;
            let lines = paths.iter().map(|path: &Path| path.line.as_str());
            for text in std::iter::once(table.name.as_str()).chain(lines) {
                for word in words(text) {
                    *counts.entry(word).or_default() += 1.0;
                    length += 1.0;
                }
            }
            for word in counts.keys() {
                *within.entry(word.clone()).or_default() += 1.0;
            }
            cards.push(Card {
                name: table.name.clone(),
                paths,
                counts,
                length,
            });
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of tables")]
        let count = cards.len().max(1) as f64;
        let mean = cards.iter().map(|card| card.length).sum::<f64>() / count;
        for within in within.values_mut() {
            *within = (1.0 + (count - *within + 0.5) / (*within + 0.5)).ln();
        }
        Self {
            cards,
            within,
            mean,
        }
    }

    pub fn choose(&self, question: &str, budget: usize, rendering: Rendering) -> Chosen {
        let mut question = words(question);
        question.sort();
        question.dedup();
        let rarity = |word: &String| self.within.get(word).copied().unwrap_or(0.0);
        let mut ranked: Vec<(f64, &Card)> = self
            .cards
            .iter()
            .map(|card| {
                let norm = 1.2 * (0.25 + 0.75 * card.length / self.mean);
                let score = question.iter().filter_map(|word| {
                    let count = card.counts.get(word)?;
                    Some(rarity(word) * count * 2.2 / (count + norm))
                });
                (score.sum(), card)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen = Vec::new();
        let mut characters = 0;
        for (_, card) in ranked {
            if characters / 4 + MIN_TOKENS > budget {
                break;
            }
            let mut paths: Vec<&Path> = card.paths.iter().collect();
            if rendering == Rendering::Columns25 {
                let score = |path: &Path| -> f64 {
                    let found = question.iter().filter(|word| path.words.contains(*word));
                    found.map(rarity).sum()
                };
                let mut scored: Vec<(f64, &Path)> =
                    paths.into_iter().map(|path| (score(path), path)).collect();
                scored.sort_by(|a, b| b.0.total_cmp(&a.0));
                scored.truncate(25);
                paths = scored.into_iter().map(|(_, path)| path).collect();
            }
            let mut text = format!("{}\n", card.name);
            for path in &paths {
                text.push_str(match rendering {
                    Rendering::Whole => &path.line,
                    Rendering::Columns25 => &path.named,
                });
                text.push('\n');
            }
            if tokens(&text) + characters / 4 > budget {
                continue;
            }
            characters += text.chars().count();
            let paths = paths.into_iter().map(|path| path.path.clone()).collect();
            chosen.push((card.name.clone(), paths));
        }
        chosen
    }
}

fn add(column: &Column, above: &str, paths: &mut Vec<Path>) {
    let path = format!("{above}{}", column.name);
    let named = format!("{path} {}", column.data_type);
    let description = column.description.as_deref().unwrap_or_default();
    paths.push(Path {
        line: format!("{named} {description}"),
        words: words(&format!("{path} {description}"))
            .into_iter()
            .collect(),
        named,
        path: path.clone(),
    });
    let below = format!("{path}.");
    for field in &column.fields {
        add(field, &below, paths);
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
