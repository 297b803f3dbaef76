//! Chooses what fits the budget: many tables with a few columns first, then column by column.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};

use schema::document::Document;

use super::card::Card;
use super::descriptions::Descriptions;
use super::index::IndexData;
use super::numbers::id;
use super::rank::{self, Question, Ranked};
use super::render;
use super::request::Format;
use super::role::ColumnRole;
use super::weights::Weights;

/// Hardly any column takes fewer characters.
const SHORTEST: usize = 12;

/// The next column of a card, and its value.
struct NextColumn {
    value: f32,
    card: usize,
}

impl Ord for NextColumn {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.value.total_cmp(&other.value);
        by_value.then_with(|| other.card.cmp(&self.card))
    }
}

impl PartialOrd for NextColumn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for NextColumn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for NextColumn {}

/// A step that can be undone.
enum Step {
    Card,
    Table(usize),
    Leaf(usize, usize),
}

pub struct Choice<'a> {
    pub cards: Vec<Card>,
    pub ranked: &'a [Ranked],
    index: &'a IndexData,
    document: &'a Document,
    weights: &'a Weights,
    format: Format,
    node_scores: Vec<f32>,
    steps: Vec<(Step, usize)>,
    /// The estimated length so far, in characters.
    price: usize,
    /// How many tables of `ranked`, from the first on, are on cards.
    next: usize,
    /// The card of each group of similar tables.
    card_of: HashMap<u32, usize>,
}

impl<'a> Choice<'a> {
    pub fn new(
        index: &'a IndexData,
        document: &'a Document,
        weights: &'a Weights,
        format: Format,
        question: &Question,
        ranked: &'a [Ranked],
    ) -> Self {
        Self {
            cards: Vec::new(),
            ranked,
            index,
            document,
            weights,
            format,
            node_scores: rank::nodes(index, question, weights),
            steps: Vec::new(),
            price: 0,
            next: 0,
            card_of: HashMap::new(),
        }
    }

    /// Takes all tables and columns, on cards of equal tables.
    pub fn take_all(&mut self) {
        let mut card_of: HashMap<u32, usize> = HashMap::new();
        for (position, ranked) in self.ranked.iter().enumerate() {
            let group = self.index.same[ranked.table];
            if self.format == Format::Text
                && let Some(card) = card_of.get(&group)
            {
                self.cards[*card].tables.push(ranked.table);
                self.cards[*card].more.push(0);
                continue;
            }
            card_of.insert(group, self.cards.len());
            let mut card = self.card(position);
            card.taken = card.leaves.len();
            card.has_older = true;
            self.cards.push(card);
        }
        self.next = self.ranked.len();
    }

    /// A lower bound for the length of all tables and columns, in characters.
    pub fn least(&self) -> usize {
        let mut seen = HashSet::new();
        let mut least = 0;
        for ranked in self.ranked {
            least += self.short_name(ranked.table);
            if seen.insert(self.index.same[ranked.table]) || self.format != Format::Text {
                let nodes = &self.index.nodes[self.index.nodes_of(ranked.table)];
                least += nodes
                    .iter()
                    .map(|node| usize::from(node.name_length) + 1)
                    .sum::<usize>();
            }
        }
        least
    }

