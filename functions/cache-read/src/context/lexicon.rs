//! A bilingual lexicon that is learned from the schema: if a column `order_date` has a Korean description,
//! the bigrams of the description are associated with `order` and `date`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use super::numbers::{id, ratio};

/// Bigrams that describe more names than this are too common to mean one of them.
const COMMON: u32 = 40;
/// The least share of a bigram's descriptions whose names contain a word, to associate the two.
const MIN_CONFIDENCE: f32 = 0.5;

/// Meanings, sorted by bigram and word.
#[derive(Default)]
pub struct Lexicon(Vec<Meaning>);

pub struct Meaning {
    pair: u32,
    pub word: u32,
    /// The confidence, 0 to 1.
    pub confidence: f32,
}

impl Lexicon {
    /// The words that a bigram is associated with.
    pub fn of(&self, term: u32) -> &[Meaning] {
        let start = self.0.partition_point(|meaning| meaning.pair < term);
        let length = self.0[start..].partition_point(|meaning| meaning.pair == term);
        &self.0[start..start + length]
    }
}

#[derive(Default)]
pub struct Builder {
    /// Hashes of known descriptions: a name with the same description in many tables counts once.
    known: HashSet<u64>,
    names: Vec<Rc<[u32]>>,
    /// How many names each term describes.
    described: Vec<u32>,
    /// Bigrams with the positions of the names that they describe, up to `COMMON` per bigram, which bounds
    /// the memory.
    pairs: Vec<(u32, u32)>,
}

impl Builder {
    /// Adds the bigrams of a description and the words of the described name.
    pub fn add(&mut self, mut pairs: Vec<u32>, name: &Rc<[u32]>) {
        pairs.sort_unstable();
        pairs.dedup();
        let mut hasher = DefaultHasher::new();
        (&pairs, name).hash(&mut hasher);
        let Some(last) = pairs.last() else {
            return;
        };
        if !self.known.insert(hasher.finish()) {
            return;
        }
        let past = *last as usize + 1;
        if self.described.len() < past {
            self.described.resize(past, 0);
        }
        let position = id(self.names.len());
        self.names.push(Rc::clone(name));
        for pair in pairs {
            let described = &mut self.described[pair as usize];
            *described += 1;
            if *described <= COMMON {
                self.pairs.push((pair, position));
            }
        }
    }

    pub fn build(mut self) -> Lexicon {
        self.pairs.sort_unstable();
        let mut meanings = Vec::new();
        let mut words: Vec<u32> = Vec::new();
        for names in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let pair = names[0].0;
            let described = self.described[pair as usize];
            if described > COMMON {
                continue;
            }
            words.clear();
            for (_, name) in names {
                let from = words.len();
                for word in self.names[*name as usize].iter() {
                    if !words[from..].contains(word) {
                        words.push(*word);
                    }
                }
            }
            words.sort_unstable();
            for together in words.chunk_by(|a, b| a == b) {
                let confidence = ratio(together.len(), described as usize);
                if confidence >= MIN_CONFIDENCE {
                    let word = together[0];
                    meanings.push(Meaning {
                        pair,
                        word,
                        confidence,
                    });
                }
            }
        }
        meanings.shrink_to_fit();
        Lexicon(meanings)
    }
}
