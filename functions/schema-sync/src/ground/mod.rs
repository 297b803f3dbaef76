//! Grounding: every identifier that an LLM or a person wrote must resolve against the schema.
//!
//! [`sql()`] takes a query apart and resolves each table, column, nested field, alias and function of
//! it; [`text()`] does the same for what a description mentions. Both fail closed: what is not
//! understood is a [`Fault`], so a query that passes reads only tables of the schema, only columns
//! that those have, and calls only functions that are known to be harmless.
//!
//! What is right and yet a fault, because the parser does not know it: in BigQuery pipe syntax,
//! comments that end in a lone `\r`, `$` quotes and `U&` literals in Postgres, scripts, typed array literals (`array<string>[..]`), `t.items as i with offset` (write
//! `unnest(t.items)`), and a bare column called `top`; calls of people's own functions anywhere.

mod access;
mod expression;
mod from;
mod function;
mod lexical;
mod names;
mod nearest;
mod operators;
mod pivot;
mod projection;
mod prose;
mod query;
mod schema;
mod scope;
mod table;
mod text;
mod types;
mod union;

use std::collections::BTreeSet;
use std::fmt;

use sqlparser::ast::{SetExpr, Statement};
use sqlparser::dialect::{BigQueryDialect, Dialect as SqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Tokenizer;

use crate::document::{Dialect, Table, TableKind, dataset_of};
use query::Resolver;
pub use schema::Schema;
pub use text::text;

/// The longest SQL that is looked at, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;
/// A syntax tree is as deep as its longest chain of operators; this bounds it.
const MAX_TOKENS: usize = 20_000;
/// Of parentheses, subqueries and function calls in each other.
const MAX_NESTING: usize = 60;
const STACK_BYTES: usize = 64 << 20;

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
    /// The first of the tables that the warehouse says it reads, by their full names, that is in no
    /// dataset of these: what grounding did not see.
    ///
    /// Of a view the warehouse names the tables below it, wherever they are: whoever made the view
    /// gave them to its readers. So beside a view nothing can be told, and there is none.
    pub fn unseen<'r, 't>(
        &self,
        reads: &'r [String],
        tables: impl IntoIterator<Item = &'t Table>,
    ) -> Option<&'r str> {
        let is_view = |table: &Table| {
            matches!(table.kind, TableKind::View | TableKind::MaterializedView)
                && self.tables.contains(&table.name)
        };
        if tables.into_iter().any(is_view) {
            return None;
        }
        let knows = |read: &str| {
            let mut tables = self.tables.iter();
            tables.any(|table| dataset_of(table) == dataset_of(read))
        };
        reads.iter().map(String::as_str).find(|read| !knows(read))
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
    if sql.len() > MAX_SQL_BYTES {
        let reason = format!("the query has more than {MAX_SQL_BYTES} bytes");
        return Err(vec![Fault::new(Kind::TooLarge, "", reason)]);
    }
    // A chain of operators makes a tree as deep as it is long, and even dropping it recurses:
    // more than the stack of a worker thread holds.
    let on_large_stack = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || parse_and_resolve(sql, schema))
            .map(std::thread::ScopedJoinHandle::join)
    });
    match on_large_stack {
        Ok(Ok(result)) => result,
        Ok(Err(_)) | Err(_) => Err(vec![Fault::new(
            Kind::Unsupported,
            "",
            "the query could not be looked at",
        )]),
    }
}

fn parse_and_resolve(sql: &str, schema: &Schema) -> Result<Grounded, Vec<Fault>> {
    let statement = parse(sql, schema).map_err(|fault| vec![fault])?;
    let query = match &statement {
        Statement::Query(query) if is_select(&query.body) => query,
        _ => {
            return Err(vec![Fault::new(
                Kind::NotReadOnly,
                "",
                "only a query (select or with) is allowed",
            )]);
        }
    };
    let mut resolver = Resolver::new(schema);
    resolver.query(query, None);
    resolver.finish()
}

/// `values (1)` and `table t` are queries as well, to the parser.
fn is_select(mut body: &SetExpr) -> bool {
    loop {
        match body {
            SetExpr::Select(_) => return true,
            SetExpr::Query(query) => body = &query.body,
            // A chain of them is as deep as it is long, on this side alone.
            SetExpr::SetOperation { left, right, .. } if is_select(right) => body = left,
            _ => return false,
        }
    }
}

fn parse(sql: &str, schema: &Schema) -> Result<Statement, Fault> {
    let dialect: &dyn SqlDialect = match schema.dialect() {
        Dialect::Bigquery => &BigQueryDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
    };
    let syntax = |error: &dyn fmt::Display| {
        Fault::new(Kind::Syntax, "", format!("it can't be parsed: {error}"))
    };
    let tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(&error))?;
    if tokens.len() > MAX_TOKENS {
        let reason = format!("the query has more than {MAX_TOKENS} words and signs");
        return Err(Fault::new(Kind::TooLarge, "", reason));
    }
    lexical::check(sql, &tokens, schema.dialect(), !schema.is_strict())?;
    let mut statements = Parser::new(dialect)
        .with_recursion_limit(MAX_NESTING)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| syntax(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement), true) => Ok(statement),
        (None, _) => Err(Fault::new(Kind::Syntax, "", "there is no query")),
        (Some(_), false) => Err(Fault::new(
            Kind::NotReadOnly,
            "",
            "it has more than one statement; only one query is allowed",
        )),
    }
}
