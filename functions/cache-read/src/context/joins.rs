//! Which tables join: by declared keys, and by equally named columns that look like keys.

use std::collections::{BTreeMap, HashMap};

use schema::document::Table;

use super::node::Node;
use super::numbers::{id, ratio};
use super::word_lists::WordLists;
use super::words;

/// Columns that more tables of a dataset share don't indicate a join.
const COMMON: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Join {
    pub to: u32,
    /// 1 for a declared key; less if more tables share the column.
    pub strength: f32,
}

/// The joins of each table, without duplicates.
pub fn of(
    tables: &[Table],
    first_node: &[u32],
    nodes: &[Node],
    dataset: &[u32],
    lists: &WordLists,
) -> Vec<Vec<Join>> {
    let mut joins: Vec<BTreeMap<u32, f32>> = vec![BTreeMap::new(); tables.len()];
    let mut join = |from: usize, to: usize, strength: f32| {
        for (from, to) in [(from, to), (to, from)] {
            let known = joins[from].entry(id(to)).or_default();
            *known = known.max(strength);
        }
    };
    let by_name: HashMap<&str, usize> = tables
        .iter()
        .enumerate()
        .map(|(position, table)| (table.name.as_str(), position))
        .collect();
    // By dataset and identified entity: tables with `customer_id`, and `customers` with `id`.
    let mut keys: BTreeMap<(u32, String), Vec<usize>> = BTreeMap::new();
    for (position, table) in tables.iter().enumerate() {
        for key in &table.foreign_keys {
            if let Some(to) = by_name.get(key.references.as_str()) {
                join(position, *to, 1.0);
            }
        }
        let range = first_node[position]..first_node[position + 1];
        let tops = range.filter(|node| nodes[*node as usize].parent == *node);
        for (node, column) in tops.zip(&table.columns) {
            let node = &nodes[node as usize];
            if !node.is_key || column.data_type.starts_with("FLOAT") {
                continue;
            }
            let key = if node.words == 1 {
                let subject = words::of_name(table.own_name(), lists)
                    .pop()
                    .unwrap_or_default();
                format!("{subject}{}", words::of_name(&column.name, lists).concat())
            } else {
                column.name.to_lowercase().replace('_', "")
            };
            keys.entry((dataset[position], key))
                .or_default()
                .push(position);
        }
    }
    for sharing in keys.into_values() {
        if !(2..=COMMON).contains(&sharing.len()) {
            continue;
        }
        let strength = 0.8 * ratio(2, sharing.len()).sqrt();
        for (at, from) in sharing.iter().enumerate() {
            for to in &sharing[at + 1..] {
                if from != to {
                    join(*from, *to, strength);
                }
            }
        }
    }
    let list = |joins: BTreeMap<u32, f32>| {
        let joins = joins.into_iter();
        joins.map(|(to, strength)| Join { to, strength }).collect()
    };
    joins.into_iter().map(list).collect()
}
