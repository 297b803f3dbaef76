//! Builds the index of a document: splits names and descriptions into words, and records where each word
//! occurs.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use schema::Dialect;
use schema::document::{Column, Document, Mode, Table};
use schema::render::identifier;

use super::column_type;
use super::index::{IndexData, MeaningWords, Postings, TableWord};
use super::node::Node;
use super::numbers::{id, ratio};
use super::role::{ColumnRole, role, role_of_name};
use super::word_lists::WordLists;
use super::{groups, joins, lexicon, words};

#[derive(Default)]
struct Terms {
    of: HashMap<Box<str>, u32>,
    /// Whether each term is a bigram.
    is_pair: Vec<bool>,
    /// The terms of text chunks, because few different words make up most texts.
    chunks: HashMap<Box<str>, Box<[u32]>>,
}

impl Terms {
    fn of(&mut self, word: &str) -> u32 {
        if let Some(known) = self.of.get(word) {
            return *known;
        }
        let next = id(self.is_pair.len());
        self.of.insert(word.into(), next);
        self.is_pair.push(words::is_pair(word));
        next
    }

    fn of_text(&mut self, text: &str, lists: &WordLists) -> Vec<u32> {
        let mut terms = Vec::new();
        for chunk in words::chunks(&words::composed(text)) {
            if let Some(known) = self.chunks.get(chunk) {
                terms.extend_from_slice(known);
                continue;
            }
            let start = terms.len();
            words::each(chunk, lists, &mut |word| terms.push(self.of(word)));
            self.chunks.insert(chunk.into(), terms[start..].into());
        }
        terms
    }
}

/// How many characters of a description are indexed.
const DESCRIPTION: usize = 1_024;

fn start(text: &str) -> &str {
    match text.char_indices().nth(DESCRIPTION) {
        None => text,
        Some((end, _)) => &text[..end],
    }
}

struct Builder<'a> {
    lists: &'a WordLists,
    terms: Terms,
    /// Names and texts that were split before: many tables share their columns.
    names: HashMap<&'a str, Named>,
    texts: HashMap<&'a str, Rc<[u32]>>,
    dialect: Dialect,
    nodes: Vec<Node>,
    node_names: Vec<(u32, u32)>,
    node_descriptions: Vec<(u32, u32)>,
    words: Vec<(u32, TableWord)>,
    /// For each term, one past its position in `words` for the current table; smaller values are of earlier
    /// tables.
    places: Vec<usize>,
    /// The position of the current table's first word.
    first_word: usize,
    pairs: lexicon::Builder,
}

pub fn build(document: &Document, lists: Arc<WordLists>) -> IndexData {
    let tables = &document.tables;
    let mut builder = Builder {
        lists: &lists,
        terms: Terms::default(),
        names: HashMap::new(),
        texts: HashMap::new(),
        nodes: Vec::new(),
        node_names: Vec::new(),
        node_descriptions: Vec::new(),
        words: Vec::new(),
        places: Vec::new(),
        first_word: 0,
        dialect: document.source.dialect,
        pairs: lexicon::Builder::default(),
    };
    let examples = builder.examples(document);
    let (meaning, meaning_words) = builder.meaning(document);
    let mut example_words: HashMap<&str, Vec<u32>> = HashMap::new();
    for (example, words) in document.examples.iter().zip(&examples) {
        for table in &example.tables {
            example_words.entry(table).or_default().extend(words);
        }
    }
    let mut first_node = Vec::with_capacity(tables.len() + 1);
    let mut datasets: Vec<String> = Vec::new();
    let mut dataset_of: HashMap<&str, u32> = HashMap::new();
    let mut dataset = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        first_node.push(id(builder.nodes.len()));
        let next = id(datasets.len());
        dataset.push(*dataset_of.entry(table.dataset()).or_insert_with(|| {
            datasets.push(table.dataset().to_owned());
            next
        }));
        let of = |words: &HashMap<&str, Vec<u32>>| words.get(table.name.as_str()).cloned();
        builder.first_word = builder.words.len();
        builder.table(
            table,
            &of(&example_words).unwrap_or_default(),
            &of(&meaning_words).unwrap_or_default(),
        );
        for (_, word) in &mut builder.words[builder.first_word..] {
            word.table = id(position);
        }
    }
    let widths = builder.words.iter();
    let widths = widths.map(|(_, word)| usize::from(word.columns)).sum();
    first_node.push(id(builder.nodes.len()));
    let terms = builder.terms.is_pair.len();
    let (same, alike) = groups::of(tables, &first_node, &builder.nodes, &dataset);
    let table_words = Postings::new(&std::mem::take(&mut builder.words), terms);
    let node_names = Postings::new(&std::mem::take(&mut builder.node_names), terms);
    let node_descriptions = Postings::new(&std::mem::take(&mut builder.node_descriptions), terms);
    let groups = distinct(alike.iter().copied());
    let table_rarity = (0..terms).map(|term| {
        let words = table_words.of(id(term));
        rarity(
            distinct(words.iter().map(|word| alike[word.table as usize])),
            groups,
        )
    });
    let table_rarity = table_rarity.collect();
    let names = distinct(builder.nodes.iter().map(|node| node.hash));
    let node_rarity = (0..terms).map(|term| {
        let nodes = node_names.of(id(term));
        let hashes = nodes.iter().map(|node| builder.nodes[*node as usize].hash);
        rarity(distinct(hashes), names)
    });
    let node_rarity = node_rarity.collect();
    let joins = joins::of(tables, &first_node, &builder.nodes, &dataset, &lists);
    let leaf_hashes = leaf_hashes(&first_node, &builder.nodes);
    IndexData {
        leaf_hashes,
        lexicon: builder.pairs.build(),
        terms: builder.terms.of,
        first_node,
        nodes: builder.nodes,
        table_words,
        node_names,
        node_descriptions,
        table_rarity,
        node_rarity,
        datasets,
        dataset,
        same,
        alike,
        joins,
        examples,
        meaning,
        mean_width: ratio(widths, tables.len()).max(1.0),
        lists,
    }
}

