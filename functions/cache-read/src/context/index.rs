//! The index: which words stand where, which tables are alike, and which join.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::Node;
use super::word_lists::WordLists;
use super::{joins, lexicon};

/// The words and shapes of a document, by positions in it: no text of it is kept but single words.
pub struct IndexData {
    pub lists: Arc<WordLists>,
    pub terms: HashMap<Box<str>, u32>,
    /// Of each table; a position past the last node closes the last.
    pub first_node: Vec<u32>,
    /// Columns and nested fields, parents before their fields, table by table.
    pub nodes: Vec<Node>,
    /// By table: the hashes of its leaves, sorted.
    pub leaf_hashes: Vec<Box<[u64]>>,
    /// By term, then by table.
    pub table_words: Postings<TableWord>,
    /// By term: the nodes that have it in their name.
    pub node_names: Postings<u32>,
    /// By term: the nodes that have it in their description.
    pub node_descriptions: Postings<u32>,
    /// By term: how rare it is among groups of alike tables, and among names of columns.
    pub table_rarity: Vec<f32>,
    pub node_rarity: Vec<f32>,
    pub datasets: Vec<String>,
    /// By table.
    pub dataset: Vec<u32>,
    /// By table: the group of tables of its dataset with the same columns, and with nearly the
    /// same.
    pub same: Vec<u32>,
    pub alike: Vec<u32>,
    pub joins: Vec<Vec<joins::Join>>,
    pub lexicon: lexicon::Lexicon,
    /// By example: its words, sorted.
    pub examples: Vec<Vec<u32>>,
    /// Of the words that tables have, on average.
    pub mean_width: f32,
}

/// How often a word occurs in the parts of a table.
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

/// WordLists by term, one after another.
pub struct Postings<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default + PartialEq> Postings<T> {
    /// Of pairs in which the items of a term are in their order; each is kept once.
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
