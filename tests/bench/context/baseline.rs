//! The baselines: BM25 over whole tables, which fills the context from the top of its ranking.
//!
//! The plain one treats a table as one bag of words. The weighted one is what a good search engine does with
//! the same data: it splits identifiers, drops stop words and plurals, weights the fields of a table
//! (BM25F), and prints only names, grouped by type.

use std::collections::{BTreeMap, HashMap, HashSet};

use cache_read::context::tokens;
use schema::document::{Column, Document, Table};

use super::stop_words::STOP_WORDS;

/// How tables are ranked and rendered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Bags of words. Every path has its type and description.
    Whole,
    /// Bags of words. The 25 likeliest paths, with their types.
    Columns25,
    /// Weighted fields. The 25 likeliest paths, grouped by type.
    Weighted,
}

/// The weights of names, columns and descriptions, and the customary saturation and length of BM25. They are
/// not fitted to the questions.
const FIELDS: [f64; 3] = [3.0, 1.0, 0.5];
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;

struct Path {
    path: String,
    data_type: String,
    line: String,
    named: String,
    words: HashSet<String>,
}

struct Card {
    name: String,
    paths: Vec<Path>,
    /// Each word's counts in the fields.
    counts: HashMap<String, [f64; 3]>,
    lengths: [f64; 3],
}

pub struct Baseline {
    method: Method,
    cards: Vec<Card>,
    rarity: HashMap<String, f64>,
    means: [f64; 3],
}

/// The minimum size of a table in tokens.
const MIN_TOKENS: usize = 8;
const MOST_PATHS: usize = 25;

/// A chosen table and its chosen paths.
pub type Chosen = Vec<(String, Vec<String>)>;

impl Baseline {
    pub fn new(document: &Document, method: Method) -> Self {
        let cards: Vec<Card> = document
            .tables
            .iter()
            .map(|table| Card::new(table, method))
            .collect();
        let mut rarity: HashMap<String, f64> = HashMap::new();
        for word in cards.iter().flat_map(|card| card.counts.keys()) {
            *rarity.entry(word.clone()).or_default() += 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of tables")]
        let count = cards.len().max(1) as f64;
        for within in rarity.values_mut() {
            *within = (1.0 + (count - *within + 0.5) / (*within + 0.5)).ln();
        }
        let mean = |field: usize| cards.iter().map(|card| card.lengths[field]).sum::<f64>() / count;
        Self {
            method,
            means: [0, 1, 2].map(mean),
            cards,
            rarity,
        }
    }

    pub fn choose(&self, question: &str, budget: usize) -> Chosen {
        let mut question = words(question, self.method);
        question.sort();
        question.dedup();
        let mut ranked: Vec<(f64, &Card)> = self
            .cards
            .iter()
            .map(|card| (self.score(card, &question), card))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen = Vec::new();
        let mut characters = 0;
        for (_, card) in ranked {
            if characters / 4 + MIN_TOKENS > budget {
                break;
            }
            let paths = self.paths(card, &question);
            let text = self.render(card, &paths);
            if tokens(&text) + characters / 4 > budget {
                continue;
            }
            characters += text.chars().count();
            let paths = paths.into_iter().map(|path| path.path.clone()).collect();
            chosen.push((card.name.clone(), paths));
        }
        chosen
    }

    fn rarity(&self, word: &String) -> f64 {
        self.rarity.get(word).copied().unwrap_or(0.0)
    }

    fn score(&self, card: &Card, question: &[String]) -> f64 {
        let scores = question.iter().filter_map(|word| {
            let counts = card.counts.get(word)?;
            let count: f64 = (0..3)
                .map(|field| {
                    let length = card.lengths[field] / self.means[field].max(1.0);
                    FIELDS[field] * counts[field] / (1.0 - LENGTH + LENGTH * length)
                })
                .sum();
            Some(self.rarity(word) * count * (SATURATION + 1.0) / (count + SATURATION))
        });
        scores.sum()
    }

    /// The paths to render, the likeliest first.
    fn paths<'a>(&self, card: &'a Card, question: &[String]) -> Vec<&'a Path> {
        if self.method == Method::Whole {
            return card.paths.iter().collect();
        }
        let score = |path: &Path| -> f64 {
            let found = question.iter().filter(|word| path.words.contains(*word));
            found.map(|word| self.rarity(word)).sum()
        };
        let scored = card.paths.iter().map(|path| (score(path), path));
        let mut scored: Vec<(f64, &Path)> = scored.collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(MOST_PATHS);
        scored.into_iter().map(|(_, path)| path).collect()
    }

    fn render(&self, card: &Card, paths: &[&Path]) -> String {
        let lines: Vec<String> = match self.method {
            Method::Whole => paths.iter().map(|path| path.line.clone()).collect(),
            Method::Columns25 => paths.iter().map(|path| path.named.clone()).collect(),
            Method::Weighted => {
                let mut of_type: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
                for path in paths {
                    of_type.entry(&path.data_type).or_default().push(&path.path);
                }
                let groups = of_type.into_iter();
                let groups = groups.map(|(kind, paths)| format!("{kind}: {}", paths.join(", ")));
                vec![groups.collect::<Vec<_>>().join("; ")]
            }
        };
        format!("{}\n{}\n", card.name, lines.join("\n"))
    }
}

