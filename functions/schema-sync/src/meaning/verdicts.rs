//! What the warehouse said about metrics, from one attempt of a change to the next.

use std::collections::HashMap;

use schema::document::Table;

use super::check::{Checker, Misfit};
use super::plan::Due;
use crate::examples::is_same;

/// Verdicts by the table of the metric. They hold while the table stays the same.
#[derive(Debug, Default)]
pub struct Verdicts(HashMap<String, OfTable>);

#[derive(Debug)]
struct OfTable {
    table: Table,
    /// By the SQL, and whether it can be read here.
    by_sql: HashMap<(String, bool), Result<(), Misfit>>,
}

impl Verdicts {
    pub fn insert(&mut self, due: Due, table: &Table, verdict: Result<(), Misfit>) {
        let of_table = self.0.entry(due.metric.table).or_insert_with(|| OfTable {
            table: table.clone(),
            by_sql: HashMap::new(),
        });
        let sql = (due.metric.sql, due.unread.is_none());
        of_table.by_sql.insert(sql, verdict);
    }

    pub fn get(&self, due: &Due) -> Option<Result<(), Misfit>> {
        let of_table = self.0.get(&due.metric.table)?;
        let sql = (due.metric.sql.clone(), due.unread.is_none());
        of_table.by_sql.get(&sql).cloned()
    }

    /// Drops those of tables that changed.
    pub fn retain(&mut self, checker: &Checker<'_, '_>) {
        self.0.retain(|name, of_table| {
            let now = checker.table(name);
            now.is_ok_and(|now| is_same(&of_table.table, now))
        });
    }
}
