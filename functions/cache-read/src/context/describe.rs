//! Descriptions, where names and types left room for them: of tables first, then of columns, the
//! most wanted first.

use std::collections::{HashMap, HashSet};

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

/// In characters: the start of a description says what it is about.
const LONGEST: usize = 160;
/// In characters: no description is worth less.
const LEAST_LINE: usize = 20;

/// One description of a table, or of a column or field of it.
struct Described<'a> {
    table: usize,
    column: Option<(u32, &'a Paths<'a>)>,
    text: String,
}

/// A line each, of as many as there is room for.
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
    each(document, index, cards, &mut |described| {
        let table = &document.tables[described.table];
        // As short as it can be without meaning a table of another dataset.
        let own = part(table.own_name());
        let is_shared = shared[table.own_name()] > 1;
        let name = plain(if is_shared { &table.name } else { &own });
        let line = match described.column {
            None => format!("{name}: {}\n", described.text),
            Some((node, paths)) => {
                format!("{name}.{}: {}\n", plain(&paths.path(node)), described.text)
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

/// As many as there is room for, as DDL or JSON will write them.
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
    each(document, index, cards, &mut |described| {
        let depth = described
            .column
            .map_or(0, |(node, _)| index.nodes[node as usize].depth);
        // The DDL of Postgres names a composite type without its fields' descriptions.
        if format == Format::Ddl && dialect == Dialect::Postgres && depth > 0 {
            return true;
        }
        let written = match format {
            Format::Json => serde_json::Value::from(described.text.as_str()).to_string(),
            _ => literal(&described.text, dialect),
        };
        let around = match (format, dialect) {
            (Format::Json, _) => 16,
            (_, Dialect::Bigquery) => 28 + 2 * usize::from(depth),
            (_, Dialect::Postgres) => {
                let name = &document.tables[described.table].name;
                let column = described.column.map(|(node, paths)| paths.path(node));
                28 + name.chars().count() + column.map_or(0, |path| path.chars().count())
            }
        };
        let length = written.chars().count() + around;
        if length <= room {
            room -= length;
            match described.column {
                None => descriptions.tables.insert(described.table, described.text),
                Some((node, _)) => descriptions.nodes.insert(node, described.text),
            };
        }
        room >= LEAST_LINE
    });
    descriptions
}

/// Gives each description of what the cards show to `take`, until it wants no more.
fn each(
    document: &Document,
    index: &IndexData,
    cards: &[Card],
    take: &mut dyn FnMut(Described<'_>) -> bool,
) {
    let of_table = |table: usize| document.tables[table].description.as_deref();
    let leaders = cards.iter().map(|card| (card.tables[0], None));
    let followers = cards.iter().flat_map(|card| {
        let tables = card.tables[1..].iter();
        tables.map(|table| (*table, of_table(card.tables[0])))
    });
    for (table, known) in leaders.chain(followers) {
        if let Some(text) = of_table(table).filter(|text| known != Some(*text))
            && !take(Described {
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
        let described = wanted(card, index).into_iter();
        let described = described.filter(|(node, _)| paths.column(*node).description.is_some());
        columns.extend(described.map(|(node, score)| (score * card.score, position, node)));
    }
    columns.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (_, card, node) in columns {
        let paths = &all[card];
        if let Some(text) = &paths.column(node).description
            && !take(Described {
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
            if !others(document, index, card, paths, *table, take) {
                return;
            }
        }
    }
}

/// What is shown, parents too, which are wanted as much as the most wanted of their fields.
fn wanted(card: &Card, index: &IndexData) -> Vec<(u32, f32)> {
    let mut wanted = Vec::new();
    let mut parents: HashSet<u32> = HashSet::new();
    for (leaf, score) in card.taken() {
        wanted.push((*leaf, *score));
        let mut node = *leaf;
        while index.nodes[node as usize].parent != node {
            node = index.nodes[node as usize].parent;
            if !parents.insert(node) {
                break;
            }
            wanted.push((node, *score));
        }
    }
    wanted
}

/// What another table on a card says otherwise of the columns that it shares with the first.
fn others(
    document: &Document,
    index: &IndexData,
    card: &Card,
    first: &Paths<'_>,
    table: usize,
    take: &mut dyn FnMut(Described<'_>) -> bool,
) -> bool {
    let paths = Paths::new(document, index, table);
    let shown: HashMap<u64, &Column> = wanted(card, index)
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
            && !take(Described {
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
    let text = plain(description);
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
