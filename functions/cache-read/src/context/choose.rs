//! What goes into the budget: many tables thinly before few in full, then column by column.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use schema_sync::document::Document;

use super::Format;
use super::index::Parts;
use super::rank::{self, Question, Ranked};
use super::weights::Weights;

/// One or more tables that are shown with one list of columns.
pub struct Card {
    /// The best first; the others have, but for exceptions, its columns.
    pub tables: Vec<usize>,
    pub score: f32,
    /// Of the first table: its leaves, most wanted first, and how many of them are taken.
    pub leaves: Vec<(u32, f32)>,
    pub taken: usize,
    /// What was written already, and need not be again: a type in a group of fields, a parent.
    written: Vec<(u32, u64)>,
}

impl Card {
    /// In the order of the table.
    pub fn nodes(&self) -> Vec<u32> {
        let mut nodes: Vec<u32> = self.leaves[..self.taken]
            .iter()
            .map(|leaf| leaf.0)
            .collect();
        nodes.sort_unstable();
        nodes
    }
}

/// In characters: hardly any column takes less.
const SHORTEST: usize = 12;

/// The next column of a card, and what it is worth.
struct Wanted {
    value: f32,
    card: usize,
}

impl Ord for Wanted {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.value.total_cmp(&other.value);
        by_value.then_with(|| other.card.cmp(&self.card))
    }
}

impl PartialOrd for Wanted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Wanted {}

/// What was done, in order, and its estimated price in characters.
enum Step {
    Card,
    Table(usize),
    Leaf(usize, usize),
}

pub struct Choice<'a> {
    pub cards: Vec<Card>,
    pub ranked: &'a [Ranked],
    parts: &'a Parts,
    document: &'a Document,
    weights: &'a Weights,
    format: Format,
    node_scores: Vec<f32>,
    steps: Vec<(Step, usize)>,
    /// In characters, estimated.
    price: usize,
    /// How far down `ranked` the cards go.
    next: usize,
    /// By group of alike tables: its card.
    card_of: HashMap<u32, usize>,
}

impl<'a> Choice<'a> {
    pub fn new(
        parts: &'a Parts,
        document: &'a Document,
        weights: &'a Weights,
        format: Format,
        question: &Question,
        ranked: &'a [Ranked],
    ) -> Self {
        Self {
            cards: Vec::new(),
            ranked,
            parts,
            document,
            weights,
            format,
            node_scores: rank::nodes(parts, question, weights),
            steps: Vec::new(),
            price: 0,
            next: 0,
            card_of: HashMap::new(),
        }
    }

    /// All tables and columns, on cards that are exact.
    pub fn take_all(&mut self) {
        let mut card_of: HashMap<u32, usize> = HashMap::new();
        for (position, ranked) in self.ranked.iter().enumerate() {
            let group = self.parts.same[ranked.table];
            if self.format == Format::Text
                && let Some(card) = card_of.get(&group)
            {
                self.cards[*card].tables.push(ranked.table);
                continue;
            }
            card_of.insert(group, self.cards.len());
            let mut card = self.card(position);
            card.taken = card.leaves.len();
            self.cards.push(card);
        }
        self.next = self.ranked.len();
    }

    /// The least that all tables and columns take, in characters.
    pub fn least(&self) -> usize {
        let mut seen = HashSet::new();
        let mut least = 0;
        for ranked in self.ranked {
            let name = &self.document.tables[ranked.table].name;
            least += name.len() - self.document.tables[ranked.table].dataset().len();
            if seen.insert(self.parts.same[ranked.table]) || self.format != Format::Text {
                let nodes = &self.parts.nodes[self.parts.nodes_of(ranked.table)];
                least += nodes
                    .iter()
                    .map(|node| usize::from(node.name_length) + 1)
                    .sum::<usize>();
            }
        }
        least
    }

