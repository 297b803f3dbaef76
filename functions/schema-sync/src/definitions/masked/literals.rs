//! Masks literals by the literals before them, which may be their names.

use sqlparser::tokenizer::Token;

use super::{Query, SECRET, TYPES, value};

/// The most bytes before a literal that may label it.
const CONTEXT: usize = 1000;
/// Words between a literal and its value, or between two values.
const BETWEEN: [&str; 14] = [
    "all", "any", "array", "as", "ilike", "in", "like", "not", "row", "similar", "to", "values",
    "then", "when",
];

pub(super) fn mask(query: &mut Query, tokens: &[(usize, Token)]) -> Result<(), String> {
    Walk::default().all(query, tokens)
}

/// The literal before a token of a query, which may name the value in it.
#[derive(Default)]
struct Walk {
    /// The literal before, with only commas, comparisons, casts and parentheses since.
    literal: Option<usize>,
    /// The texts that are concatenated with the last literal.
    joined: String,
    /// Whether only `||` is between the last literal and this.
    is_joined: bool,
    is_cast: bool,
    is_alias: bool,
}

impl Walk {
    fn all(mut self, query: &mut Query, tokens: &[(usize, Token)]) -> Result<(), String> {
        for (number, (at, token)) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) => {
                    let next = tokens.get(number + 1);
                    let name = (word.value.as_str(), word.quote_style.is_some());
                    self.word(name, next.map(|(_, token)| token));
                }
                token if value(token).is_some() => {
                    if query.parts[*at].text.is_some() {
                        self.value(*at, query)?;
                    }
                    self.is_cast = false;
                }
                token => self.sign(token),
            }
        }
        Ok(())
    }

    fn value(&mut self, at: usize, query: &mut Query) -> Result<(), String> {
        let before = self.literal.filter(|_| self.is_joined);
        if before.is_none() {
            self.joined.clear();
        }
        if let Some(before) = before {
            query.mask_after(&self.joined, before, at)?;
            query.mask_as(&self.joined, at)?;
            // The rest of a secret, or what a label that is split seemed to be.
            if query.text(before) == SECRET {
                query.set(at, SECRET.to_owned());
            }
        } else if let Some(before) = self.literal {
            let label = query.text(before).to_owned();
            query.mask_as(&label, at)?;
        }
        self.joined += query.text(at);
        let from = self.joined.len().saturating_sub(CONTEXT);
        let from = self.joined.ceil_char_boundary(from);
        self.joined.drain(..from);
        (self.literal, self.is_joined, self.is_alias) = (Some(at), true, false);
        Ok(())
    }

    fn word(&mut self, (name, is_quoted): (&str, bool), next: Option<&Token>) {
        let lower = name.to_lowercase();
        let is = |words: &[&str]| !is_quoted && words.contains(&lower.as_str());
        // A type, such as `pg_catalog.text` or `character varying`.
        if self.is_cast || self.is_alias && is(&TYPES) {
            self.is_cast = next == Some(&Token::Period)
                || matches!(next, Some(Token::Word(word)) if TYPES.contains(&word.value.to_lowercase().as_str()));
            self.is_alias = false;
        } else if is(&BETWEEN) {
            self.is_alias = lower == "as";
            self.is_joined &= self.is_alias;
        } else if !matches!(next, Some(Token::Period | Token::LParen)) {
            (self.literal, self.is_alias) = (None, false);
        }
    }

    fn sign(&mut self, token: &Token) {
        match token {
            Token::DoubleColon => self.is_cast = true,
            Token::Period
            | Token::StringConcat
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket => {}
            Token::Comma
            | Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Assignment
            | Token::RArrow
            | Token::Tilde
            | Token::TildeAsterisk
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk => self.is_joined = false,
            _ => *self = Self::default(),
        }
        self.is_cast &= matches!(token, Token::DoubleColon | Token::Period);
        self.is_alias = false;
    }
}
