//! The index: which words stand where, which tables are alike, and which join.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use schema_sync::document::{Column, Dialect, Document, Mode, Table};
use schema_sync::render::identifier;

use super::lists::Lists;
use super::{groups, joins, lexicon, words};

/// The words and shapes of a document, by positions in it: no text of it is kept but single words.
pub struct Parts {
    pub lists: Arc<Lists>,
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

pub struct Node {
    /// In characters.
    pub name_length: u16,
    /// Of the type, in characters; and its hash, with the mode.
    pub type_length: u16,
    pub type_hash: u32,
    pub words: u8,
    pub depth: u8,
    pub kind: Kind,
    /// Whether the name is that of a key.
    pub is_key: bool,
    /// Whether the name is an identifier as it is, without quotes.
    pub is_bare: bool,
    pub is_leaf: bool,
    pub is_repeated: bool,
    /// The node it is a field of; itself at the top.
    pub parent: u32,
    /// Equal for one path of one type, whichever table it is in.
    pub hash: u64,
}

/// What a column is likely to be for, by its name and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A query fails without it, or is planned by it: a declared key, a partition, a cluster.
    Needed,
    Key,
    Date,
    Label,
    Other,
}

/// How often a word stands in the parts of a table.
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

/// Lists by term, one after another.
pub struct Postings<T> {
    starts: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy + Default + PartialEq> Postings<T> {
    /// Of pairs in which the items of a term are in their order; each is kept once.
    fn new(pairs: &[(u32, T)], terms: usize) -> Self {
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

impl Parts {
    pub fn nodes_of(&self, table: usize) -> std::ops::Range<usize> {
        self.first_node[table] as usize..self.first_node[table + 1] as usize
    }
}

#[derive(Default)]
struct Terms {
    of: HashMap<Box<str>, u32>,
    /// By term: whether it is a pair of characters.
    is_pair: Vec<bool>,
    /// Of what stands between signs in texts: the same few words make most of them.
    chunks: HashMap<Box<str>, Box<[u32]>>,
}

impl Terms {
    fn of(&mut self, word: &str) -> u32 {
        if let Some(known) = self.of.get(word) {
            return *known;
        }
        let next = index(self.is_pair.len());
        self.of.insert(word.into(), next);
        self.is_pair.push(words::is_pair(word));
        next
    }

    fn of_text(&mut self, text: &str, lists: &Lists) -> Vec<u32> {
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

/// How many characters of one description are looked at.
const DESCRIPTION: usize = 1_024;

fn start(text: &str) -> &str {
    match text.char_indices().nth(DESCRIPTION) {
        None => text,
        Some((end, _)) => &text[..end],
    }
}

struct Builder<'a> {
    lists: &'a Lists,
    terms: Terms,
    /// Of names and texts that were taken apart: many tables share their columns.
    names: HashMap<&'a str, Named>,
    texts: HashMap<&'a str, Rc<[u32]>>,
    dialect: Dialect,
    nodes: Vec<Node>,
    node_names: Vec<(u32, u32)>,
    node_descriptions: Vec<(u32, u32)>,
    words: Vec<(u32, TableWord)>,
    /// By term: one past the place in `words` of the table that is read; less than those, nowhere.
    places: Vec<usize>,
    /// The place of that table's first word.
    first_word: usize,
    pairs: lexicon::Builder,
}

pub fn build(document: &Document, lists: Arc<Lists>) -> Parts {
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
    let examples: Vec<Vec<u32>> = document
        .examples
        .iter()
        .map(|example| {
            let mut words = builder.terms.of_text(start(&example.question), &lists);
            words.sort_unstable();
            words.dedup();
            words
        })
        .collect();
    let mut asked: HashMap<&str, Vec<u32>> = HashMap::new();
    for (example, words) in document.examples.iter().zip(&examples) {
        for table in &example.tables {
            asked.entry(table).or_default().extend(words);
        }
    }
    let mut first_node = Vec::with_capacity(tables.len() + 1);
    let mut datasets: Vec<String> = Vec::new();
    let mut dataset_of: HashMap<&str, u32> = HashMap::new();
    let mut dataset = Vec::with_capacity(tables.len());
    for (position, table) in tables.iter().enumerate() {
        first_node.push(index(builder.nodes.len()));
        let next = index(datasets.len());
        dataset.push(*dataset_of.entry(table.dataset()).or_insert_with(|| {
            datasets.push(table.dataset().to_owned());
            next
        }));
        let asked = asked.get(table.name.as_str());
        builder.first_word = builder.words.len();
        builder.table(table, asked.map_or(&[], Vec::as_slice));
        for (_, word) in &mut builder.words[builder.first_word..] {
            word.table = index(position);
        }
    }
    let widths = builder.words.iter();
    let widths = widths.map(|(_, word)| usize::from(word.columns)).sum();
    first_node.push(index(builder.nodes.len()));
    let terms = builder.terms.is_pair.len();
    let (same, alike) = groups::of(tables, &first_node, &builder.nodes, &dataset);
    let table_words = Postings::new(&std::mem::take(&mut builder.words), terms);
    let node_names = Postings::new(&std::mem::take(&mut builder.node_names), terms);
    let node_descriptions = Postings::new(&std::mem::take(&mut builder.node_descriptions), terms);
    let groups = distinct(alike.iter().copied());
    let table_rarity = (0..terms).map(|term| {
        let words = table_words.of(index(term));
        rarity(
            distinct(words.iter().map(|word| alike[word.table as usize])),
            groups,
        )
    });
    let table_rarity = table_rarity.collect();
    let names = distinct(builder.nodes.iter().map(|node| node.hash));
    let node_rarity = (0..terms).map(|term| {
        let nodes = node_names.of(index(term));
        let hashes = nodes.iter().map(|node| builder.nodes[*node as usize].hash);
        rarity(distinct(hashes), names)
    });
    let node_rarity = node_rarity.collect();
    let joins = joins::of(tables, &first_node, &builder.nodes, &dataset, &lists);
    let leaf_hashes = leaf_hashes(&first_node, &builder.nodes);
    Parts {
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

/// Never below zero; a word that is nowhere counts as one that is in one place.
fn rarity(within: usize, of: usize) -> f32 {
    (1.0 + (ratio(of, 1) + 1.0) / (ratio(within, 1) + 0.5)).ln()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of tables and columns are small"
)]
pub fn ratio(part: usize, of: usize) -> f32 {
    part as f32 / (of.max(1)) as f32
}

pub fn index(position: usize) -> u32 {
    u32::try_from(position).expect("a document of four gigabytes has fewer columns")
}

impl<'a> Builder<'a> {
    fn table(&mut self, table: &'a Table, asked: &[u32]) {
        let (dataset, name) = table.name.rsplit_once('.').unwrap_or(("", &table.name));
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
            self.means(&words, &name_words);
            for term in words.iter() {
                let count = self.count(*term);
                count.description = count.description.saturating_add(1);
            }
        }
        for term in asked {
            let count = self.count(*term);
            count.examples = count.examples.saturating_add(1);
        }
        for column in &table.columns {
            self.column(column, table, None, 0);
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

    fn means(&mut self, described: &[u32], name: &Rc<[u32]>) {
        let is_pair = |term: &u32| self.terms.is_pair[*term as usize];
        let pairs: Vec<u32> = described.iter().copied().filter(is_pair).collect();
        self.pairs.add(pairs, name);
    }

    fn words_of(&mut self, text: &'a str) -> Rc<[u32]> {
        let known = self.texts.entry(text);
        let words = known.or_insert_with(|| self.terms.of_text(text, self.lists).into());
        Rc::clone(words)
    }

    fn column(&mut self, column: &'a Column, table: &Table, parent: Option<u32>, depth: u8) {
        let node = index(self.nodes.len());
        let named = self.named(&column.name);
        let words = named.terms;
        let above = parent.map_or(0, |parent| self.nodes[parent as usize].hash);
        let kind = kind(column, table, depth, named.kind);
        self.nodes.push(Node {
            name_length: u16::try_from(column.name.chars().count()).unwrap_or(u16::MAX),
            type_length: u16::try_from(column.data_type.chars().count()).unwrap_or(u16::MAX),
            type_hash: type_hash(column),
            words: u8::try_from(words.len()).unwrap_or(u8::MAX),
            depth,
            kind,
            is_key: named.kind == Kind::Key,
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
            self.means(&described, &words);
            for term in described.iter() {
                self.node_descriptions.push((*term, node));
                let count = self.count(*term);
                count.column_descriptions = count.column_descriptions.saturating_add(1);
            }
        }
        for field in &column.fields {
            self.column(field, table, Some(node), depth.saturating_add(1));
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
            kind: kind_of_name(&last, self.lists),
            is_bare: identifier(name, self.dialect) == name,
        };
        self.names.insert(name, named.clone());
        named
    }
}

/// What a name alone tells.
#[derive(Clone)]
struct Named {
    terms: Rc<[u32]>,
    kind: Kind,
    is_bare: bool,
}

fn kind(column: &Column, table: &Table, depth: u8, named: Kind) -> Kind {
    let is = |name: &String| depth == 0 && *name == column.name;
    let partition = table
        .partitioning
        .as_ref()
        .map(|partition| &partition.column);
    let foreign = table.foreign_keys.iter().flat_map(|key| &key.columns);
    if partition.is_some_and(is)
        || table.clustering.iter().any(is)
        || table.primary_key.iter().any(is)
        || foreign.into_iter().any(is)
    {
        return Kind::Needed;
    }
    let starts = |start: &str| {
        let prefix = column.data_type.get(..start.len());
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(start))
    };
    match named {
        Kind::Key if !starts("FLOAT") => Kind::Key,
        Kind::Key => Kind::Other,
        _ if starts("DATE") || starts("TIME") => Kind::Date,
        other => other,
    }
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: the same on every machine.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(hash, step)
}

fn hash(above: u64, column: &Column) -> u64 {
    let named = fnv(FNV ^ above.rotate_left(17), column.name.as_bytes());
    let typed = fnv(fnv(named, &[0]), column.data_type.as_bytes());
    fnv(typed, &[u8::from(column.mode == Mode::Repeated)])
}

fn type_hash(column: &Column) -> u32 {
    let hash = fnv(FNV, column.data_type.as_bytes());
    let [a, b, c, d, ..] = fnv(hash, &[u8::from(column.mode == Mode::Repeated)]).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// By the last word of a name.
fn kind_of_name(last: &str, lists: &Lists) -> Kind {
    if lists.keys.contains(last) {
        Kind::Key
    } else if lists.dates.contains(last) {
        Kind::Date
    } else if lists.labels.contains(last) {
        Kind::Label
    } else {
        Kind::Other
    }
}
