//! Renders cards: tables as text for a model, with the chosen columns.

use std::collections::HashSet;
use std::fmt::Write as _;

use schema::Dialect;
use schema::document::{Column, Document, Mode, Table};
use schema::name::TableName;
use schema::render::{self, identifier, plain, table_name};

use super::answer::ChosenTable;
use super::card::Card;
use super::column_type::{self, column_type};
use super::descriptions::Descriptions;
use super::facts::{self, facts};
use super::index::IndexData;
use super::numbers::id;
use super::older;
use super::paths::Paths;
use super::request::Format;

/// How many exceptions of a table on a card are named; the others are counted.
const EXCEPTIONS: usize = 6;

/// A chosen column of a card's first table, with its chosen fields.
struct ChosenColumn<'a> {
    column: &'a Column,
    node: u32,
    fields: Vec<ChosenColumn<'a>>,
}

fn chosen_columns<'a>(
    columns: &'a [Column],
    node: &mut u32,
    chosen: &[u32],
) -> Vec<ChosenColumn<'a>> {
    let mut all = Vec::new();
    for column in columns {
        let own = *node;
        *node += 1;
        let fields = chosen_columns(&column.fields, node, chosen);
        if !fields.is_empty() || chosen.binary_search(&own).is_ok() {
            all.push(ChosenColumn {
                column,
                node: own,
                fields,
            });
        }
    }
    all
}

/// Rendered cards, and which notations the legend must explain.
#[derive(Default)]
pub struct RenderedCards {
    pub text: String,
    pub has_left_out: bool,
    pub has_repeated: bool,
    pub has_alike: bool,
}

/// Renders cards. DDL and JSON include `descriptions`; in text they follow all cards.
pub fn cards(
    document: &Document,
    index: &IndexData,
    cards: &[Card],
    format: Format,
    descriptions: &Descriptions,
) -> RenderedCards {
    let mut all = RenderedCards::default();
    for card in cards {
        match format {
            Format::Text => all.card(document, index, card),
            Format::Ddl => all.ddl(document, index, card, descriptions),
            Format::Json => all.json(document, index, card, descriptions),
        }
    }
    all
}

impl RenderedCards {
    fn card(&mut self, document: &Document, index: &IndexData, card: &Card) {
        let dialect = document.source.dialect;
        let first = &document.tables[card.tables[0]];
        let nodes = card.nodes();
        let _ = write!(self.text, "{}", table_name(&first.parts, dialect));
        let facts = if card.is_bare {
            String::new()
        } else {
            facts(first, &shown_names(first, index, card), dialect)
        };
        if !facts.is_empty() {
            let _ = write!(self.text, " [{facts}]");
        }
        self.text.push('\n');
        if card.tables.len() > 1 {
            self.has_alike = true;
            let first_position = card.tables[0];
            let paths = Paths::new(document, index, first_position);
            self.text.push_str("alike: ");
            for (position, table) in card.tables[1..].iter().enumerate() {
                if position > 0 {
                    self.text.push_str(", ");
                }
                let name = identifier(document.tables[*table].own_name(), dialect);
                self.text.push_str(&name);
                let more = card.more[position];
                self.has_left_out |= more > 0;
                let missing = missing(index, first_position, *table, &nodes);
                let missing: Vec<String> = missing.iter().map(|node| paths.path(*node)).collect();
                self.text.push_str(&exceptions(&missing, more));
            }
            self.text.push('\n');
        }
        let mut node = index.first_node[card.tables[0]];
        let shown = chosen_columns(&first.columns, &mut node, &nodes);
        self.group(&shown, index, dialect);
        for line in older_lines(first, card) {
            let _ = write!(self.text, "\n{line}");
        }
        let left_out = left_out(first, card);
        if left_out > 0 {
            self.has_left_out = true;
            let _ = write!(
                self.text,
                "{}+{left_out}",
                if shown.is_empty() { "" } else { "; " }
            );
        }
        self.text.push('\n');
    }

