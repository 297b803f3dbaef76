//! Queries that the parser can't read. The warehouse may be able to: this module decides whether it may
//! be asked, and whether what it reports to read is in the schema.
//!
//! A warehouse reports the tables that a query reads, but neither the functions that it calls nor, in
//! Postgres, which tables it reads only below a view. Both are decided from the words of the query: it can't
//! call or read by name what it doesn't mention. Whatever is not recognized is refused.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use schema::Dialect;
use schema::name::TableName;

use crate::extensions::Kind;
use crate::fault::{Fault, FaultKind};
use crate::function;
use crate::grounded::Grounded;
use crate::lexical::{Piece, pieces};
use crate::parse::MAX_SQL_BYTES;
use crate::tables::Schema;

static CLAUSES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| function::words(include_str!("functions/clauses.txt")));
/// Statements and clauses that are not part of a query that only reads.
const WRITING: &[&str] = &[
    "alter", "analyze", "begin", "call", "copy", "create", "declare", "delete", "do", "drop",
    "execute", "explain", "export", "grant", "insert", "into", "load", "lock", "merge", "revoke",
    "share", "truncate", "update",
];
/// Metadata that a warehouse does not report as a table, and types that look up any name.
const METADATA: &[&str] = &[
    "information_schema",
    "__tables__",
    "__tables_summary__",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];
/// Postgres computes their results while it plans, however long they are.
const GROWING: &[&str] = &["factorial", "format", "lpad", "repeat", "rpad"];
/// BigQuery reports no more tables than these.
const MOST_TABLES: usize = 50;
/// Postgres cuts longer names.
const LONGEST_NAME: usize = 63;

/// A query that the parser can't read, and that the warehouse may plan.
#[derive(Debug)]
pub struct Unread {
    /// Every word and quoted name, in lower case.
    names: BTreeSet<String>,
}