    /// Fills up to an estimated `limit` of characters. The most relevant table is always included.
    pub fn fill(&mut self, limit: usize) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a small number"
        )]
        let thin = (limit as f32 * self.weights.thin_share) as usize;
        if self.next == 0 {
            self.add_card(limit);
        }
        while self.add_card(thin) {}
        self.add_columns(limit);
        // Uses what remains when all columns of these tables are included.
        while self.add_card(limit) {}
        self.add_columns(limit);
    }

    /// Adds the next table by rank, with a few columns if they fit. No table is skipped for a smaller one,
    /// so that a larger budget never loses a table.
    fn add_card(&mut self, limit: usize) -> bool {
        let Some(table) = self.ranked.get(self.next).map(|ranked| ranked.table) else {
            return false;
        };
        let known = self.card_of.get(&self.index.alike[table]).copied();
        if let Some(card) = known.filter(|_| self.format == Format::Text) {
            let first = self.cards[card].tables[0];
            let more = more(self.index, first, table);
            let price = self.short_name(table) + 2 + self.exceptions(first, table, more);
            if self.price + price > limit {
                return false;
            }
            self.cards[card].tables.push(table);
            self.cards[card].more.push(more);
            self.next += 1;
            self.push_step(Step::Table(card), price);
            return true;
        }
        let card = self.card(self.next);
        let price = self.head(&card);
        if self.price + price > limit && !self.cards.is_empty() {
            return false;
        }
        let at = self.cards.len();
        self.card_of.insert(self.index.alike[table], at);
        self.cards.push(card);
        self.next += 1;
        self.push_step(Step::Card, price);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a handful"
        )]
        let thin = self.weights.thin_columns as usize;
        while let Some((leaf, _)) = self.cards[at].leaves.get(self.cards[at].taken) {
            let is_needed = self.index.nodes[*leaf as usize].role == ColumnRole::Needed;
            if self.cards[at].taken >= thin && !is_needed {
                break;
            }
            let before = self.steps.len();
            self.take_leaf(at);
            if self.price > limit {
                self.undo_to(before);
                break;
            }
        }
        true
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
            Some(NextColumn { value, card: at })
        };
        let cards = self.cards.iter().enumerate();
        let mut queue: BinaryHeap<NextColumn> =
            cards.filter_map(|(at, card)| next(card, at)).collect();
        while let Some(NextColumn { card: at, .. }) = queue.pop() {
            let before = self.steps.len();
            self.take_leaf(at);
            if self.price <= limit {
                queue.extend(next(&self.cards[at], at));
                continue;
            }
            // This card is done; the next column of another may be shorter.
            self.undo_to(before);
            if limit.saturating_sub(self.price) < SHORTEST {
                return;
            }
        }
    }

    /// Undoes the last steps, at least `characters`, but keeps the most relevant table. Returns false if
    /// there is nothing else to undo.
    pub fn undo_at_least(&mut self, characters: usize) -> bool {
        let goal = self.price.saturating_sub(characters.max(1));
        let before = self.steps.len();
        while self.price > goal && self.steps.len() > 1 {
            self.undo_to(self.steps.len() - 1);
        }
        self.steps.len() < before
    }

    /// Keeps only the name of the most relevant table.
    pub fn keep_name_only(&mut self) {
        self.undo_to(1);
        for card in &mut self.cards {
            card.is_bare = true;
        }
    }

    pub fn clear(&mut self) {
        self.undo_to(0);
    }

    pub fn price(&self) -> usize {
        self.price
    }

    fn card(&self, position: usize) -> Card {
        let Ranked { table, score, .. } = self.ranked[position];
        Card {
            tables: vec![table],
            more: Vec::new(),
            score,
            leaves: rank::leaves(self.index, table, &self.node_scores, self.weights),
            taken: 0,
            has_older: false,
            is_bare: false,
            keys: self.keys(table),
            written: Vec::new(),
        }
    }

    /// The estimated length of each declared key, charged with the first of its columns.
    fn keys(&self, position: usize) -> Vec<(u32, usize)> {
        let table = &self.document.tables[position];
        let mut keys: Vec<(u32, usize)> = Vec::new();
        let foreign = table.foreign_keys.iter().map(|key| &key.columns);
        for columns in foreign.chain([&table.primary_key]) {
            let Some(first) = columns.first() else {
                continue;
            };
            let range = self.index.nodes_of(position);
            let tops = range.filter(|node| self.index.nodes[*node].parent as usize == *node);
            let mut tops = tops.zip(&table.columns);
            if let Some((node, _)) = tops.find(|(_, column)| column.name == *first) {
                let names = columns.iter().map(|name| name.chars().count() + 2);
                keys.push((id(node), names.sum::<usize>() * 2 + 20));
            }
        }
        keys
    }

    fn push_step(&mut self, step: Step, price: usize) {
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
                        self.card_of.remove(&self.index.alike[card.tables[0]]);
                    }
                    self.next -= 1;
                }
                Step::Table(card) => {
                    self.cards[card].tables.pop();
                    self.cards[card].more.pop();
                    self.next -= 1;
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
        let card = &self.cards[at];
        let (leaf, _) = card.leaves[card.taken];
        let written = card.written.len();
        let keys = card.keys.iter().filter(|(node, _)| *node == leaf);
        let mut price = keys.map(|(_, price)| price).sum();
        let mut node = leaf;
        loop {
            let info = &self.index.nodes[node as usize];
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
        self.push_step(Step::Leaf(at, written), price);
    }

    fn short_name(&self, table: usize) -> usize {
        self.document.tables[table].own_name().chars().count() + 1
    }

    /// The estimated length of a table's exceptions on a card, in characters.
    fn exceptions(&self, first: usize, table: usize, more: usize) -> usize {
        let of_first = self.index.leaf_hashes[first].len();
        let common = self.index.leaf_hashes[table].len() - more;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a handful"
        )]
        let shown = self.weights.thin_columns as usize;
        let missing = (of_first.saturating_sub(common) * shown).div_ceil(of_first.max(1));
        let not = if missing > 0 { 4 + 14 * missing } else { 0 };
        not + if more > 0 { 6 } else { 0 }
    }

    /// The length of a card without columns, in characters.
    fn head(&self, card: &Card) -> usize {
        let cards = std::slice::from_ref(card);
        let none = Descriptions::default();
        let head = render::cards(self.document, self.index, cards, self.format, &none);
        head.text.chars().count()
    }
}

fn more(index: &IndexData, first: usize, table: usize) -> usize {
    if index.same[table] == index.same[first] {
        return 0;
    }
    let known = &index.leaf_hashes[first];
    let own = index.leaf_hashes[table].iter();
    own.filter(|hash| known.binary_search(hash).is_err())
        .count()
}