    /// `STRING: a, b; INT64: c; items ARRAY{..}; device{..}`.
    fn group(&mut self, shown: &[ChosenColumn<'_>], index: &IndexData, dialect: Dialect) {
        let mut groups: Vec<(&Column, Vec<&ChosenColumn<'_>>)> = Vec::new();
        for one in shown.iter().filter(|one| one.fields.is_empty()) {
            let column = one.column;
            let repeats = |column: &Column| column.mode == Mode::Repeated;
            let same = |group: &&mut (&Column, Vec<&ChosenColumn<'_>>)| {
                column_type::is_same(group.0, column) && repeats(group.0) == repeats(column)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.1.push(one),
                None => groups.push((column, vec![one])),
            }
        }
        let mut separator = "";
        for (first, columns) in groups {
            self.text.push_str(separator);
            separator = "; ";
            let data_type = column_type(first, dialect);
            if first.mode == Mode::Repeated {
                self.has_repeated = true;
                let _ = write!(self.text, "ARRAY<{data_type}>:");
            } else {
                let _ = write!(self.text, "{data_type}:");
            }
            for (position, one) in columns.iter().enumerate() {
                self.text.push_str(if position > 0 { ", " } else { " " });
                self.name(one, index, dialect);
            }
        }
        for one in shown.iter().filter(|one| !one.fields.is_empty()) {
            self.text.push_str(separator);
            separator = "; ";
            self.name(one, index, dialect);
            if one.column.mode == Mode::Repeated {
                self.has_repeated = true;
                self.text.push_str(" ARRAY");
            }
            self.text.push('{');
            self.group(&one.fields, index, dialect);
            self.text.push('}');
        }
    }

    fn name(&mut self, one: &ChosenColumn<'_>, index: &IndexData, dialect: Dialect) {
        let name = &one.column.name;
        if index.nodes[one.node as usize].is_bare {
            self.text.push_str(name);
        } else {
            self.text.push_str(&identifier(name, dialect));
        }
    }

    fn ddl(
        &mut self,
        document: &Document,
        index: &IndexData,
        card: &Card,
        descriptions: &Descriptions,
    ) {
        let table = pruned(document, index, card, descriptions);
        let statement = render::ddl(&table, document.source.dialect);
        self.text.push_str(statement.trim_end());
        let whole = &document.tables[card.tables[0]];
        for line in older_lines(whole, card) {
            let _ = write!(self.text, "\n-- {line}");
        }
        let left_out = left_out(whole, card);
        if left_out > 0 {
            self.has_left_out = true;
            let _ = write!(self.text, "\n-- +{left_out}");
        }
        self.text.push('\n');
    }

    fn json(
        &mut self,
        document: &Document,
        index: &IndexData,
        card: &Card,
        descriptions: &Descriptions,
    ) {
        let mut table = pruned(document, index, card, descriptions);
        // For a model the joined names are enough.
        table.parts = TableName::default();
        for key in &mut table.foreign_keys {
            key.references_parts = TableName::default();
        }
        let mut value = serde_json::to_value(&table).unwrap_or_default();
        let whole = &document.tables[card.tables[0]];
        if let Some(object) = value.as_object_mut() {
            let older = older_lines(whole, card);
            if !older.is_empty() {
                object.insert("columns_of_older_shards".to_owned(), older.into());
            }
            let left_out = left_out(whole, card);
            if left_out > 0 {
                object.insert("columns_left_out".to_owned(), left_out.into());
            }
        }
        let _ = writeln!(self.text, "{value}");
    }
}

/// The columns that only older shards of the card's first table have, if the card names them.
fn older_lines(first: &Table, card: &Card) -> Vec<String> {
    if card.has_older {
        older::lines(first)
    } else {
        Vec::new()
    }
}

/// How many columns of the card's first table it does not name.
fn left_out(first: &Table, card: &Card) -> usize {
    let older = if card.has_older {
        0
    } else {
        older::count(first)
    };
    card.leaves.len() - card.taken + older
}

/// The names of the chosen top-level columns. Empty for a table without keys, which does not need them.
fn shown_names<'a>(table: &'a Table, index: &IndexData, card: &Card) -> HashSet<&'a str> {
    if table.primary_key.is_empty() && table.foreign_keys.is_empty() {
        return HashSet::new();
    }
    let range = index.nodes_of(card.tables[0]);
    let nodes = &index.nodes[range.clone()];
    let top = |mut node: u32| {
        while index.nodes[node as usize].parent != node {
            node = index.nodes[node as usize].parent;
        }
        node
    };
    let taken: HashSet<u32> = card.taken().iter().map(|leaf| top(leaf.0)).collect();
    let tops = (range.start..).zip(nodes);
    let tops = tops.filter(|(at, node)| node.parent as usize == *at);
    let columns = tops.zip(&table.columns);
    let shown = columns.filter(|((at, _), _)| taken.contains(&id(*at)));
    shown.map(|(_, column)| column.name.as_str()).collect()
}