/// Whether the warehouse may decide about a query with these faults: it must be a single query that
/// only reads and calls only functions known to be harmless, as far as its words tell.
pub fn unread(sql: &str, faults: &[Fault], schema: &Schema) -> Option<Unread> {
    let is_unread = |fault: &Fault| match fault.kind {
        FaultKind::Syntax | FaultKind::Unsupported => true,
        // A type that no column of the schema has.
        FaultKind::Type => schema.dialect() == Dialect::Postgres,
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
    let reading = Reading {
        pieces: &pieces,
        schema,
    };
    reading.is_one_query().then_some(())?;
    reading.calls_are_harmless().then_some(())?;
    reading.names().map(|names| Unread { names })
}

impl Unread {
    /// What the query reads, given the tables that the warehouse reports. Fails if one of them may be
    /// outside the schema.
    pub fn grounded(&self, reads: &[TableName], schema: &Schema) -> Result<Grounded, Fault> {
        let refused = || {
            let reason = "it can't be read here, and the warehouse reads tables for it that are not \
                          tables of the schema";
            Fault::new(FaultKind::Table, "", reason)
        };
        if schema.dialect() == Dialect::Bigquery && reads.len() >= MOST_TABLES {
            return Err(refused());
        }
        let mut tables = BTreeSet::new();
        for read in reads {
            let parts: Vec<String> = match schema.dialect() {
                Dialect::Bigquery => {
                    let project = read.project.split('.').map(str::to_owned);
                    project
                        .chain([read.dataset.clone(), read.table.clone()])
                        .collect()
                }
                Dialect::Postgres => {
                    vec![
                        read.project.clone(),
                        read.dataset.clone(),
                        read.table.clone(),
                    ]
                }
            };
            match schema.look_up(&parts) {
                Ok(Some(found)) => {
                    tables.extend(found.tables.iter().map(|table| table.name.clone()));
                }
                // The query does not name it, so it is below a view or a table that it does name.
                _ if schema.dialect() == Dialect::Postgres
                    && !self.names.contains(&read.table.to_lowercase()) => {}
                _ => return Err(refused()),
            }
        }
        Ok(Grounded {
            tables: tables.into_iter().collect(),
            columns: BTreeSet::new(),
        })
    }
}

struct Reading<'r, 'a> {
    pieces: &'r [Piece],
    schema: &'r Schema<'a>,
}

impl Reading<'_, '_> {
    fn word(&self, place: usize) -> Option<&str> {
        match self.pieces.get(place)? {
            Piece::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The name at this place, quoted or not.
    fn name(&self, place: usize) -> Option<&str> {
        match self.pieces.get(place)? {
            Piece::Word(name) | Piece::Name(name) => Some(name),
            _ => None,
        }
    }

    fn is(&self, place: usize, sign: char) -> bool {
        matches!(self.pieces.get(place), Some(Piece::Sign(it)) if *it == sign)
    }

    fn is_one_query(&self) -> bool {
        let mut first = (0..).find(|place| !self.is(*place, '('));
        let first = first.take().and_then(|place| self.word(place));
        let is_query =
            first.is_some_and(|word| ["select", "with", "from", "values", "table"].contains(&word));
        let ends = self
            .pieces
            .iter()
            .position(|piece| *piece == Piece::Sign(';'));
        let is_single = ends.is_none_or(|end| end + 1 == self.pieces.len());
        let writes = self
            .pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Word(word) if WRITING.contains(&word.as_str())));
        is_query && is_single && !writes
    }

    /// The names of the query; none if it mentions metadata or a name is not certain.
    fn names(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for (place, piece) in self.pieces.iter().enumerate() {
            let (Piece::Word(name) | Piece::Name(name)) = piece else {
                continue;
            };
            let is_metadata = name.split('.').any(|part| METADATA.contains(&part))
                || (name.starts_with("pg_")
                    && name != "pg_catalog"
                    && !function::is_function(name, self.schema.dialect()));
            let is_escaped = self.is(place.wrapping_sub(1), '&')
                && place >= 2
                && self.word(place - 2) == Some("u");
            if is_metadata || is_escaped || name.contains('\\') || name.len() > LONGEST_NAME {
                return None;
            }
            if self.schema.dialect() == Dialect::Bigquery {
                names.extend(name.split('.').map(str::to_owned));
            }
            names.insert(name.clone());
        }
        Some(names)
    }

    fn calls_are_harmless(&self) -> bool {
        (1..self.pieces.len())
            .filter(|place| self.is(*place, '(') && self.name(place - 1).is_some())
            .all(|place| self.is_harmless(place - 1))
    }

    /// Whether the name before a parenthesis calls no function, or a harmless one.
    fn is_harmless(&self, place: usize) -> bool {
        let Some(name) = self.name(place) else {
            return true;
        };
        let mut path = vec![name];
        let mut first = place;
        while first >= 2 && self.is(first - 1, '.') {
            let Some(qualifier) = self.name(first - 2) else {
                return false;
            };
            path.insert(0, qualifier);
            first -= 2;
        }
        if first == place && (self.is_clause(place) || self.is_alias(place)) {
            return true;
        }
        let dialect = self.schema.dialect();
        let extensions = self.schema.extensions();
        match (dialect, path.as_slice()) {
            (Dialect::Bigquery, ["safe", path @ ..] | path) => {
                function::is_function(&path.join("."), dialect)
            }
            (Dialect::Postgres, [name] | ["pg_catalog", name]) => {
                !GROWING.contains(name)
                    && (function::is_function(name, dialect)
                        || (path.len() == 1 && extensions.have(Kind::Function, None, name)))
            }
            (Dialect::Postgres, [schema, name]) => {
                extensions.have(Kind::Function, Some(schema), name)
            }
            (Dialect::Postgres, _) => false,
        }
    }

    /// A reserved word, or a word where no function can be called: after a value.
    fn is_clause(&self, place: usize) -> bool {
        let is_reserved = self.word(place).is_some_and(|word| CLAUSES.contains(word));
        let follows_value = match place.checked_sub(1).and_then(|it| self.pieces.get(it)) {
            Some(Piece::Sign(sign)) => [')', ']'].contains(sign),
            Some(Piece::Literal | Piece::Number | Piece::Name(_)) => true,
            Some(Piece::Word(_)) | None => false,
        };
        let is_of_tablesample = place
            .checked_sub(1)
            .is_some_and(|before| self.word(before) == Some("tablesample"))
            && matches!(self.word(place), Some("bernoulli" | "system"));
        let is_of_grouping = self.word(place) == Some("sets")
            && place
                .checked_sub(1)
                .is_some_and(|it| self.word(it) == Some("grouping"));
        is_reserved || follows_value || is_of_tablesample || is_of_grouping
    }

    /// `as t (a, b)`, `with t (a, b) as`, `as materialized (`.
    fn is_alias(&self, place: usize) -> bool {
        let Some(before) = place.checked_sub(1) else {
            return false;
        };
        match self.word(before) {
            Some("as" | "with" | "recursive") => true,
            Some("not") => self.word(place) == Some("materialized"),
            _ => false,
        }
    }
}
