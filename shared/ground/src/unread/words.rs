//! The bare words of a query that the parser can't read, in Postgres.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use schema::Dialect;
use schema::document::Column;
use schema::stand_in::RECORD;

use super::reading::Reading;
use crate::extensions::Kind;
use crate::lexical::Piece;
use crate::lists;
use crate::objects;

static KEYWORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lists::words(include_str!("../functions/keywords_postgres.txt")));

/// The words before a star that stands for columns.
const BEFORE_STAR: &[&str] = &["all", "distinct", "returning", "select"];

impl Reading<'_, '_> {
    /// Whether the query may reach a record whose fields the reader of the schema may not see: by the name of its
    /// column, or without it by a star, by the command `table` or by renaming columns by their places.
    pub fn reaches_hidden_record(&self, names: &BTreeSet<String>) -> bool {
        let may_read =
            |own: &str| !self.partitions.is_empty() || names.contains(&own.to_lowercase());
        let tables = self.schema.tables();
        let mut hidden = BTreeSet::new();
        for table in tables.filter(|table| may_read(table.own_name())) {
            add_hidden(&table.columns, &mut hidden);
        }
        let is_reached = |place: usize| {
            self.is_word(place, &["table"])
                || self.is_star(place)
                || self.is_word(place, &["as"])
                    && self.name(place + 1).is_some()
                    && self.is(place + 2, '(')
                    && self.type_at(place + 1).is_none()
        };
        !hidden.is_empty() && (!hidden.is_disjoint(names) || (0..self.pieces.len()).any(is_reached))
    }

    /// `*` and `t.*`, but neither `count(*)` nor a product.
    fn is_star(&self, place: usize) -> bool {
        let is_it = matches!(&self.pieces[place], Piece::Operator(it) if it == "*");
        let is_count = self.is_before(place, '(') && self.is(place + 1, ')');
        let is_product = place > 0
            && match &self.pieces[place - 1] {
                Piece::Number | Piece::Literal | Piece::Name(_) => true,
                Piece::Word(word) => !BEFORE_STAR.contains(&word.as_str()),
                Piece::Operator(_) | Piece::Sign(_) => false,
            };
        is_it && !is_count && !is_product
    }

    /// Whether each collation may be named.
    pub fn collations_are_known(&self) -> bool {
        let mut places = (0..self.pieces.len()).filter(|place| self.is_word(*place, &["collate"]));
        places.all(|place| {
            let (path, _) = self.path(place + 1);
            let names: Vec<String> = path.into_iter().map(str::to_owned).collect();
            objects::is_collation(self.schema, &names)
        })
    }

    /// Whether each word is one of the grammar, a function, a type, a name of the schema or one that the query
    /// defines. What follows a dot or calls a function is checked as such.
    pub fn words_are_known(&self) -> bool {
        (0..self.pieces.len()).all(|place| {
            let Some(name) = self.name(place) else {
                return true;
            };
            self.is_before(place, '.')
                || self.is(place + 1, '(')
                || self
                    .word(place)
                    .is_some_and(|word| self.is_of_grammar(word))
                || self.is_in_schema(name)
                || self.partitions.contains(&name.to_lowercase())
                || self.schema.extensions().has_schema(name)
                || self.is_defined(name)
        })
    }

    fn is_of_grammar(&self, word: &str) -> bool {
        let extensions = self.schema.extensions();
        KEYWORDS.contains(word)
            || word == "pg_catalog"
            || lists::is_function(word, Dialect::Postgres)
            || lists::is_type(word, Dialect::Postgres)
            || extensions.have(Kind::Type, None, word)
    }

    fn is_defined(&self, name: &str) -> bool {
        (0..self.pieces.len())
            .any(|place| self.name(place) == Some(name) && self.is_definition(place))
    }

    /// Whether a name is defined here: after `as`, right after a value or a table, as a table of `with`, or in the
    /// list of columns of an alias.
    fn is_definition(&self, place: usize) -> bool {
        let Some(before) = place.checked_sub(1) else {
            return false;
        };
        let defining = [
            "as",
            "columns",
            "end",
            "only",
            "recursive",
            "window",
            "with",
        ];
        let follows = match &self.pieces[before] {
            Piece::Word(word) => {
                defining.contains(&word.as_str())
                    || !KEYWORDS.contains(word.as_str())
                    || self.is_in_schema(word)
            }

            Piece::Name(_) | Piece::Literal | Piece::Number | Piece::Sign(')' | ']') => true,
            Piece::Sign('(' | ',') => self.is_of_alias(before),
            Piece::Operator(_) | Piece::Sign(_) => false,
        };
        let is_of_with = self.is_word(place + 1, &["as"])
            && (self.is(place + 2, '(') || self.is_word(place + 2, &["materialized", "not"]));
        follows || is_of_with || self.type_at(place + 1).is_some()
    }

    /// Whether the parentheses around this sign are the list of columns of an alias: `as t (a, b)`.
    fn is_of_alias(&self, sign: usize) -> bool {
        let mut depth = 0_usize;
        let open = (0..=sign).rev().find(|place| {
            let is_open = self.is(*place, '(') && depth == 0;
            depth += usize::from(self.is(*place, ')'));
            depth = depth.saturating_sub(usize::from(self.is(*place, '(')));
            is_open
        });
        let alias = open.and_then(|open| open.checked_sub(1));
        alias.is_some_and(|alias| {
            self.name(alias).is_some()
                && self
                    .word_before(alias)
                    .is_some_and(|word| ["as", "recursive", "with"].contains(&word))
        })
    }
}

fn add_hidden(columns: &[Column], names: &mut BTreeSet<String>) {
    for column in columns {
        let is_hidden = column.cut && column.fields.is_empty() && column.data_type == RECORD;
        if is_hidden {
            names.insert(column.name.to_lowercase());
        }
        add_hidden(&column.fields, names);
    }
}
