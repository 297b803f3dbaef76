//! Pipe operators that the parser does not know.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{Tokens, at, is, is_word, keyword};

pub fn rewrite(tokens: &[TokenWithSpan]) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    // The depth of parentheses, and at which depth an `assert` must be closed.
    let (mut depth, mut assert) = (0_usize, None);
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let span = token.span;
        let ends = matches!(
            token.token,
            Token::VerticalBarRightAngleBracket | Token::RParen
        );
        if ends && assert == Some(depth) {
            read.extend(is_not_null(token));
            assert = None;
        }
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if is_trailing_comma(tokens, place) {
            place += 1;
            continue;
        }
        let starts = is(read.last(), &Token::VerticalBarRightAngleBracket);
        let next = tokens.get(place + 1);
        if starts && is_word(Some(token), &["distinct", "static_describe"]) {
            // They keep all columns.
            read.extend([keyword(span, "WHERE"), keyword(span, "TRUE")]);
        } else if starts && is_word(Some(token), &["window"]) {
            read.push(keyword(span, "EXTEND"));
        } else if starts && is_word(Some(token), &["assert"]) {
            let open = at(span, Token::LParen);
            read.extend([keyword(span, "WHERE"), keyword(span, "STRUCT"), open]);
            assert = Some(depth);
        } else if starts && is_word(Some(token), &["select"]) && is_word(next, &["distinct"]) {
            read.push(token.clone());
            place += 1;
        } else if is_word(read.last(), &["group"])
            && is_word(Some(token), &["and"])
            && is_word(next, &["order"])
        {
            place += 1;
        } else {
            read.push(token.clone());
        }
        place += 1;
    }
    if let (Some(_), Some(last)) = (assert, tokens.last()) {
        read.extend(is_not_null(last));
    }
    read
}

fn is_not_null(token: &TokenWithSpan) -> [TokenWithSpan; 4] {
    let word = |word| keyword(token.span, word);
    let close = at(token.span, Token::RParen);
    [close, word("IS"), word("NOT"), word("NULL")]
}

/// The comma after the last item of a pipe operator.
fn is_trailing_comma(tokens: &[TokenWithSpan], place: usize) -> bool {
    let next = tokens.get(place + 1);
    is(tokens.get(place), &Token::Comma)
        && (next.is_none()
            || is(next, &Token::VerticalBarRightAngleBracket)
            || (is_word(next, &["group"]) && is_word(tokens.get(place + 2), &["by", "and"])))
}
