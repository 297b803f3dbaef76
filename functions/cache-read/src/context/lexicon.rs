//! A bilingual lexicon that the schema writes itself: where a column is called `order_date` and
//! described in Korean, the pairs of that description stand for `order` and `date`.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use super::numbers::{id, ratio};

/// A pair of characters that describes more names than this says nothing of one of them.
const COMMON: u32 = 40;
/// The least share of a pair's descriptions that name what it is to stand for.
const SURE: f32 = 0.5;

/// By pair, then by word.
#[derive(Default)]
pub struct Lexicon(Vec<Meaning>);

pub struct Meaning {
    pair: u32,
    pub word: u32,
    /// 0 to 1.
    pub surely: f32,
}

impl Lexicon {
    /// The words that a word of another script stands for.
    pub fn of(&self, term: u32) -> &[Meaning] {
        let start = self.0.partition_point(|meaning| meaning.pair < term);
        let length = self.0[start..].partition_point(|meaning| meaning.pair == term);
        &self.0[start..start + length]
    }
}

#[derive(Default)]
pub struct Builder {
    /// A name that is described alike in many tables is one; by hash.
    known: HashSet<u64>,
    names: Vec<Rc<[u32]>>,
    /// By term: how many names it describes.
    described: Vec<u32>,
    /// Pairs, and the positions of the names that they describe: of a pair that is common no more,
    /// which bounds what all take.
    pairs: Vec<(u32, u32)>,
}

impl Builder {
    /// The pairs of one description, and the words of the name that is so described.
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
                let surely = ratio(together.len(), described as usize);
                if surely >= SURE {
                    let word = together[0];
                    meanings.push(Meaning { pair, word, surely });
                }
            }
        }
        meanings.shrink_to_fit();
        Lexicon(meanings)
    }
}