/// The table with only the chosen columns and descriptions.
fn pruned(
    document: &Document,
    index: &IndexData,
    card: &Card,
    descriptions: &Descriptions,
) -> Table {
    fn columns(shown: &[ChosenColumn<'_>], descriptions: &Descriptions) -> Vec<Column> {
        let one = |one: &ChosenColumn<'_>| {
            let (enum_labels, is_cut) = column_type::with_few_labels(one.column);
            Column {
                mode: one.column.mode,
                description: descriptions.of_node(one.node),
                enum_labels,
                collation: one.column.collation.clone(),
                fields: columns(&one.fields, descriptions),
                cut: one.column.cut || is_cut,
                ..Column::leaf(one.column.name.clone(), one.column.data_type.clone())
            }
        };
        shown.iter().map(one).collect()
    }
    let whole = &document.tables[card.tables[0]];
    let mut node = index.first_node[card.tables[0]];
    let shown = chosen_columns(&whole.columns, &mut node, &card.nodes());
    let mut table = Table {
        description: descriptions.of_table(card.tables[0]),
        columns: columns(&shown, descriptions),
        name: whole.name.clone(),
        ..Table::new(whole.parts.clone(), whole.kind)
    };
    if card.is_bare {
        return table;
    }
    let names = shown_names(whole, index, card);
    let mut shards = whole.shards.clone();
    if let Some(shards) = &mut shards {
        shards.versions.clear();
    }
    table.shards = shards;
    table.partitioning = whole.partitioning.clone();
    table.clustering = whole.clustering.clone();
    table.require_partition_filter = whole.require_partition_filter;
    table.inherits.clone_from(&whole.inherits);
    table.inherited_by.clone_from(&whole.inherited_by);
    table.inherited_by.truncate(facts::HEIRS);
    table.primary_key = facts::shown_primary_key(whole, &names).to_vec();
    table.foreign_keys = facts::shown_foreign_keys(whole, &names).cloned().collect();
    table
}

/// ` (not a, b; +2)`: the missing and additional columns of a table on a card.
fn exceptions(missing: &[String], more: usize) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        let named = missing.iter().take(EXCEPTIONS);
        let mut names: Vec<String> = named.map(|path| plain(path)).collect();
        if missing.len() > EXCEPTIONS {
            names.push(format!("{} more", missing.len() - EXCEPTIONS));
        }
        parts.push(format!("not {}", names.join(", ")));
    }
    if more > 0 {
        parts.push(format!("+{more}"));
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(" ({})", parts.join("; "))
}

/// The chosen leaves of the first table that another table on its card lacks.
fn missing(index: &IndexData, first: usize, table: usize, nodes: &[u32]) -> Vec<u32> {
    if index.same[first] == index.same[table] {
        return Vec::new();
    }
    let own = &index.leaf_hashes[table];
    let lacks = |node: &u32| {
        own.binary_search(&index.nodes[*node as usize].hash)
            .is_err()
    };
    nodes.iter().copied().filter(lacks).collect()
}

/// The tables of a card for the response, without scores and reasons.
pub fn listed(document: &Document, index: &IndexData, card: &Card) -> Vec<(usize, ChosenTable)> {
    let first = card.tables[0];
    let nodes = card.nodes();
    let paths = Paths::new(document, index, first);
    let list = |table: usize| {
        let missing = missing(index, first, table, &nodes);
        let chosen = nodes.iter().filter(|node| !missing.contains(node));
        let columns: Vec<String> = chosen.map(|node| paths.path(*node)).collect();
        let range = index.nodes_of(table);
        let leaves = index.nodes[range]
            .iter()
            .filter(|node| node.is_leaf)
            .count();
        let older = match card.has_older {
            true => 0,
            false => older::count(&document.tables[table]),
        };
        let listed = ChosenTable {
            name: document.tables[table].name.clone(),
            score: 0.0,
            why: Vec::new(),
            columns_left_out: leaves - columns.len() + older,
            columns_unlisted: 0,
            columns,
        };
        (table, listed)
    };
    card.tables.iter().map(|table| list(*table)).collect()
}
