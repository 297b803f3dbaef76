//! The parts of a query, and what all of them must satisfy.

use std::collections::{BTreeSet, HashSet};

use schema::Dialect;

use crate::lexical::Piece;
use crate::lists;
use crate::tables::Schema;

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
/// Postgres cuts longer names.
const LONGEST_NAME: usize = 63;

/// A query by its parts.
pub(super) struct Reading<'r, 'a> {
    pub pieces: &'r [Piece],
    pub schema: &'r Schema<'a>,
    /// The names, in lower case, that the parser found where only a table can be.
    pub partitions: HashSet<String>,
}

impl Reading<'_, '_> {
    /// The unquoted word at this place.
    pub fn word(&self, place: usize) -> Option<&str> {
        match self.pieces.get(place)? {
            Piece::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The word before this place.
    pub fn word_before(&self, place: usize) -> Option<&str> {
        place.checked_sub(1).and_then(|before| self.word(before))
    }

    pub fn is_word(&self, place: usize, words: &[&str]) -> bool {
        self.word(place).is_some_and(|word| words.contains(&word))
    }

    /// The name at this place, quoted or not.
    pub fn name(&self, place: usize) -> Option<&str> {
        match self.pieces.get(place)? {
            Piece::Word(name) | Piece::Name(name) => Some(name),
            _ => None,
        }
    }

    pub fn is(&self, place: usize, sign: char) -> bool {
        matches!(self.pieces.get(place), Some(Piece::Sign(it)) if *it == sign)
    }

    pub fn is_before(&self, place: usize, sign: char) -> bool {
        place
            .checked_sub(1)
            .is_some_and(|before| self.is(before, sign))
    }

    /// The names of a path that begins here, and the place after it.
    pub fn path(&self, first: usize) -> (Vec<&str>, usize) {
        let mut names: Vec<&str> = self.name(first).into_iter().collect();
        let mut end = first + names.len();
        while !names.is_empty() && self.is(end, '.') {
            let Some(name) = self.name(end + 1) else {
                break;
            };
            names.push(name);
            end += 2;
        }
        (names, end)
    }

    /// The place of the parenthesis that closes this one.
    pub fn close_of(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (open..self.pieces.len()).find(|place| {
            depth += usize::from(self.is(*place, '('));
            depth = depth.saturating_sub(usize::from(self.is(*place, ')')));
            depth == 0
        })
    }

    /// The place of the parenthesis that this one closes.
    pub fn open_of(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (0..=close).rev().find(|place| {
            depth += usize::from(self.is(*place, ')'));
            depth = depth.saturating_sub(usize::from(self.is(*place, '(')));
            depth == 0
        })
    }

    /// Whether a name is that of something in the schema.
    pub fn is_in_schema(&self, name: &str) -> bool {
        let names = self.schema.names();
        names.has_column(name) || !names.at_place(name).is_empty()
    }

    pub fn is_one_query(&self) -> bool {
        let mut places = 0..self.pieces.len();
        let first = places
            .find(|place| !self.is(*place, '('))
            .and_then(|place| self.word(place));
        let is_query =
            first.is_some_and(|word| ["select", "with", "from", "values", "table"].contains(&word));
        let ends = self
            .pieces
            .iter()
            .position(|piece| *piece == Piece::Sign(';'));
        let is_single = ends.is_none_or(|end| end + 1 == self.pieces.len());
        let writes = (0..self.pieces.len()).any(|place| self.is_word(place, WRITING));
        is_query && is_single && !writes
    }

    /// The names of the query; none if it mentions metadata or a name is not certain.
    pub fn names(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for (place, piece) in self.pieces.iter().enumerate() {
            let (Piece::Word(name) | Piece::Name(name)) = piece else {
                continue;
            };
            let name = name.to_lowercase();
            let is_metadata = name.split('.').any(|part| METADATA.contains(&part))
                || (name.starts_with("pg_")
                    && name != "pg_catalog"
                    && !lists::is_function(&name, self.schema.dialect()));
            let before = place.wrapping_sub(1);
            let is_escaped = matches!(self.pieces.get(before), Some(Piece::Operator(it)) if it == "&")
                && self.word_before(before) == Some("u");
            if is_metadata || is_escaped || name.contains('\\') || name.len() > LONGEST_NAME {
                return None;
            }
            if self.schema.dialect() == Dialect::Bigquery {
                names.extend(name.split('.').map(str::to_owned));
            }
            names.insert(name);
        }
        Some(names)
    }
}
