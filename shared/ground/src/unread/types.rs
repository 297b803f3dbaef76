//! The types that a query names, in Postgres. A row type needs no permission to read its table, and its
//! columns are those of the table.

use super::reading::Reading;
use crate::casts;
use crate::extensions::Kind;
use crate::lexical::Piece;
use crate::lists;
use crate::types::TYPE_WORDS;

use schema::Dialect;

/// Further words of the names of types.
const LONGER: &[&str] = &["precision", "varying", "zone"];
/// Reserved words that may stand before a literal, which can't be the name of a type.
const BEFORE_LITERALS: &[&str] = &[
    "all",
    "and",
    "any",
    "asymmetric",
    "between",
    "both",
    "case",
    "default",
    "distinct",
    "else",
    "from",
    "having",
    "ilike",
    "in",
    "leading",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "select",
    "symmetric",
    "then",
    "to",
    "trailing",
    "when",
    "where",
];
/// What begins the parentheses after `as` of a query or a window.
const QUERY_OR_WINDOW: &[&str] = &[
    "select",
    "with",
    "values",
    "table",
    "partition",
    "order",
    "range",
    "rows",
    "groups",
];

impl Reading<'_, '_> {
    /// Whether each type is one of Postgres, of an extension or of a column of the schema.
    pub fn types_are_known(&self) -> bool {
        (0..self.pieces.len()).all(|place| {
            let is_cast = self.is(place, ':') && self.is(place + 1, ':');
            match self.word(place) {
                _ if is_cast => self.type_at(place + 2).is_some(),
                _ if self.pieces[place] == Piece::Literal => self.follows_type(place),
                Some("cast" | "treat" | "xmlserialize") if self.is(place + 1, '(') => {
                    self.casts_to_known(place + 1)
                }
                Some("returning") => self.type_at(place + 1).is_some(),
                Some("columns") => {
                    let open = usize::from(self.is(place + 1, '('));
                    self.definitions(place + 1 + open, false)
                }
                Some("as" | "with" | "recursive") => self.alias(place + 1),
                _ => true,
            }
        })
    }

    /// The place after the type that begins here, if it is known.
    pub fn type_at(&self, place: usize) -> Option<usize> {
        let (path, end) = self.path(place);
        let extensions = self.schema.extensions();
        let is_own = |name: &str| {
            lists::is_type(name, Dialect::Postgres) && name == name.to_lowercase()
                || self.is_word(end - 1, TYPE_WORDS)
        };
        let is_known = match path.as_slice() {
            [own] => is_own(own) || extensions.have(Kind::Type, None, own),
            ["pg_catalog", own] => is_own(own),
            [schema, own] => {
                let written = [(*schema).to_owned(), (*own).to_owned()];
                extensions.have(Kind::Type, Some(schema), own)
                    || casts::is_type_of_column(self.schema, &written)
            }
            _ => false,
        };
        is_known.then_some(end)
    }

    /// Whether the name before a literal, if there is one, is no unknown type: `shop.mood 'sad'`.
    fn follows_type(&self, literal: usize) -> bool {
        let Some(last) = literal.checked_sub(1) else {
            return true;
        };
        if self.name(last).is_none() || self.is_word(last, BEFORE_LITERALS) {
            return true;
        }
        // No constant begins right after a value.
        let follows_value =
            last > 0 && matches!(self.pieces[last - 1], Piece::Literal | Piece::Name(_));
        if follows_value && self.is_word(last, &["escape", "similar"]) {
            return true;
        }
        if self.is_word(last, LONGER) {
            return self.word_before(last).is_some_and(|word| {
                TYPE_WORDS.contains(&word) || ["char", "time"].contains(&word)
            });
        }
        let mut first = last;
        while self.is_before(first, '.') && first >= 2 {
            first -= 2;
        }
        self.type_at(first) == Some(literal)
    }

    /// Whether the type after the last `as` in these parentheses is known.
    fn casts_to_known(&self, open: usize) -> bool {
        let Some(close) = self.close_of(open) else {
            return false;
        };
        let mut depth = 0_usize;
        let mut last = None;
        for place in open + 1..close {
            depth += usize::from(self.is(place, '('));
            depth = depth.saturating_sub(usize::from(self.is(place, ')')));
            if depth == 0 && self.word(place) == Some("as") {
                last = Some(place);
            }
        }
        last.is_some_and(|place| self.type_at(place + 1).is_some())
    }

    /// Checks the columns of an alias, if there are any: `t (a, b)`, `t (a int)`, `(a int)`.
    fn alias(&self, place: usize) -> bool {
        if self.is(place, '(') {
            return self.is(place + 1, '(')
                || self.is(place + 1, ')')
                || self.is_word(place + 1, QUERY_OR_WINDOW)
                || self.definitions(place + 1, false);
        }
        if self.name(place).is_none()
            || !self.is(place + 1, '(')
            || self.is_word(place, &["materialized"])
        {
            return true;
        }
        let Some(close) = self.close_of(place + 1) else {
            return false;
        };
        let mut modifiers = self.pieces[place + 2..close].iter();
        // `as numeric(10, 2)`.
        let is_modifier = |piece: &Piece| matches!(piece, Piece::Number | Piece::Sign(','));
        let is_type = self.type_at(place) == Some(place + 1) && modifiers.all(is_modifier);
        is_type || self.definitions(place + 2, true)
    }

    /// Whether each column that is defined from here until a parenthesis closes has a known type, or only a
    /// name if that is enough.
    fn definitions(&self, first: usize, are_names_enough: bool) -> bool {
        let mut place = first;
        loop {
            let after = place + 1;
            let is_bare = self.is(after, ',') || self.is(after, ')');
            let is_defined = self.name(place).is_some()
                && ((is_bare && are_names_enough)
                    || (self.is_word(after, &["for"]) && self.is_word(after + 1, &["ordinality"]))
                    || self.type_at(after).is_some());
            if !is_defined {
                return false;
            }
            let mut depth = 0_usize;
            let Some(end) = (after..self.pieces.len()).find(|place| {
                let ends = depth == 0 && (self.is(*place, ',') || self.is(*place, ')'));
                depth += usize::from(self.is(*place, '('));
                depth = depth.saturating_sub(usize::from(self.is(*place, ')')));
                ends
            }) else {
                return false;
            };
            if self.is(end, ')') {
                return true;
            }
            place = end + 1;
        }
    }
}
