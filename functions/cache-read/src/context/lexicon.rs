//! A bilingual lexicon that the schema writes itself: where a column is called `order_date` and
//! described in Korean, the pairs of that description stand for `order` and `date`.

use std::collections::{BTreeMap, HashMap};

use super::words;

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
    described: HashMap<u32, u32>,
    together: BTreeMap<(u32, u32), u32>,
}

impl Builder {
    /// A name that is so described; both as terms, the description as text too.
    pub fn add(&mut self, description: &[u32], name: &[u32], text: &str) {
        if text.is_ascii() {
            return;
        }
        let pairs: Vec<bool> = words::of(text)
            .iter()
            .map(|word| words::is_pair(word))
            .collect();
        let mut terms: Vec<u32> = description
            .iter()
            .zip(pairs)
            .filter_map(|(term, is_pair)| is_pair.then_some(*term))
            .collect();
        terms.sort_unstable();
        terms.dedup();
        let mut name = name.to_vec();
        name.sort_unstable();
        name.dedup();
        for term in terms {
            *self.described.entry(term).or_default() += 1;
            for word in &name {
                *self.together.entry((term, *word)).or_default() += 1;
            }
        }
    }

    pub fn build(self) -> Lexicon {
        let mut lexicon: HashMap<u32, Vec<(u32, f32)>> = HashMap::new();
        for ((term, word), together) in self.together {
            let described = self.described.get(&term).copied().unwrap_or(1);
            let share = f64::from(together) / f64::from(described);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a share needs no more digits"
            )]
            let share = share as f32;
            if described <= COMMON && share >= SURE {
                lexicon.entry(term).or_default().push((word, share));
            }
        }
        Lexicon(lexicon)
    }
}
