//! What the warehouse said about metrics, from one attempt of a change to the next.

use std::collections::HashMap;

use schema::document::{Extension, Source, Table};

use super::check::{Checker, Misfit};
use super::plan::Due;
use crate::examples::is_same;

/// Verdicts. They hold while the table of the metric and the extensions of the database stay the same.
#[derive(Debug, Default)]
pub struct Verdicts {
    by_table: HashMap<String, OfTable>,
    extensions: Option<Vec<Extension>>,
}

#[derive(Debug)]
struct OfTable {
    table: Table,
    /// By the SQL, and whether it can be read here.
    by_sql: HashMap<(String, bool), Result<(), Misfit>>,
}

impl Verdicts {
    pub fn insert(&mut self, due: Due, table: &Table, verdict: Result<(), Misfit>) {
        let of_table = self
            .by_table
            .entry(due.metric.table)
            .or_insert_with(|| OfTable {
                table: table.clone(),
                by_sql: HashMap::new(),
            });
        let sql = (due.metric.sql, due.unread.is_none());
        of_table.by_sql.insert(sql, verdict);
    }

    pub fn get(&self, due: &Due) -> Option<Result<(), Misfit>> {
        let of_table = self.by_table.get(&due.metric.table)?;
        let sql = (due.metric.sql.clone(), due.unread.is_none());
        of_table.by_sql.get(&sql).cloned()
    }

    /// Drops those of tables that changed, or all if the extensions did.
    pub fn retain(&mut self, checker: &Checker<'_, '_>, source: &Source) {
        if self.extensions != source.extensions {
            self.by_table.clear();
            self.extensions.clone_from(&source.extensions);
        }
        self.by_table.retain(|name, of_table| {
            let now = checker.table(name);
            now.is_ok_and(|now| is_same(&of_table.table, now))
        });
    }
}
