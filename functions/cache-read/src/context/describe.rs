//! Descriptions in the room that names and types leave: those of tables first, then those of columns, most
//! relevant first.

use std::collections::{HashMap, HashSet};

use platform::excerpt::cut;
use schema::Dialect;
use schema::document::{Column, Document};
use schema::name::part;
use schema::render::{literal, plain};

use super::card::Card;
use super::descriptions::Descriptions;
use super::index::IndexData;
use super::numbers::id;
use super::paths::Paths;
use super::request::Format;

/// The longest description, in characters: its start tells what it is about.
const LONGEST: usize = 160;
/// The minimum room for a description, in characters.
const LEAST_LINE: usize = 20;

/// The description of a table, or of one of its columns or fields.
struct DescribedItem<'a> {
    table: usize,
    column: Option<(u32, &'a Paths<'a>)>,
    text: String,
}

/// Appends descriptions, one per line, as many as fit.
pub fn lines(
    document: &Document,
    index: &IndexData,
    cards: &[Card],
    mut room: usize,
    text: &mut String,
) {
    if room < LEAST_LINE {
        return;
    }
    let tables = cards.iter().flat_map(|card| &card.tables);
    let mut shared: HashMap<&str, usize> = HashMap::new();
    for table in tables {
        *shared
            .entry(document.tables[*table].own_name())
            .or_default() += 1;
    }
    each(document, index, cards, &mut |item| {
        let table = &document.tables[item.table];
        // The table name alone, unless tables of several datasets have it.
        let own = part(table.own_name());
        let is_shared = shared[table.own_name()] > 1;
        let name = plain(if is_shared { &table.name } else { &own });
        let line = match item.column {
            None => format!("{name}: {}\n", item.text),
            Some((node, paths)) => {
                format!("{name}.{}: {}\n", plain(&paths.path(node)), item.text)
            }
        };
        let length = line.chars().count();
        if length <= room {
            room -= length;
            text.push_str(&line);
        }
        room >= LEAST_LINE
    });
}

/// The descriptions that fit, by their length in DDL or JSON.
pub fn inside(
    document: &Document,
    index: &IndexData,
    cards: &[Card],
    mut room: usize,
    format: Format,
) -> Descriptions {
    let mut descriptions = Descriptions::default();
    if room < LEAST_LINE {
        return descriptions;
    }
    let dialect = document.source.dialect;
    each(document, index, cards, &mut |item| {
        let depth = item
            .column
            .map_or(0, |(node, _)| index.nodes[node as usize].depth);
        // The DDL of Postgres names a composite type without its fields' descriptions.
        if format == Format::Ddl && dialect == Dialect::Postgres && depth > 0 {
            return true;
        }
        let written = match format {
            Format::Json => serde_json::Value::from(item.text.as_str()).to_string(),
            _ => literal(&item.text, dialect),
        };
        let around = match (format, dialect) {
            (Format::Json, _) => 16,
            (_, Dialect::Bigquery) => 28 + 2 * usize::from(depth),
            (_, Dialect::Postgres) => {
                let name = &document.tables[item.table].name;
                let column = item.column.map(|(node, paths)| paths.path(node));
                28 + name.chars().count() + column.map_or(0, |path| path.chars().count())
            }
        };
        let length = written.chars().count() + around;
        if length <= room {
            room -= length;
            match item.column {
                None => descriptions.tables.insert(item.table, item.text),
                Some((node, _)) => descriptions.nodes.insert(node, item.text),
            };
        }
        room >= LEAST_LINE
    });
    descriptions
}

/// Calls `take` for each description of what the cards show, until it returns false.
fn each(
    document: &Document,
    index: &IndexData,
    cards: &[Card],
    take: &mut dyn FnMut(DescribedItem<'_>) -> bool,
) {
    let of_table = |table: usize| document.tables[table].description.as_deref();
    let leaders = cards.iter().map(|card| (card.tables[0], None));
    let followers = cards.iter().flat_map(|card| {
        let tables = card.tables[1..].iter();
        tables.map(|table| (*table, of_table(card.tables[0])))
    });
    for (table, known) in leaders.chain(followers) {
        if let Some(text) = of_table(table).filter(|text| known != Some(*text))
            && !take(DescribedItem {
                table,
                column: None,
                text: short(text),
            })
        {
            return;
        }
    }
    let all: Vec<Paths<'_>> = cards
        .iter()
        .map(|card| Paths::new(document, index, card.tables[0]))
        .collect();
    let mut columns: Vec<(f32, usize, u32)> = Vec::new();
    for (position, (card, paths)) in cards.iter().zip(&all).enumerate() {
        let described = shown_nodes(card, index).into_iter();
        let described = described.filter(|(node, _)| paths.column(*node).description.is_some());
        columns.extend(described.map(|(node, score)| (score * card.score, position, node)));
    }
    columns.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (_, card, node) in columns {
        let paths = &all[card];
        if let Some(text) = &paths.column(node).description
            && !take(DescribedItem {
                table: cards[card].tables[0],
                column: Some((node, paths)),
                text: short(text),
            })
        {
            return;
        }
    }
    for (card, paths) in cards.iter().zip(&all) {
        for table in &card.tables[1..] {
            if !differing(document, index, card, paths, *table, take) {
                return;
            }
        }
    }
}

/// The shown nodes with their scores. Parents have the score of their most relevant field.
fn shown_nodes(card: &Card, index: &IndexData) -> Vec<(u32, f32)> {
    let mut nodes = Vec::new();
    let mut parents: HashSet<u32> = HashSet::new();
    for (leaf, score) in card.taken() {
        nodes.push((*leaf, *score));
        let mut node = *leaf;
        while index.nodes[node as usize].parent != node {
            node = index.nodes[node as usize].parent;
            if !parents.insert(node) {
                break;
            }
            nodes.push((node, *score));
        }
    }
    nodes
}

/// The descriptions of another table on a card that differ from those of the first table.
fn differing(
    document: &Document,
    index: &IndexData,
    card: &Card,
    first: &Paths<'_>,
    table: usize,
    take: &mut dyn FnMut(DescribedItem<'_>) -> bool,
) -> bool {
    let paths = Paths::new(document, index, table);
    let shown: HashMap<u64, &Column> = shown_nodes(card, index)
        .into_iter()
        .map(|(node, _)| (index.nodes[node as usize].hash, first.column(node)))
        .collect();
    for node in index.nodes_of(table) {
        let node = id(node);
        let Some(known) = shown.get(&index.nodes[node as usize].hash) else {
            continue;
        };
        let description = &paths.column(node).description;
        if let Some(text) = description
            && known.description.as_ref() != Some(text)
            && !take(DescribedItem {
                table,
                column: Some((node, &paths)),
                text: short(text),
            })
        {
            return false;
        }
    }
    true
}

fn short(description: &str) -> String {
    cut(&plain(description), LONGEST)
}
