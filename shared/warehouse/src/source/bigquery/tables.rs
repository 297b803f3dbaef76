//! The tables that were read, and what else the wildcards of families match.

use std::collections::{BTreeMap, HashSet};

use schema::document::{Table, TableKind};
use schema::family;
use schema::name::TableName;
use schema::table_schema::TableResource;

use super::task::{ListedDataset, TableTask};
use crate::error::SourceError;

/// A table, or why it could not be read.
pub(super) type ReadTable = (TableName, Result<Table, SourceError>);

#[derive(Default)]
pub(super) struct Tables {
    read: Vec<Table>,
    /// The full names in a listing that turned out to be no table: it has been dropped, or it is a
    /// family without common columns.
    absent: HashSet<String>,
}

impl Tables {
    /// Adds what was read under a name of the listing. Returns what could not be read.
    pub(super) fn add(
        &mut self,
        task: &TableTask<'_>,
        read: Vec<ReadTable>,
    ) -> Vec<(TableName, SourceError)> {
        let name = task.name();
        if !read.iter().any(|(other, _)| *other == name) {
            self.absent.insert(name.to_string());
        }
        let mut unread = Vec::new();
        for (name, table) in read {
            match table {
                Ok(table) => self.read.push(table),
                Err(error) => unread.push((name, error)),
            }
        }
        unread
    }

    /// The tables, each family with its neighbors. A table that could not be read is a neighbor as well.
    pub(super) fn finish(mut self, found: &[ListedDataset<'_>]) -> Vec<Table> {
        for ListedDataset {
            dataset, listing, ..
        } in found
        {
            let id = dataset.to_string();
            let mut kinds: BTreeMap<String, TableKind> = BTreeMap::new();
            for family in &listing.families {
                let name = dataset.table(&family.name).to_string();
                let kind = listing.entry(family).map(TableResource::table_kind);
                if !self.absent.contains(&name) {
                    kinds.insert(family.name.clone(), kind.unwrap_or(TableKind::Table));
                }
            }
            let of_dataset = self.read.iter().filter(|table| table.dataset() == id);
            kinds.extend(of_dataset.map(|table| (table.own_name().to_owned(), table.kind)));
            let families = self.read.iter_mut().filter(|table| table.dataset() == id);
            for table in families {
                let name = table.own_name().to_owned();
                if let Some(shards) = &mut table.shards {
                    let all = kinds.iter().map(|(name, kind)| (name.as_str(), *kind));
                    family::set_neighbors(&name, shards, all);
                }
            }
        }
        self.read
    }
}
