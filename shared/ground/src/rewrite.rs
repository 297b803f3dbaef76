//! Rewrites the tokens of a query for the parser: syntax that it does not know becomes syntax that means
//! the same to name resolution. The query itself is not changed.

mod arguments;
mod bigquery;
mod clauses;
mod pipes;
mod postgres;

use schema::Dialect;
use sqlparser::ast::{AccessExpr, Expr, Ident};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use crate::fault::{Fault, FaultKind};

type Tokens = Vec<TokenWithSpan>;

pub(crate) fn rewrite(tokens: Tokens, dialect: Dialect) -> Result<Tokens, Fault> {
    let mut tokens = tokens;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let tokens = match dialect {
        Dialect::Bigquery => bigquery::rewrite(&tokens),
        Dialect::Postgres => postgres::rewrite(tokens),
    };
    refuse_joined_numbers(tokens, dialect)
}

/// `1st`: to the parser it is a number and an alias, to the warehouse it is neither.
fn refuse_joined_numbers(tokens: Tokens, dialect: Dialect) -> Result<Tokens, Fault> {
    let tokens = join_digits(tokens);
    for pair in tokens.windows(2) {
        let [number, word] = pair else { continue };
        if let (Token::Number(digits, _), Token::Word(rest)) = (&number.token, &word.token)
            && touches(number, word)
            && rest.quote_style.is_none()
        {
            let name = format!("{digits}{}", rest.value);
            let quoted = schema::render::identifier(&name, dialect);
            let at = number.span.start;
            let reason = format!(
                "a name can't start with a digit, at line {}, column {}: write {quoted}",
                at.line, at.column
            );
            return Err(Fault::new(FaultKind::Syntax, name, reason));
        }
    }
    Ok(tokens)
}

/// `1_000` is one number.
fn join_digits(tokens: Tokens) -> Tokens {
    let mut joined: Tokens = Vec::with_capacity(tokens.len());
    for token in tokens {
        if let (Some(last), Token::Word(word)) = (joined.last_mut(), &token.token)
            && touches(last, &token)
            && let Token::Number(digits, _) = &mut last.token
            && word.value.starts_with('_')
            && word.value.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        {
            digits.push_str(&word.value.replace('_', ""));
            last.span.end = token.span.end;
        } else {
            joined.push(token);
        }
    }
    joined
}

/// Whether nothing stands between two tokens.
fn touches(left: &TokenWithSpan, right: &TokenWithSpan) -> bool {
    left.span.end == right.span.start
}

/// Whether the token is one of these unquoted words.
fn is_word(token: Option<&TokenWithSpan>, words: &[&str]) -> bool {
    matches!(token, Some(TokenWithSpan { token: Token::Word(word), .. })
        if word.quote_style.is_none()
            && words.iter().any(|it| word.value.eq_ignore_ascii_case(it)))
}

fn is(token: Option<&TokenWithSpan>, wanted: &Token) -> bool {
    token.is_some_and(|token| token.token == *wanted)
}

fn is_name(token: Option<&TokenWithSpan>) -> bool {
    token.is_some_and(|token| matches!(token.token, Token::Word(_)))
}

/// Whether a name stands for all fields of a value.
pub(crate) fn is_all_fields(ident: &Ident) -> bool {
    ident.quote_style == Some('`') && ident.value == postgres::ALL_FIELDS
}

/// Whether it is `(value).*`.
pub(crate) fn is_all_of_value(expression: &Expr) -> bool {
    match expression {
        Expr::CompoundFieldAccess { access_chain, .. } => {
            matches!(access_chain.last(), Some(AccessExpr::Dot(Expr::Identifier(name)))
                if is_all_fields(name))
        }
        _ => false,
    }
}

/// A token that stands at the place of another.
fn at(span: Span, token: Token) -> TokenWithSpan {
    TokenWithSpan::new(token, span)
}

fn keyword(span: Span, word: &str) -> TokenWithSpan {
    at(span, Token::make_keyword(word))
}

fn quoted(span: Span, name: String) -> TokenWithSpan {
    at(
        span,
        Token::Word(Word {
            value: name,
            quote_style: Some('`'),
            keyword: Keyword::NoKeyword,
        }),
    )
}

/// The place of the bracket that closes the one at `open`.
fn closing(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// `like all (..)` has the operands of `like any (..)`, and `like any unnest(..)` those of `in unnest(..)`,
/// which the parser knows.
fn like_any(tokens: &mut Tokens) {
    let mut place = 1;
    while place < tokens.len() {
        if is_word(tokens.get(place), &["any", "all", "some"])
            && is_word(tokens.get(place - 1), &["like", "ilike"])
        {
            if is_word(tokens.get(place + 1), &["unnest"]) {
                tokens[place - 1] = keyword(tokens[place - 1].span, "IN");
                tokens.remove(place);
            } else {
                tokens[place] = keyword(tokens[place].span, "ANY");
            }
        }
        place += 1;
    }
}
