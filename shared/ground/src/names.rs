//! An index of every name in a schema, to look up words of descriptions.

use std::collections::HashMap;

use schema::document::{Column, Table};
use schema::name::TableName;

/// All columns and nested fields, by name in lower case. Descriptions are prose, so case is ignored
/// in every dialect.
pub(crate) struct Names<'a> {
    nodes: Vec<Node<'a>>,
    by_name: HashMap<String, Vec<u32>>,
    /// Tables by each name that prose may use: the table's, with and without qualifiers, and those of
    /// its dataset and project.
    places: HashMap<String, Vec<&'a Table>>,
}

struct Node<'a> {
    name: &'a str,
    parent: Option<u32>,
}

impl<'a> Names<'a> {
    pub fn new(tables: &[&'a Table]) -> Self {
        let mut names = Self {
            nodes: Vec::new(),
            by_name: HashMap::new(),
            places: HashMap::new(),
        };
        for table in tables.iter().copied() {
            names.add_columns(&table.columns, None);
            let own = table.own_name();
            let TableName {
                project, dataset, ..
            } = &table.parts;
            let in_dataset = format!("{dataset}.{own}");
            let in_full = format!("{}.{own}", table.dataset());
            let words = project.split('.').filter(|_| !project.is_empty());
            let places = words.chain([
                project.as_str(),
                dataset,
                table.dataset(),
                own,
                own.trim_end_matches(['*', '_']),
                &in_dataset,
                &in_full,
            ]);
            for place in places.filter(|place| !place.is_empty()) {
                let known = names.places.entry(place.to_lowercase()).or_default();
                if !known.last().is_some_and(|last| std::ptr::eq(*last, table)) {
                    known.push(table);
                }
            }
        }
        names
    }

    fn add_columns(&mut self, columns: &'a [Column], parent: Option<u32>) {
        for column in columns {
            // Memory runs out before there are 2^32 paths.
            let Ok(id) = u32::try_from(self.nodes.len()) else {
                return;
            };
            self.nodes.push(Node {
                name: &column.name,
                parent,
            });
            let same = self.by_name.entry(column.name.to_lowercase()).or_default();
            same.push(id);
            self.add_columns(&column.fields, Some(id));
        }
    }

    pub fn has_column(&self, name: &str) -> bool {
        self.by_name.contains_key(&name.to_lowercase())
    }

    /// Tables of this name, or in the dataset or project of this name.
    pub fn at_place(&self, name: &str) -> &[&'a Table] {
        self.places
            .get(&name.to_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// Whether a column's path contains these names in sequence.
    pub fn has_path(&self, parts: &[&str]) -> bool {
        let Some((last, above)) = parts.split_last() else {
            return false;
        };
        let ends = self.by_name.get(&last.to_lowercase());
        ends.into_iter().flatten().any(|end| {
            let mut node = self.nodes[*end as usize].parent;
            above.iter().rev().all(|wanted| {
                let Some(parent) = node.map(|id| &self.nodes[id as usize]) else {
                    return false;
                };
                node = parent.parent;
                parent.name.to_lowercase() == wanted.to_lowercase()
            })
        })
    }

    /// The names of columns, fields, tables, datasets and projects.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let columns = self.nodes.iter().map(|node| node.name);
        columns.chain(self.places.keys().map(String::as_str))
    }
}
