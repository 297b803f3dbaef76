//! The index: which words occur where, which tables are similar, and which join.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::Node;
use super::word_lists::WordLists;
use super::{joins, lexicon};

/// The words and shapes of a document, by positions in it. The only texts are single words.
pub struct IndexData {
    pub lists: Arc<WordLists>,
    pub terms: HashMap<Box<str>, u32>,
    /// The first node of each table, and a last entry for the end.
    pub first_node: Vec<u32>,
    /// Columns and nested fields, parents before their fields, table by table.
    pub nodes: Vec<Node>,
    /// The sorted hashes of the leaves, by table.
    pub leaf_hashes: Vec<Box<[u64]>>,
    /// Where each term occurs in each table.
    pub table_words: Postings<TableWord>,
    /// The nodes with a term in their name.
    pub node_names: Postings<u32>,
    /// The nodes with a term in their description.
    pub node_descriptions: Postings<u32>,
    /// The rarity of each term among groups of similar tables; `node_rarity` among column names.
    pub table_rarity: Vec<f32>,
    pub node_rarity: Vec<f32>,
    pub datasets: Vec<String>,
    /// The dataset of each table.
    pub dataset: Vec<u32>,
    /// For each table, the group of tables of its dataset with the same columns; `alike` with similar ones.
    pub same: Vec<u32>,
    pub alike: Vec<u32>,
    pub joins: Vec<Vec<joins::Join>>,
    pub lexicon: lexicon::Lexicon,
    /// The sorted words of each example.
    pub examples: Vec<Vec<u32>>,
    pub meaning: MeaningWords,
    /// The average number of words of the columns of a table.
    pub mean_width: f32,
}

/// The words of each term of the glossary and of each metric's name, in the order of the document.
#[derive(Debug, Default)]
pub struct MeaningWords {
    pub glossary: Vec<Vec<u32>>,
    pub metrics: Vec<Vec<u32>>,
}

/// How often a word occurs in each part of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableWord {
    pub table: u32,
    pub name: u8,
    pub dataset: u8,
    pub description: u8,
    pub columns: u8,
    pub column_descriptions: u8,
    pub examples: u8,
}

/// Lists by term, stored consecutively.
pub struct Postings<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default + PartialEq> Postings<T> {
    /// Builds lists from pairs in which the items of each term are sorted. Duplicates are dropped.
    pub fn new(pairs: &[(u32, T)], terms: usize) -> Self {
        let mut starts = vec![0_u32; terms + 1];
        let mut last: Vec<Option<T>> = vec![None; terms];
        for (term, item) in pairs {
            if last[*term as usize].replace(*item) != Some(*item) {
                starts[*term as usize + 1] += 1;
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut items = vec![T::default(); starts[terms] as usize];
        let mut next = starts.clone();
        last.fill(None);
        for (term, item) in pairs {
            if last[*term as usize].replace(*item) != Some(*item) {
                let next = &mut next[*term as usize];
                items[*next as usize] = *item;
                *next += 1;
            }
        }
        Self { starts, items }
    }

    pub fn of(&self, term: u32) -> &[T] {
        let term = term as usize;
        &self.items[self.starts[term] as usize..self.starts[term + 1] as usize]
    }
}

impl IndexData {
    pub fn nodes_of(&self, table: usize) -> std::ops::Range<usize> {
        self.first_node[table] as usize..self.first_node[table + 1] as usize
    }
}
