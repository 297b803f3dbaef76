//! Groups of tables of a dataset with the same or similar columns, which one card can show.

use std::collections::HashMap;

use schema::document::Table;

use super::node::Node;
use super::numbers::{id, ratio};

/// The share of common columns from which tables count as similar.
const ALIKE: f32 = 0.7;
/// The size of the sample of a table's columns that quickly rules out dissimilar tables (MinHash).
const SAMPLE: usize = 16;

struct Leader<'a> {
    group: u32,
    facts: Facts<'a>,
    columns: &'a [u64],
    sample: [u64; SAMPLE],
}

/// For each table its groups of equal and of similar tables. The id of a group is its first table.
pub fn of(
    tables: &[Table],
    first_node: &[u32],
    nodes: &[Node],
    dataset: &[u32],
) -> (Vec<u32>, Vec<u32>) {
    let columns: Vec<Vec<u64>> = (0..tables.len())
        .map(|table| {
            let range = first_node[table] as usize..first_node[table + 1] as usize;
            let mut columns: Vec<u64> = nodes[range].iter().map(|node| node.hash).collect();
            columns.sort_unstable();
            columns
        })
        .collect();
    let mut same: Vec<u32> = Vec::with_capacity(tables.len());
    let mut alike: Vec<u32> = Vec::with_capacity(tables.len());
    let mut known: HashMap<(u32, Facts<'_>, &[u64]), u32> = HashMap::new();
    let mut leaders: HashMap<u32, Vec<Leader<'_>>> = HashMap::new();
    for (position, table) in tables.iter().enumerate() {
        let own = columns[position].as_slice();
        let facts = facts(table);
        let is_single = own.is_empty() || facts.is_own;
        let group = if is_single {
            id(position)
        } else {
            let key = (dataset[position], facts, own);
            *known.entry(key).or_insert(id(position))
        };
        same.push(group);
        if group != id(position) {
            alike.push(alike[group as usize]);
            continue;
        }
        let leaders = leaders.entry(dataset[position]).or_default();
        let sample = sample(own);
        let near = leaders.iter().filter(|_| !is_single).find(|leader| {
            leader.facts == facts
                && leader.sample.iter().zip(&sample).any(|(a, b)| a == b)
                && likeness(leader.columns, own) >= ALIKE
        });
        if let Some(leader) = near {
            alike.push(leader.group);
            continue;
        }
        alike.push(id(position));
        if !is_single {
            leaders.push(Leader {
                group: id(position),
                facts,
                columns: own,
                sample,
            });
        }
    }
    (same, alike)
}

/// What a card tells of a table besides its columns, which must hold for all tables on the card.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Facts<'a> {
    partition: Option<(&'a str, &'a str, bool)>,
    is_own: bool,
}

fn facts(table: &Table) -> Facts<'_> {
    let partition = table.partitioning.as_ref();
    Facts {
        partition: partition.map(|partition| {
            let required = table.require_partition_filter;
            (partition.column.as_str(), partition.unit.as_str(), required)
        }),
        is_own: table.shards.is_some()
            || partition.is_none() && table.require_partition_filter
            || !table.primary_key.is_empty()
            || !table.foreign_keys.is_empty()
            || !table.inherits.is_empty()
            || !table.inherited_by.is_empty(),
    }
}

/// The smallest column hash under each of several hash functions.
fn sample(columns: &[u64]) -> [u64; SAMPLE] {
    let mut sample = [u64::MAX; SAMPLE];
    for column in columns {
        for (position, smallest) in sample.iter_mut().enumerate() {
            let turned = column
                .rotate_left(u32::try_from(position * 4).unwrap_or(0))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *smallest = (*smallest).min(turned);
        }
    }
    sample
}

/// The Jaccard similarity of two sorted lists.
fn likeness(a: &[u64], b: &[u64]) -> f32 {
    let (mut at, mut other, mut common) = (0, 0, 0);
    while at < a.len() && other < b.len() {
        match a[at].cmp(&b[other]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => other += 1,
            std::cmp::Ordering::Equal => {
                common += 1;
                at += 1;
                other += 1;
            }
        }
    }
    ratio(common, a.len() + b.len() - common)
}
