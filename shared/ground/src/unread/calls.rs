//! The calls of a query: a name before a parenthesis calls a function, unless the grammar has no call there.

use std::collections::HashSet;
use std::sync::LazyLock;

use schema::Dialect;

use super::reading::Reading;
use crate::casts;
use crate::extensions::Kind;
use crate::lexical::Piece;
use crate::lists;
use crate::objects;

static OF_BIGQUERY: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lists::words(include_str!("../functions/clauses_bigquery.txt")));
static OF_POSTGRES: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lists::words(include_str!("../functions/clauses_postgres.txt")));
/// Postgres computes their results while it plans, however long they are.
const GROWING: &[&str] = &["factorial", "format", "lpad", "repeat", "rpad"];

impl Reading<'_, '_> {
    pub fn calls_are_harmless(&self) -> bool {
        let mut opens = (1..self.pieces.len()).filter(|place| self.is(*place, '('));
        opens.all(|open| match &self.pieces[open - 1] {
            Piece::Word(_) | Piece::Name(_) => self.is_harmless(open - 1),
            // `(path.of.function)(..)`, and what no grammar has.
            Piece::Sign(sign) => ![')', ']', '.'].contains(sign),
            Piece::Literal | Piece::Number => false,
            Piece::Operator(_) => true,
        })
    }

    /// Whether the name before a parenthesis calls no function, or a harmless one.
    fn is_harmless(&self, place: usize) -> bool {
        let is_qualified = self.is_before(place, '.');
        if !is_qualified && (self.is_clause(place) || self.is_alias(place)) {
            return true;
        }
        let Some(path) = self.path_to(place) else {
            return false;
        };
        let dialect = self.schema.dialect();
        let extensions = self.schema.extensions();
        match (dialect, path.as_slice()) {
            (Dialect::Bigquery, ["safe", path @ ..] | path) => {
                lists::is_function(&path.join("."), dialect)
            }
            (Dialect::Postgres, [name] | ["pg_catalog", name]) => {
                // A quoted name has another function if it has another case.
                let is_own = *name == name.to_lowercase() && lists::is_function(name, dialect);
                let is_of_extension = !is_qualified && extensions.have(Kind::Function, None, name);
                !GROWING.contains(name)
                    && !self.names_configuration(name, place)
                    && (is_own || is_of_extension)
            }
            (Dialect::Postgres, [schema, name]) => {
                let written = [(*schema).to_owned(), (*name).to_owned()];
                extensions.have(Kind::Function, Some(schema), name)
                    || casts::is_constructor(self.schema, &written)
            }
            (Dialect::Postgres, _) => false,
        }
    }

    /// Whether the first argument of a function may be the name of a configuration, which is not checked here.
    fn names_configuration(&self, function: &str, place: usize) -> bool {
        let first = (place + 1..self.pieces.len()).find(|place| !self.is(*place, '('));
        objects::is_configured(function)
            && first.is_some_and(|first| self.pieces[first] == Piece::Literal)
    }

    /// The path that ends here.
    fn path_to(&self, place: usize) -> Option<Vec<&str>> {
        let mut path = vec![self.name(place)?];
        let mut first = place;
        while self.is_before(first, '.') {
            first = first.checked_sub(2)?;
            path.insert(0, self.name(first)?);
        }
        Some(path)
    }

    /// A word that calls nothing where it is.
    fn is_clause(&self, place: usize) -> bool {
        let Some(word) = self.word(place) else {
            return false;
        };
        let before = self.word_before(place).unwrap_or_default();
        match self.schema.dialect() {
            Dialect::Bigquery => OF_BIGQUERY.contains(word),
            Dialect::Postgres => {
                OF_POSTGRES.contains(word)
                    || match word {
                        "by" => ["group", "order", "partition"].contains(&before),
                        "sets" => before == "grouping",
                        "cube" | "rollup" => before == "by",
                        "bernoulli" | "system" => before == "tablesample",
                        // No call begins right after a literal.
                        "passing" => place > 0 && self.pieces[place - 1] == Piece::Literal,
                        "varying" => ["bit", "char", "character"].contains(&before),
                        "over" | "filter" => place > 0 && self.closes_call(place - 1),
                        _ => false,
                    }
            }
        }
    }

    /// Whether this parenthesis closes the arguments of a function, or what follows them. After other
    /// parentheses a call may begin: `distinct on (a) f(b)`, `a operator(=) f(b)`.
    fn closes_call(&self, place: usize) -> bool {
        let Some(open) = self.is(place, ')').then(|| self.open_of(place)).flatten() else {
            return false;
        };
        let Some(name) = open.checked_sub(1) else {
            return false;
        };
        let dialect = self.schema.dialect();
        let is_within =
            self.word(name) == Some("group") && self.word_before(name) == Some("within");
        is_within
            || self.word(name) == Some("filter")
            || self.name(name).is_some_and(|it| {
                lists::is_function(it, dialect)
                    || self.schema.extensions().have(Kind::Function, None, it)
            })
    }

    /// `as t (a, b)`, `with t (a, b) as`, `as materialized (`. The columns are checked with the types.
    fn is_alias(&self, place: usize) -> bool {
        if self.schema.dialect() == Dialect::Bigquery {
            // `with(a as f(b), ..)` and `define a as f(b)` call a function.
            return false;
        }
        match self.word_before(place) {
            Some("as" | "with" | "recursive") => true,
            Some("not") => self.word(place) == Some("materialized"),
            _ => false,
        }
    }

    /// Whether each operator is one of Postgres or of an extension of the database.
    pub fn operators_are_known(&self) -> bool {
        self.pieces.iter().all(|piece| match piece {
            Piece::Operator(operator) => {
                operator == "=>"
                    || lists::is_operator(operator)
                    || self
                        .schema
                        .extensions()
                        .have(Kind::Operator, None, operator)
            }
            _ => true,
        })
    }
}
