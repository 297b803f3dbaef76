//! The paths of a table's columns.

use schema::document::{Column, Document};
use schema::name::path;

use super::index::IndexData;

/// The columns and fields of a table, in the order of its nodes.
pub struct Paths<'a> {
    first: u32,
    columns: Vec<&'a Column>,
    index: &'a IndexData,
}

impl<'a> Paths<'a> {
    pub fn new(document: &'a Document, index: &'a IndexData, table: usize) -> Self {
        fn add<'a>(columns: &'a [Column], all: &mut Vec<&'a Column>) {
            for column in columns {
                all.push(column);
                add(&column.fields, all);
            }
        }
        let mut columns = Vec::with_capacity(index.nodes_of(table).len());
        add(&document.tables[table].columns, &mut columns);
        Self {
            first: index.first_node[table],
            columns,
            index,
        }
    }

    pub fn column(&self, node: u32) -> &'a Column {
        self.columns[(node - self.first) as usize]
    }

    pub fn path(&self, node: u32) -> String {
        let parent = self.index.nodes[node as usize].parent;
        let name = &self.column(node).name;
        if parent == node {
            path("", name)
        } else {
            path(&self.path(parent), name)
        }
    }
}