    /// Fills up to `limit` characters, estimated.
    pub fn fill(&mut self, limit: usize) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a small number"
        )]
        let thin = (limit as f32 * self.weights.thin_share) as usize;
        self.add_cards(thin);
        self.add_columns(limit);
        // What is left when every column of these tables is there.
        self.add_cards(limit);
        self.add_columns(limit);
    }

    fn add_cards(&mut self, limit: usize) {
        while self.next < self.ranked.len() {
            let table = self.ranked[self.next].table;
            let group = self.parts.alike[table];
            let known = self.card_of.get(&group).copied();
            let known = known.filter(|_| self.format == Format::Text);
            let before = self.steps.len();
            match known {
                Some(card) => {
                    let price = self.short_name(table) + 2;
                    self.cards[card].tables.push(table);
                    self.did(Step::Table(card), price);
                }
                None => {
                    let card = self.card(self.next);
                    let at = self.cards.len();
                    self.card_of.insert(group, at);
                    self.cards.push(card);
                    let price = self.head(table);
                    self.did(Step::Card, price);
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a handful"
                    )]
                    let thin = self.weights.thin_columns as usize;
                    while self.cards[at].taken < self.cards[at].leaves.len() {
                        let card = &self.cards[at];
                        let needed = card.leaves[card.taken].1 >= 1_000.0;
                        if card.taken >= thin && !needed {
                            break;
                        }
                        self.take_leaf(at);
                    }
                }
            }
            self.next += 1;
            if self.price > limit {
                self.undo_to(before);
                break;
            }
        }
    }

    fn add_columns(&mut self, limit: usize) {
        let top = self
            .ranked
            .first()
            .map_or(1.0, |best| best.score.max(0.001));
        let factors: Vec<f32> = self
            .cards
            .iter()
            .map(|card| (card.score.max(0.001) / top).powf(self.weights.rank))
            .collect();
        let next = |card: &Card, at: usize| {
            let (_, score) = card.leaves.get(card.taken)?;
            let value = factors[at] * (score + 0.2);
            Some(Wanted { value, card: at })
        };
        let cards = self.cards.iter().enumerate();
        let mut wanted: BinaryHeap<Wanted> =
            cards.filter_map(|(at, card)| next(card, at)).collect();
        while let Some(Wanted { card: at, .. }) = wanted.pop() {
            let before = self.steps.len();
            self.take_leaf(at);
            if self.price <= limit {
                wanted.extend(next(&self.cards[at], at));
                continue;
            }
            // No more for this card; another's next column may be shorter.
            self.undo_to(before);
            if limit.saturating_sub(self.price) < SHORTEST {
                return;
            }
        }
    }

    /// Gives back what was taken last, at least so many characters.
    pub fn give_back(&mut self, characters: usize) {
        let goal = self.price.saturating_sub(characters.max(1));
        while self.price > goal && !self.steps.is_empty() {
            self.undo_to(self.steps.len() - 1);
        }
    }

    pub fn price(&self) -> usize {
        self.price
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn card(&self, position: usize) -> Card {
        let Ranked { table, score, .. } = self.ranked[position];
        Card {
            tables: vec![table],
            score,
            leaves: rank::leaves(self.parts, table, &self.node_scores, self.weights),
            taken: 0,
            written: Vec::new(),
        }
    }

    fn did(&mut self, step: Step, price: usize) {
        self.price += price;
        self.steps.push((step, price));
    }

    fn undo_to(&mut self, steps: usize) {
        while self.steps.len() > steps {
            let Some((step, price)) = self.steps.pop() else {
                return;
            };
            self.price -= price;
            match step {
                Step::Card => {
                    if let Some(card) = self.cards.pop() {
                        self.card_of.remove(&self.parts.alike[card.tables[0]]);
                    }
                }
                Step::Table(card) => {
                    self.cards[card].tables.pop();
                }
                Step::Leaf(card, written) => {
                    let card = &mut self.cards[card];
                    card.taken -= 1;
                    card.written.truncate(written);
                }
            }
        }
    }

    fn take_leaf(&mut self, at: usize) {
        let (leaf, _) = self.cards[at].leaves[self.cards[at].taken];
        let written = self.cards[at].written.len();
        let mut price = 0;
        let mut node = leaf;
        loop {
            let info = &self.parts.nodes[node as usize];
            let is_top = info.parent == node;
            let group = if is_top { u32::MAX } else { info.parent };
            let card = &mut self.cards[at];
            price += usize::from(info.name_length) + 2;
            match self.format {
                Format::Text if info.is_leaf => {
                    let key = (group, u64::from(info.type_hash));
                    if !card.written.contains(&key) {
                        card.written.push(key);
                        price += usize::from(info.type_length)
                            + 2
                            + if info.is_repeated { 7 } else { 0 };
                    }
                }
                Format::Text => price += if info.is_repeated { 8 } else { 2 },
                Format::Ddl => {
                    price += usize::from(info.type_length) + 4 + 2 * usize::from(info.depth);
                }
                Format::Json => price += usize::from(info.type_length) + 26,
            }
            if is_top {
                break;
            }
            node = info.parent;
            let key = (node, u64::MAX);
            if card.written.contains(&key) {
                break;
            }
            card.written.push(key);
        }
        self.cards[at].taken += 1;
        self.did(Step::Leaf(at, written), price);
    }

    fn short_name(&self, table: usize) -> usize {
        let table = &self.document.tables[table];
        table.name.len() - table.dataset().len()
    }

    fn head(&self, table: usize) -> usize {
        let table = &self.document.tables[table];
        let partition = table.partitioning.as_ref().map_or(0, |partition| {
            partition.column.len()
                + partition.unit.len()
                + if table.require_partition_filter {
                    34
                } else {
                    16
                }
        });
        let shards = table.shards.as_ref().map_or(0, |_| 48);
        let keys: usize = table.primary_key.iter().map(|key| key.len() + 4).sum();
        let foreign: usize = table
            .foreign_keys
            .iter()
            .map(|key| key.columns.iter().map(|name| name.len() + 2).sum::<usize>() + 40)
            .sum();
        let format = match self.format {
            Format::Text => 8,
            Format::Ddl => 30,
            Format::Json => 50,
        };
        table.name.chars().count() + partition + shards + keys + foreign + format
    }
}
