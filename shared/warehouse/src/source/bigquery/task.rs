//! One table or family to read, and what the query of its dataset tells of it.

use schema::compare::{self, ColumnChange, Detail};
use schema::document::{Column, Table};
use schema::family::{self, Family};
use schema::name::TableName;

use super::catalog::Catalog;
use super::gets::shards;
use super::listing::{Listing, newest};
use super::settings::Dataset;

/// A dataset that was listed.
pub(super) struct ListedDataset<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) listing: Listing,
    pub(super) catalog: Option<Catalog>,
}

/// One table or family to read.
pub(super) struct TableTask<'a> {
    pub(super) found: &'a ListedDataset<'a>,
    pub(super) family: &'a Family,
}

impl TableTask<'_> {
    pub(super) fn name(&self) -> TableName {
        self.found.dataset.table(&self.family.name)
    }

    /// The full names of a family's shards.
    pub(super) fn shards(&self) -> impl Iterator<Item = String> {
        let shards = self.family.suffixes.iter();
        shards.map(|suffix| {
            let shard = self.family.member(suffix);
            self.found.dataset.table(&shard).to_string()
        })
    }

    /// The table by the query, if there was one and it returns all of such a table.
    pub(super) fn by_query(&self, known: Option<&Table>) -> Option<Table> {
        let Self { found, family } = self;
        let catalog = found.catalog.as_ref()?;
        let listed = found.listing.entry(family)?;
        if !catalog.has_all_of(listed.table_kind()) {
            return None;
        }
        let mut table = catalog.table(&newest(family), listed, self.name())?;
        if let Some(known) = known {
            catalog.complete(&mut table.columns, &known.columns);
        }
        table.shards = shards(family, family::drift(&catalog.runs(family)));
        Some(table)
    }

    /// The family, without the shards that share no column with it by the query.
    pub(super) fn related_by_query(&self) -> Vec<Family> {
        let Some(catalog) = &self.found.catalog else {
            return Vec::new();
        };
        family::with_common_columns(self.family.clone(), |suffix| {
            catalog.columns(&self.family.member(suffix))
        })
    }
}

/// Whether the query returns the known columns.
pub(super) fn is_unchanged(known: &[Column], queried: &[Column]) -> bool {
    let mut unchanged = true;
    compare::columns(known, queried, &mut |_, change| match change {
        // The query and a get may spell one expression differently.
        ColumnChange::Detail(Detail::Default, known, queried) => {
            unchanged &= squeezed(known) == squeezed(queried);
        }
        _ => unchanged = false,
    });
    unchanged
}

/// The default without spaces, case and the parentheses of a call without arguments.
fn squeezed(column: &Column) -> Option<String> {
    let default = column.default.as_deref()?;
    let text: String = default.split_whitespace().collect();
    Some(text.replace("()", "").to_uppercase())
}