impl Card {
    fn new(table: &Table, method: Method) -> Self {
        let mut paths = Vec::new();
        let mut fields = [const { Vec::new() }; 3];
        for column in &table.columns {
            add(column, "", method, &mut paths, &mut fields);
        }
        fields[0] = words(&table.name, method);
        fields[2].extend(words(
            table.description.as_deref().unwrap_or_default(),
            method,
        ));
        if method != Method::Weighted {
            // One bag, which the weights of its field scale: as if it were the columns.
            let all = fields.iter_mut().flat_map(std::mem::take).collect();
            fields[1] = all;
        }
        let mut counts: HashMap<String, [f64; 3]> = HashMap::new();
        #[expect(clippy::cast_precision_loss, reason = "counts of words")]
        let lengths = [0, 1, 2].map(|field| fields[field].len() as f64);
        for (field, words) in fields.into_iter().enumerate() {
            for word in words {
                counts.entry(word).or_default()[field] += 1.0;
            }
        }
        Self {
            name: table.name.clone(),
            paths,
            counts,
            lengths,
        }
    }
}

fn add(
    column: &Column,
    above: &str,
    method: Method,
    paths: &mut Vec<Path>,
    fields: &mut [Vec<String>; 3],
) {
    let path = format!("{above}{}", column.name);
    let named = format!("{path} {}", column.data_type);
    let description = column.description.as_deref().unwrap_or_default();
    if method == Method::Weighted {
        fields[1].extend(words(&column.name, method));
    } else {
        fields[1].extend(words(&named, method));
    }
    fields[2].extend(words(description, method));
    // Who selects the fields of a STRUCT needs no line for the STRUCT itself.
    if method != Method::Weighted || column.fields.is_empty() {
        paths.push(Path {
            line: format!("{named} {description}"),
            words: words(&format!("{path} {description}"), method)
                .into_iter()
                .collect(),
            named,
            data_type: column.data_type.clone(),
            path: path.clone(),
        });
    }
    let below = format!("{path}.");
    for field in &column.fields {
        add(field, &below, method, paths, fields);
    }
}

fn words(text: &str, method: Method) -> Vec<String> {
    let parts = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty());
    if method != Method::Weighted {
        return parts.map(str::to_lowercase).collect();
    }
    let words = parts.flat_map(split_case).map(|word| singular(&word));
    words
        .filter(|word| !STOP_WORDS.contains(&word.as_str()))
        .collect()
}

/// Splits `camelCase`, in lower case.
fn split_case(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_lower = false;
    for character in word.chars() {
        if was_lower && character.is_uppercase() {
            parts.push(String::new());
        }
        was_lower = character.is_lowercase();
        let part = parts.last_mut().expect("there is a first part");
        part.extend(character.to_lowercase());
    }
    parts
}

/// A plural as the singular, by the rules of Harman's S-stemmer.
fn singular(word: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if word.len() < 4 || ends(&["us", "ss"]) {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ies")
        && !ends(&["eies", "aies"])
    {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix('s')
        && !ends(&["aes", "ees", "oes"])
    {
        return stem.to_owned();
    }
    word.to_owned()
}
