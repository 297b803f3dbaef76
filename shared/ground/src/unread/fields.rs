//! The names after a dot, in Postgres: a column that a row does not have calls the function of that name,
//! `u.f` for `f(u)`.

use super::reading::Reading;
use crate::lexical::Piece;

impl Reading<'_, '_> {
    /// Whether each name after a dot is one of the schema, or of a table that the parser found.
    pub fn fields_are_known(&self) -> bool {
        let mut dots = (0..self.pieces.len()).filter(|place| self.is(*place, '.'));
        dots.all(|dot| match self.pieces.get(dot + 1) {
            Some(Piece::Word(name) | Piece::Name(name)) => {
                let name = name.to_lowercase();
                // Calls and types are checked as such.
                self.is(dot + 2, '(')
                    || self.is_of_type(dot)
                    || self.partitions.contains(&name)
                    || self.is_in_schema(&name)
                    || self.is_of_xmltable(dot)
            }
            Some(Piece::Operator(operator)) => operator == "*",
            Some(Piece::Number) => true,
            _ => dot > 0 && self.pieces[dot - 1] == Piece::Number,
        })
    }

    /// `::schema.type`.
    fn is_of_type(&self, dot: usize) -> bool {
        dot >= 3 && self.is(dot - 2, ':') && self.is(dot - 3, ':')
    }

    /// `x.a` after `xmltable(.. columns a int ..) as x`, if the query gives no other table that alias.
    fn is_of_xmltable(&self, dot: usize) -> bool {
        let (Some(alias), Some(column)) = (
            dot.checked_sub(1).and_then(|it| self.name(it)),
            self.name(dot + 1),
        ) else {
            return false;
        };
        let is_defined = |open: usize| {
            let Some(close) = self.close_of(open) else {
                return false;
            };
            let named = close + 1 + usize::from(self.is_word(close + 1, &["as"]));
            let mut columns = (open..close)
                .filter(|place| self.is_word(*place, &["columns"]) || self.is(*place, ','));
            self.name(named) == Some(alias)
                && columns.any(|place| {
                    self.name(place + 1) == Some(column) && self.type_at(place + 2).is_some()
                })
        };
        let places = 0..self.pieces.len();
        let uses = places
            .clone()
            .filter(|place| self.name(*place) == Some(alias) && !self.is(place + 1, '.'));
        !self.is_before(dot - 1, '.')
            && uses.count() == 1
            && places
                .filter(|place| self.is_word(*place, &["xmltable"]) && self.is(place + 1, '('))
                .any(|place| is_defined(place + 1))
    }
}
