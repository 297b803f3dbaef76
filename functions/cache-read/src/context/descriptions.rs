//! Descriptions that a rendering includes, by table and by node.

use std::collections::HashMap;

/// The descriptions for DDL and JSON.
#[derive(Default)]
pub struct Descriptions {
    pub tables: HashMap<usize, String>,
    pub nodes: HashMap<u32, String>,
}

impl Descriptions {
    pub fn of_table(&self, table: usize) -> Option<String> {
        self.tables.get(&table).cloned()
    }

    pub fn of_node(&self, node: u32) -> Option<String> {
        self.nodes.get(&node).cloned()
    }

    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.nodes.is_empty()
    }
}
