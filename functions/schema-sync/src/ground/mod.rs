//! Grounding: every identifier that an LLM or a person wrote must resolve against the schema.
//!
//! [`sql()`] takes a query apart and resolves each table, column, nested field, alias and function of
//! it; [`text()`] does the same for what a description mentions. Both fail closed: what is not
//! understood is a [`Fault`], so a query that passes reads only tables of the schema, only columns
//! that those have, and calls only functions that are known to be harmless.
//!
//! What is right and yet a fault, because the parser does not know it, or not as the warehouse does:
//! in BigQuery pipe syntax, scripts, typed array literals (`array<string>[..]`), `t.items as i with
//! offset` (write `unnest(t.items)`), parameters, and a bare column called `top`; in Postgres `$$`
//! quotes, `U&` literals, and `U&` names but for characters that can't be seen; in both one literal right after another, a comment that ends in a lone
//! `\r`, and calls of people's own functions.

mod access;
mod bounds;
mod casts;
mod escapes;
mod expression;
mod from;
mod function;
mod join;
mod lexical;
mod names;
mod nearest;
mod operators;
mod order;
mod parse;
mod path;
mod pivot;
mod projection;
mod prose;
mod query;
mod scope;
mod shard;
mod table;
mod tables;
mod text;
mod types;
mod union;
mod units;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use schema::document::{Table, TableKind};
use schema::name::TableName;

use parse::{Tree, on_large_stack, parse};
use query::Resolver;
pub use tables::Schema;
pub use text::text;

/// The longest SQL that is looked at, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;
/// For parsing one query, which takes some milliseconds at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a query reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grounded {
    /// As `Table::name`, sorted, each once.
    pub tables: Vec<String>,
    /// `Table::name` and the path of every column and nested field that is mentioned, its
    /// parents included; with `*`, every column that it stands for.
    pub columns: BTreeSet<(String, String)>,
}

impl Grounded {
    /// The first of the tables that the warehouse says it reads that is in no dataset of these: what
    /// grounding did not see.
    ///
    /// Of a view the warehouse names the tables below it, wherever they are: whoever made the view
    /// gave them to its readers. So beside a view nothing can be told, and there is none.
    pub fn unseen<'r, 't>(
        &self,
        reads: &'r [TableName],
        tables: impl IntoIterator<Item = &'t Table>,
    ) -> Option<&'r TableName> {
        let mut datasets = BTreeSet::new();
        let is_mine = |table: &&Table| self.tables.binary_search(&table.name).is_ok();
        for table in tables.into_iter().filter(is_mine) {
            if matches!(table.kind, TableKind::View | TableKind::MaterializedView) {
                return None;
            }
            datasets.insert((&table.parts.project, &table.parts.dataset));
        }
        let is_seen = |read: &&TableName| datasets.contains(&(&read.project, &read.dataset));
        reads.iter().find(|read| !is_seen(read))
    }
}

/// Something that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// What was written, as far as it can be named.
    pub identifier: String,
    /// Why it is wrong and, where it can be told, what to write instead.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It can't be parsed.
    Syntax,
    /// It is longer or deeper than what is looked at.
    TooLarge,
    /// It could not be looked at, by no fault of its own; somebody finds why in the log.
    Unchecked,
    /// It is not one query that only reads.
    NotReadOnly,
    Table,
    /// A shard, or a value of `_TABLE_SUFFIX`, that the family does not have.
    Shard,
    Column,
    /// A nested field that its parent does not have, or whose parent has no fields.
    Field,
    /// A field below an array, without `UNNEST`.
    Repeated,
    Ambiguous,
    /// A function that is not known, or that is not allowed.
    Function,
    /// A type, window or other name that is not known.
    Name,
    /// Something that is not understood, and so not allowed.
    Unsupported,
    /// An identifier in a description.
    Mention,
}

impl Fault {
    fn new(kind: Kind, identifier: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            identifier: identifier.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Resolves every identifier of one query against the schema.
///
/// The faults are in the order of the text as far as one does not hide another. Tables that a
/// wildcard reads are not checked for drift: whether their types fit is for the warehouse to say.
pub fn sql(sql: &str, schema: &Schema) -> Result<Grounded, Vec<Fault>> {
    let reading = schema.reading();
    let parsed = on_large_stack(|| parse(sql, reading));
    resolve(parsed.and_then(|parsed| parsed), schema)
}

/// [`sql()`] for who must not wait for it on a thread of the runtime: parsing, which nobody can
/// promise to end, is done elsewhere and given up after some seconds.
pub async fn sql_in_time(sql: &str, schema: &Schema<'_>) -> Result<Grounded, Vec<Fault>> {
    let (sql, reading) = (sql.to_owned(), schema.reading());
    let parsing = tokio::task::spawn_blocking(move || on_large_stack(|| parse(&sql, reading)));
    let parsed = match tokio::time::timeout(PATIENCE, parsing).await {
        Ok(Ok(parsed)) => parsed.and_then(|parsed| parsed),
        Ok(Err(_)) => Err(parse::unchecked("parsing a query panicked")),
        Err(_) => {
            tracing::error!("a query is still being parsed, and given up");
            let reason = "it takes too long to be parsed: write it more simply";
            Err(Fault::new(Kind::TooLarge, "", reason))
        }
    };
    resolve(parsed, schema)
}

fn resolve(parsed: Result<Tree, Fault>, schema: &Schema) -> Result<Grounded, Vec<Fault>> {
    let tree = parsed.map_err(|fault| vec![fault])?;
    let resolved = on_large_stack(|| {
        let mut resolver = Resolver::new(schema);
        if let Some(query) = tree.query() {
            resolver.query(query, None);
        }
        resolver.finish()
    });
    resolved.unwrap_or_else(|fault| Err(vec![fault]))
}

/// Whether these faults say nothing about the query: it could not be looked at.
pub fn is_unchecked(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.kind == Kind::Unchecked)
}