fn leaf_hashes(first_node: &[u32], nodes: &[Node]) -> Vec<Box<[u64]>> {
    let tables = first_node.windows(2);
    let sorted = tables.map(|table| {
        let nodes = nodes[table[0] as usize..table[1] as usize].iter();
        let leaves = nodes.filter(|node| node.is_leaf);
        let mut hashes: Box<[u64]> = leaves.map(|node| node.hash).collect();
        hashes.sort_unstable();
        hashes
    });
    sorted.collect()
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> usize {
    let mut items: Vec<T> = items.collect();
    if items.len() < 2 {
        return items.len();
    }
    items.sort_unstable();
    items.dedup();
    items.len()
}

/// The inverse document frequency, never negative. A word without occurrences counts as having one.
fn rarity(within: usize, of: usize) -> f32 {
    (1.0 + (ratio(of, 1) + 1.0) / (ratio(within, 1) + 0.5)).ln()
}

impl<'a> Builder<'a> {
    /// The words of each example's question.
    fn examples(&mut self, document: &Document) -> Vec<Vec<u32>> {
        let questions = document.examples.iter().map(|example| {
            let question = start(&example.question);
            let mut words = self.terms.of_text(question, self.lists);
            words.sort_unstable();
            words.dedup();
            words
        });
        questions.collect()
    }

    /// The words of the glossary and metrics, and for each table the words of what people wrote about it.
    fn meaning(&mut self, document: &'a Document) -> (MeaningWords, HashMap<&'a str, Vec<u32>>) {
        let mut of_tables: HashMap<&str, Vec<u32>> = HashMap::new();
        let mut words = MeaningWords::default();
        for term in &document.meaning.glossary {
            let own = self.all_words(&term.term);
            if term.error.is_none() {
                for table in &term.tables {
                    let of_table = of_tables.entry(table).or_default();
                    of_table.extend(&own);
                    of_table.extend(self.terms.of_text(start(&term.meaning), self.lists));
                }
            }
            words.glossary.push(own);
        }
        for metric in &document.meaning.metrics {
            let own = self.all_words(&metric.name);
            if metric.error.is_none() {
                let of_table = of_tables.entry(&metric.table).or_default();
                of_table.extend(&own);
                let description = metric.description.as_deref().unwrap_or_default();
                of_table.extend(self.terms.of_text(start(description), self.lists));
            }
            words.metrics.push(own);
        }
        (words, of_tables)
    }

    /// The words of a text without stop words.
    fn all_words(&mut self, text: &str) -> Vec<u32> {
        let mut found = Vec::new();
        let (terms, lists) = (&mut self.terms, self.lists);
        words::each(&words::composed(text), lists, &mut |word| {
            if !lists.is_empty_word(word) {
                found.push(terms.of(word));
            }
        });
        found
    }

    fn table(&mut self, table: &'a Table, example_words: &[u32], meaning_words: &[u32]) {
        let (dataset, name) = (table.dataset(), table.own_name());
        let name_words = self.named(name).terms;
        for term in name_words.iter() {
            let count = self.count(*term);
            count.name = count.name.saturating_add(1);
        }
        for term in self.named(dataset).terms.iter() {
            self.count(*term).dataset = 1;
        }
        if let Some(description) = &table.description {
            let words = self.words_of(start(description));
            self.add_meaning(&words, &name_words);
            for term in words.iter() {
                let count = self.count(*term);
                count.description = count.description.saturating_add(1);
            }
        }
        for term in meaning_words {
            let count = self.count(*term);
            count.description = count.description.saturating_add(1);
        }
        for term in example_words {
            let count = self.count(*term);
            count.examples = count.examples.saturating_add(1);
        }
        let partitions = table.partition_columns();
        for column in &table.columns {
            self.column(column, table, &partitions, None, 0);
        }
    }

    fn count(&mut self, term: u32) -> &mut TableWord {
        let term_at = term as usize;
        if self.places.len() <= term_at {
            self.places.resize(term_at + 1, 0);
        }
        let place = &mut self.places[term_at];
        if *place <= self.first_word {
            self.words.push((term, TableWord::default()));
            *place = self.words.len();
        }
        &mut self.words[*place - 1].1
    }

    fn add_meaning(&mut self, described: &[u32], name: &Rc<[u32]>) {
        let is_pair = |term: &u32| self.terms.is_pair[*term as usize];
        let pairs: Vec<u32> = described.iter().copied().filter(is_pair).collect();
        self.pairs.add(pairs, name);
    }

    fn words_of(&mut self, text: &'a str) -> Rc<[u32]> {
        let known = self.texts.entry(text);
        let words = known.or_insert_with(|| self.terms.of_text(text, self.lists).into());
        Rc::clone(words)
    }

    fn column(
        &mut self,
        column: &'a Column,
        table: &Table,
        partitions: &[&Column],
        parent: Option<u32>,
        depth: u8,
    ) {
        let node = id(self.nodes.len());
        let named = self.named(&column.name);
        let words = named.terms;
        let above = parent.map_or(0, |parent| self.nodes[parent as usize].hash);
        let role = role(column, table, partitions, depth, named.role);
        self.nodes.push(Node {
            name_length: u16::try_from(column.name.chars().count()).unwrap_or(u16::MAX),
            type_length: u16::try_from(column_type::length(column, self.dialect))
                .unwrap_or(u16::MAX),
            type_hash: type_hash(column),
            words: u8::try_from(words.len()).unwrap_or(u8::MAX),
            depth,
            role,
            is_key: named.role == ColumnRole::Key,
            is_bare: named.is_bare,
            is_leaf: column.fields.is_empty(),
            is_repeated: column.mode == Mode::Repeated,
            parent: parent.unwrap_or(node),
            hash: hash(above, column),
        });
        for term in words.iter() {
            self.node_names.push((*term, node));
            let count = self.count(*term);
            count.columns = count.columns.saturating_add(1);
        }
        if let Some(description) = &column.description {
            let described = self.words_of(start(description));
            self.add_meaning(&described, &words);
            for term in described.iter() {
                self.node_descriptions.push((*term, node));
                let count = self.count(*term);
                count.column_descriptions = count.column_descriptions.saturating_add(1);
            }
        }
        for field in &column.fields {
            self.column(
                field,
                table,
                partitions,
                Some(node),
                depth.saturating_add(1),
            );
        }
    }

    fn named(&mut self, name: &'a str) -> Named {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let mut terms = Vec::new();
        let mut last = String::new();
        words::each_of_name(name, self.lists, &mut |word| {
            terms.push(self.terms.of(word));
            word.clone_into(&mut last);
        });
        let named = Named {
            terms: terms.into(),
            role: role_of_name(&last, self.lists),
            is_bare: identifier(name, self.dialect) == name,
        };
        self.names.insert(name, named.clone());
        named
    }
}

/// What is known from a name alone.
#[derive(Clone)]
struct Named {
    terms: Rc<[u32]>,
    role: ColumnRole,
    is_bare: bool,
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, which is the same on every machine.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(hash, step)
}

fn hash(above: u64, column: &Column) -> u64 {
    let named = fnv(FNV ^ above.rotate_left(17), column.name.as_bytes());
    let typed = fnv(fnv(named, &[0]), column_type::key(column).as_bytes());
    fnv(typed, &[u8::from(column.mode == Mode::Repeated)])
}

fn type_hash(column: &Column) -> u32 {
    let hash = fnv(FNV, column_type::key(column).as_bytes());
    let [a, b, c, d, ..] = fnv(hash, &[u8::from(column.mode == Mode::Repeated)]).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
