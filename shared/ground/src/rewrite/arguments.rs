//! Tables, models and queries as arguments of table functions, and queries that start with `from`.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Tokens, at, is, is_name, is_word, keyword};

/// Functions whose arguments have a `from` of their own.
const WITH_FROM: &[&str] = &["extract", "trim", "substring", "overlay"];

/// `table t` becomes `(select * from t)`, `model m` becomes `m`, and `(from t)` becomes
/// `(select * from t)`.
pub fn rewrite(tokens: &[TokenWithSpan]) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let span = token.span;
        let before = place.checked_sub(1).and_then(|place| tokens.get(place));
        let is_argument =
            is(before, &Token::LParen) || is(before, &Token::Comma) || is(before, &Token::RArrow);
        let names = is_name(tokens.get(place + 1));
        if is_argument && names && is_word(Some(token), &["table"]) {
            let end = path_end(tokens, place + 1);
            read.push(at(span, Token::LParen));
            read.extend(select_all(token));
            read.push(keyword(span, "FROM"));
            read.extend_from_slice(&tokens[place + 1..end]);
            read.push(at(span, Token::RParen));
            place = end;
            continue;
        }
        if is_argument && names && is_word(Some(token), &["model"]) {
            place += 1;
            continue;
        }
        if is_word(Some(token), &["from"])
            && is(before, &Token::LParen)
            && !is_word(
                place.checked_sub(2).and_then(|it| tokens.get(it)),
                WITH_FROM,
            )
        {
            read.extend(select_all(token));
        }
        read.push(token.clone());
        place += 1;
    }
    read
}

/// `select *` at the place of one token, which tells it from one that was written.
fn select_all(token: &TokenWithSpan) -> [TokenWithSpan; 2] {
    [keyword(token.span, "SELECT"), at(token.span, Token::Mul)]
}

fn path_end(tokens: &[TokenWithSpan], start: usize) -> usize {
    let mut end = start + 1;
    while is(tokens.get(end), &Token::Period) && is_name(tokens.get(end + 1)) {
        end += 2;
    }
    end
}
