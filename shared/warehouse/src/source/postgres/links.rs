//! How tables refer to each other: keys and inheritance.

use std::collections::HashMap;

use schema::document::{ForeignKey, Table};
use schema::name::TableName;
use tokio_postgres::{Error, Row};

use super::text::{Text, all_valid};

/// The links of each relation. Those with a name that is not UTF-8 are missing.
#[derive(Default)]
pub(super) struct Links(HashMap<u32, LinksOfTable>);

#[derive(Default)]
struct LinksOfTable {
    primary: Vec<String>,
    foreign: Vec<ForeignKey>,
    parents: Vec<TableName>,
    heirs: Vec<TableName>,
}

impl Links {
    pub(super) fn add_keys(&mut self, database: &str, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let of = self.0.entry(row.try_get("relation")?).or_default();
            let Some(columns) = all_valid(row.try_get("columns")?) else {
                continue;
            };
            if row.try_get("is_primary")? {
                of.primary = columns;
                continue;
            }
            let referenced = all_valid(row.try_get("referenced_columns")?);
            let name = name(database, row, "referenced_schema", "referenced_table")?;
            if let Some((name, referenced)) = name.zip(referenced) {
                of.foreign.push(ForeignKey::new(columns, name, referenced));
            }
        }
        Ok(())
    }

    pub(super) fn add_inheritance(&mut self, database: &str, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let of = self.0.entry(row.try_get("relation")?).or_default();
            let links = if row.try_get("is_parent")? {
                &mut of.parents
            } else {
                &mut of.heirs
            };
            links.extend(name(database, row, "schema", "name")?);
        }
        Ok(())
    }

    /// Moves the links of a relation to its table.
    pub(super) fn apply(&mut self, relation: u32, table: &mut Table) {
        if let Some(links) = self.0.remove(&relation) {
            table.primary_key = links.primary;
            table.foreign_keys = links.foreign;
            table.inherits = links.parents;
            table.inherited_by = links.heirs;
        }
    }
}

fn name(database: &str, row: &Row, schema: &str, table: &str) -> Result<Option<TableName>, Error> {
    let schema: Text = row.try_get(schema)?;
    let table: Text = row.try_get(table)?;
    let both = schema.valid().zip(table.valid());
    Ok(both.map(|(schema, table)| TableName::new(database, schema, table)))
}
