//! The paths of names in a query, in BigQuery, which reports the tables below a view instead of the view.

use super::reading::Reading;
use crate::lexical::Piece;

/// The parts of the whole name of a table.
const WHOLE: usize = 3;
/// What expressions follow, so that a comma after them does not continue a list of tables.
const BEFORE_EXPRESSIONS: &[&str] = &[
    "aggregate",
    "by",
    "extend",
    "having",
    "qualify",
    "select",
    "set",
    "where",
];

impl Reading<'_, '_> {
    /// Whether each path is a table of the schema, or begins with a table, a column or an alias of the query.
    pub fn paths_are_known(&self) -> bool {
        (0..self.pieces.len())
            .filter(|place| self.name(*place).is_some() && !self.is_before(*place, '.'))
            .all(|place| self.is_known_path(place))
    }

    fn is_known_path(&self, first: usize) -> bool {
        let (names, end) = self.path(first);
        let parts: Vec<String> = names
            .iter()
            .flat_map(|name| name.split('.'))
            .map(str::to_owned)
            .collect();
        // Calls are checked as such. A table needs its dataset.
        if self.is(end, '(') || parts.len() == 1 {
            return true;
        }
        let is_table = |parts: &[String]| matches!(self.schema.look_up(parts), Ok(Some(_)));
        if self.is_place_of_table(first) {
            return parts.len() >= WHOLE && is_table(&parts);
        }
        let begins_with_table = (WHOLE..=parts.len()).any(|length| is_table(&parts[..length]));
        begins_with_table || self.is_in_schema(&parts[0]) || self.is_alias_of_query(&parts[0])
    }

    /// Whether a table may be named here: after `from`, `join`, `table` and in the list after them.
    fn is_place_of_table(&self, place: usize) -> bool {
        let Some(before) = place.checked_sub(1) else {
            return true;
        };
        match &self.pieces[before] {
            Piece::Word(word) if word == "from" => !self.is_in_extract(before),
            Piece::Word(word) => ["graph", "join", "model", "table"].contains(&word.as_str()),
            // `my-project.dataset.table`.
            Piece::Sign('-') if before > 0 && self.name(before - 1).is_some() => {
                self.is_place_of_table(before - 1)
            }
            Piece::Sign('(') => match before.checked_sub(1) {
                Some(name) if self.name(name).is_some() => self.is_word(name, &["from", "join"]),
                _ => self.is_place_of_table(before),
            },
            Piece::Sign(',') => self.continues_tables(before),
            _ => false,
        }
    }

    /// `extract(day from t.at)`.
    fn is_in_extract(&self, from: usize) -> bool {
        from >= 3 && self.is(from - 2, '(') && self.is_word(from - 3, &["extract"])
    }

    /// Whether a comma may continue a list of tables.
    fn continues_tables(&self, comma: usize) -> bool {
        let mut place = comma;
        while let Some(before) = place.checked_sub(1) {
            place = before;
            if self.is(place, ')') {
                match self.open_of(place) {
                    Some(open) => place = open,
                    None => return true,
                }
            } else if self.is(place, '[') {
                return false;
            } else if self.is(place, '(') {
                // The arguments of a function, unless it is a list of joined tables.
                return self.is_word(place.wrapping_sub(1), &["from", "join"])
                    || place
                        .checked_sub(1)
                        .is_none_or(|it| self.name(it).is_none());
            } else if self.is_word(place, &["from", "join"]) {
                return true;
            } else if self.is_word(place, BEFORE_EXPRESSIONS) {
                return false;
            }
        }
        true
    }

    /// `as name`, or the name after a quoted name or a parenthesis.
    fn is_alias_of_query(&self, name: &str) -> bool {
        (1..self.pieces.len()).any(|place| {
            let is_name = self
                .name(place)
                .is_some_and(|it| it.eq_ignore_ascii_case(name));
            let follows = match &self.pieces[place - 1] {
                Piece::Word(word) => word == "as" || word == "with",
                Piece::Name(_) => true,
                Piece::Sign(sign) => *sign == ')',
                _ => false,
            };
            is_name && follows
        })
    }
}
