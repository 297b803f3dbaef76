//! Syntax of Postgres.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Tokens, at, is, is_word, keyword, like_any, quoted};

pub fn rewrite(mut tokens: Tokens) -> Tokens {
    like_any(&mut tokens);
    group_by_distinct(&mut tokens);
    let tokens = table_as_query(without_variadic(tokens));
    let tokens = all_fields(is_null(without_parentheses(&tokens)));
    rows_from(&tokens)
}

/// `x isnull` becomes `x is null`. It is a reserved word, so it can't be a name.
fn is_null(tokens: Tokens) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    for token in tokens {
        let span = token.span;
        if is_word(Some(&token), &["isnull"]) && !is(read.last(), &Token::Period) {
            read.extend([keyword(span, "IS"), keyword(span, "NULL")]);
        } else if is_word(Some(&token), &["notnull"]) && !is(read.last(), &Token::Period) {
            let words = ["IS", "NOT", "NULL"];
            read.extend(words.map(|word| keyword(span, word)));
        } else {
            read.push(token);
        }
    }
    read
}

/// Functions that are called without parentheses, and that the parser takes for columns.
fn without_parentheses(tokens: &[TokenWithSpan]) -> Tokens {
    let functions = [
        "current_schema",
        "current_catalog",
        "current_role",
        "system_user",
    ];
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    for (place, token) in tokens.iter().enumerate() {
        let span = token.span;
        let is_call = is_word(Some(token), &functions)
            && !is(tokens.get(place + 1), &Token::LParen)
            && !is(read.last(), &Token::Period)
            && !is_word(read.last(), &["as"]);
        read.push(token.clone());
        if is_call {
            read.extend([at(span, Token::LParen), at(span, Token::RParen)]);
        }
    }
    read
}

/// `group by distinct a, rollup (b)` has the keys of `group by a, rollup (b)`.
fn group_by_distinct(tokens: &mut Tokens) {
    let mut place = 2;
    while place < tokens.len() {
        let is_by =
            is_word(tokens.get(place - 2), &["group"]) && is_word(tokens.get(place - 1), &["by"]);
        if is_by && is_word(tokens.get(place), &["distinct", "all"]) {
            tokens.remove(place);
        }
        place += 1;
    }
}

/// `f(variadic array[a, b])` names what `f(array[a, b])` names.
fn without_variadic(tokens: Tokens) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    for token in tokens {
        let begins = is(read.last(), &Token::LParen) || is(read.last(), &Token::Comma);
        if !(begins && is_word(Some(&token), &["variadic"])) {
            read.push(token);
        }
    }
    read
}

/// `table t` becomes `select * from t`. It is a reserved word, so it can't be a name.
fn table_as_query(tokens: Tokens) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    for token in tokens {
        let span = token.span;
        let begins = match read.last().map(|last| &last.token) {
            None | Some(Token::LParen | Token::RParen) => true,
            _ => is_word(
                read.last(),
                &["all", "distinct", "except", "intersect", "union"],
            ),
        };
        if is_word(Some(&token), &["table"]) && begins {
            read.extend([
                keyword(span, "SELECT"),
                at(span, Token::Mul),
                keyword(span, "FROM"),
            ]);
        } else {
            read.push(token);
        }
    }
    read
}

/// `(address).*` becomes a field of this name, for which the parser has a syntax.
pub const ALL_FIELDS: &str = "*";

fn all_fields(mut tokens: Tokens) -> Tokens {
    for place in 2..tokens.len() {
        let is_all = is(tokens.get(place), &Token::Mul)
            && is(tokens.get(place - 1), &Token::Period)
            && (is(tokens.get(place - 2), &Token::RParen)
                || is(tokens.get(place - 2), &Token::RBracket));
        if is_all {
            tokens[place] = quoted(tokens[place].span, ALL_FIELDS.to_owned());
        }
    }
    tokens
}

/// `rows from (f(..), g(..))` has the columns of `lateral (select f(..), g(..))`.
fn rows_from(tokens: &[TokenWithSpan]) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let is_rows = is_word(Some(token), &["rows"])
            && is_word(tokens.get(place + 1), &["from"])
            && is(tokens.get(place + 2), &Token::LParen);
        if is_rows {
            let span = token.span;
            read.extend([
                keyword(span, "LATERAL"),
                at(span, Token::LParen),
                keyword(span, "SELECT"),
            ]);
            place += 3;
        } else {
            read.push(token.clone());
            place += 1;
        }
    }
    read
}
