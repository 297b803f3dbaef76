//! Queries that the parser can't read. The warehouse may be able to: this module decides whether it may
//! be asked, and whether what it reports to read is in the schema.
//!
//! A warehouse reports the tables that a query reads, but not every function that it calls, nor the types
//! that it names. Both are decided from the words of the query: it can't call or name what it doesn't
//! mention. Whatever is not recognized is refused.

mod calls;
mod fields;
mod paths;
mod reading;
mod types;
mod words;

use std::collections::BTreeSet;

use schema::Dialect;
use schema::mentions::Mentions;
use schema::name::TableName;
use schema::read::Read;

use crate::fault::{Fault, FaultKind};
use crate::grounded::Grounded;
use crate::lexical::pieces;
use crate::parse::MAX_SQL_BYTES;
use crate::tables::Schema;
use reading::Reading;

/// BigQuery reports no more tables than these.
const MOST_TABLES: usize = 50;

/// A query that the parser can't read, and that the warehouse may plan.
#[derive(Debug)]
pub struct Unread {
    /// Every word and quoted name, in lower case.
    names: BTreeSet<String>,
}

/// Whether the warehouse may decide about a query with these faults: it must be a single query that
/// only reads, calls only functions known to be harmless, and names only what the schema has, as far as its
/// words tell. It must mention nothing that is `hidden` from whoever wrote it.
pub fn unread(sql: &str, faults: &[Fault], schema: &Schema, hidden: &Mentions) -> Option<Unread> {
    let is_unread = |fault: &Fault| match fault.kind {
        FaultKind::Syntax | FaultKind::Unsupported => true,
        // A partition is a table of its own in Postgres, and no table of the schema.
        FaultKind::Table => {
            schema.dialect() == Dialect::Postgres && schema.is_unknown_table(&fault.identifier)
        }
        _ => false,
    };
    if sql.len() > MAX_SQL_BYTES || faults.is_empty() || !faults.iter().all(is_unread) {
        return None;
    }
    let pieces = pieces(sql, schema.dialect(), schema.parse_options().comments).ok()?;
    let partitions = faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::Table)
        .filter_map(|fault| fault.identifier.rsplit('.').next());
    let reading = Reading {
        pieces: &pieces,
        schema,
        partitions: partitions.map(str::to_lowercase).collect(),
    };
    reading.is_one_query().then_some(())?;
    let names = reading.names()?;
    // Signs are part of words in prose, and separate them in SQL.
    let separated = names.iter().map(String::as_str).collect::<Vec<_>>();
    if hidden.are_in(sql) || hidden.are_in(&separated.join("\n")) {
        return None;
    }
    reading.calls_are_harmless().then_some(())?;
    // The warehouse must not tell whoever sees a part of the schema whether a name exists in the rest.
    let is_scoped = !hidden.is_empty();
    let is_known = match schema.dialect() {
        Dialect::Bigquery => reading.paths_are_known(),
        Dialect::Postgres => {
            reading.operators_are_known()
                && reading.types_are_known()
                && reading.fields_are_known()
                && reading.collations_are_known()
                && !reading.reaches_hidden_record(&names)
                && (!is_scoped || reading.words_are_known())
        }
    };
    is_known.then_some(Unread { names })
}

impl Unread {
    /// What the query reads, given the tables that the warehouse reports, and whether it calls functions of
    /// users. Fails if it may leave the schema.
    pub fn grounded(
        &self,
        reads: &[Read],
        calls_routines: bool,
        schema: &Schema,
    ) -> Result<Grounded, Fault> {
        let refused = || {
            let reason = "it can't be read here, and the warehouse reads tables or calls functions for it \
                          that are not in the schema";
            Fault::new(FaultKind::Table, "", reason)
        };
        let may_be_cut = schema.dialect() == Dialect::Bigquery && reads.len() >= MOST_TABLES;
        if may_be_cut || calls_routines {
            return Err(refused());
        }
        let look_up = |name: &TableName| {
            let found = schema.look_up(&parts(name, schema.dialect()));
            found.ok().flatten().map(|found| found.tables)
        };
        // A partition is a table of its own if its table can't be read.
        let of_partition = |read: &Read| read.partition.as_ref().and_then(look_up);
        let mut tables = BTreeSet::new();
        for read in reads {
            let found = look_up(&read.table).or_else(|| of_partition(read));
            // Postgres looks up the bounds of a partition in its table.
            let has_bounds =
                |other: &Read| other.table == read.table && of_partition(other).is_some();
            match found {
                Some(found) => tables.extend(found.iter().map(|table| table.name.clone())),
                None if reads.iter().any(has_bounds) && read.partition.is_none() => {}
                None if self.is_beneath(read) => {}
                None => return Err(refused()),
            }
        }
        Ok(Grounded {
            tables: tables.into_iter().collect(),
            columns: BTreeSet::new(),
        })
    }

    /// Whether the query reads a table only because another one leads to it.
    fn is_beneath(&self, read: &Read) -> bool {
        let is_named = |name: &TableName| self.names.contains(&name.table.to_lowercase());
        read.is_beneath && !is_named(&read.table) && !read.partition.as_ref().is_some_and(is_named)
    }
}

fn parts(name: &TableName, dialect: Dialect) -> Vec<String> {
    let project = match dialect {
        Dialect::Bigquery => name.project.split('.').map(str::to_owned).collect(),
        Dialect::Postgres => vec![name.project.clone()],
    };
    [project, vec![name.dataset.clone(), name.table.clone()]].concat()
}
