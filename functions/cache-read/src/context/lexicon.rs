//! A bilingual lexicon that the schema writes itself: where a column is called `order_date` and
//! described in Korean, the pairs of that description stand for `order` and `date`.

use std::collections::{HashMap, HashSet};

use super::index::ratio;

/// A pair of characters that describes more names than this says nothing of one of them.
const COMMON: u32 = 40;
/// The least share of a pair's descriptions that name what it is to stand for.
const SURE: f32 = 0.5;

#[derive(Default)]
pub struct Lexicon(HashMap<u32, Vec<(u32, f32)>>);

impl Lexicon {
    /// The words that a word of another script stands for, and how surely, 0 to 1.
    pub fn of(&self, term: u32) -> &[(u32, f32)] {
        self.0.get(&term).map_or(&[], Vec::as_slice)
    }
}

#[derive(Default)]
pub struct Builder {
    /// A name that is described alike in many tables is one.
    known: HashSet<(Vec<u32>, Vec<u32>)>,
    pairs: HashMap<u32, Pair>,
}

/// Of one pair: how many names it describes, and their words with how many names have each. No
/// words are kept once it is common, which bounds what all pairs take.
#[derive(Default)]
struct Pair {
    described: u32,
    words: Vec<(u32, u32)>,
}

impl Builder {
    /// The pairs of one description, and the words of the name that is so described.
    pub fn add(&mut self, mut pairs: Vec<u32>, name: &[u32]) {
        pairs.sort_unstable();
        pairs.dedup();
        let mut name = name.to_vec();
        name.sort_unstable();
        name.dedup();
        if pairs.is_empty() || !self.known.insert((pairs.clone(), name.clone())) {
            return;
        }
        for pair in pairs {
            let pair = self.pairs.entry(pair).or_default();
            pair.described += 1;
            if pair.described > COMMON {
                pair.words = Vec::new();
                continue;
            }
            for word in &name {
                match pair.words.iter_mut().find(|(known, _)| known == word) {
                    Some((_, together)) => *together += 1,
                    None => pair.words.push((*word, 1)),
                }
            }
        }
    }

    pub fn build(self) -> Lexicon {
        let mut lexicon = HashMap::new();
        for (term, pair) in self.pairs {
            let share = |together: u32| ratio(together as usize, pair.described as usize);
            let words = pair.words.iter();
            let sure = words.filter_map(|(word, together)| {
                let share = share(*together);
                (share >= SURE).then_some((*word, share))
            });
            let sure: Vec<(u32, f32)> = sure.collect();
            if !sure.is_empty() {
                lexicon.insert(term, sure);
            }
        }
        Lexicon(lexicon)
    }
}
