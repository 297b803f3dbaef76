//! Which tokens begin a table's name: those after `from`, `join` and the commas of a `from` clause.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{is, is_word};

/// Functions whose arguments have a `from` of their own.
const WITH_FROM: &[&str] = &["extract", "trim", "substring", "overlay"];
const OTHER_CLAUSES: &[&str] = &[
    "select",
    "where",
    "group",
    "having",
    "qualify",
    "order",
    "limit",
    "window",
    "union",
    "intersect",
    "except",
    "aggregate",
    "extend",
    "set",
    "drop",
    "rename",
    "pivot",
    "unpivot",
];

#[derive(Clone, Copy, Default)]
struct Level {
    in_from: bool,
    /// `from` is part of a function's arguments.
    has_own_from: bool,
}

/// Follows a query token by token.
#[derive(Default)]
pub struct Clauses {
    levels: Vec<Level>,
    level: Level,
    is_table: bool,
}

impl Clauses {
    /// Whether the next token begins a table's name or the parentheses around one.
    pub fn is_table(&self) -> bool {
        self.is_table
    }

    /// Moves on by the token at `place`.
    pub fn step(&mut self, tokens: &[TokenWithSpan], place: usize) {
        let token = tokens.get(place);
        let before = place.checked_sub(1).and_then(|place| tokens.get(place));
        let was_table = std::mem::take(&mut self.is_table);
        match token.map(|token| &token.token) {
            Some(Token::LParen) => {
                self.levels.push(self.level);
                self.level = Level {
                    in_from: was_table,
                    has_own_from: is_word(before, WITH_FROM),
                };
                self.is_table = was_table;
            }
            Some(Token::RParen) => self.level = self.levels.pop().unwrap_or_default(),
            Some(Token::Comma) => self.is_table = self.level.in_from,
            Some(Token::VerticalBarRightAngleBracket) => self.level.in_from = false,
            Some(Token::Word(_)) if is_word(token, &["from"]) => {
                let is_distinct_from = is_word(before, &["distinct"]);
                if !self.level.has_own_from && !is_distinct_from {
                    self.level.in_from = true;
                    self.is_table = true;
                }
            }
            Some(Token::Word(_)) if is_word(token, &["join"]) => {
                self.level.in_from = true;
                self.is_table = true;
            }
            Some(Token::Word(_)) if is_word(token, &["table", "model"]) => {
                self.is_table = is(before, &Token::LParen)
                    || is(before, &Token::Comma)
                    || is(before, &Token::RArrow);
            }
            Some(Token::Word(_)) if is_word(token, OTHER_CLAUSES) => self.level.in_from = false,
            _ => {}
        }
    }
}
