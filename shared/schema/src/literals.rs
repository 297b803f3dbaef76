//! What the literals and comments of SQL say.

use sqlparser::dialect::{BigQueryDialect, PostgreSqlDialect};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use crate::Dialect;

/// The tokens of SQL, with its spaces and comments. None if it has none, such as an open quote.
pub fn tokens(sql: &str, dialect: Dialect) -> Option<Vec<TokenWithSpan>> {
    let tokens = match dialect {
        Dialect::Bigquery => Tokenizer::new(&BigQueryDialect, sql).tokenize_with_location(),
        Dialect::Postgres => Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location(),
    };
    tokens.ok()
}

/// The text of a literal.
pub fn literal(token: &Token) -> Option<&str> {
    match token {
        Token::SingleQuotedString(text)
        | Token::DoubleQuotedString(text)
        | Token::TripleSingleQuotedString(text)
        | Token::TripleDoubleQuotedString(text)
        | Token::SingleQuotedByteStringLiteral(text)
        | Token::DoubleQuotedByteStringLiteral(text)
        | Token::TripleSingleQuotedByteStringLiteral(text)
        | Token::TripleDoubleQuotedByteStringLiteral(text)
        | Token::SingleQuotedRawStringLiteral(text)
        | Token::DoubleQuotedRawStringLiteral(text)
        | Token::TripleSingleQuotedRawStringLiteral(text)
        | Token::TripleDoubleQuotedRawStringLiteral(text)
        | Token::NationalStringLiteral(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::HexStringLiteral(text) => Some(text),
        Token::DollarQuotedString(text) => Some(&text.value),
        Token::QuoteDelimitedStringLiteral(text)
        | Token::NationalQuoteDelimitedStringLiteral(text) => Some(&text.value),
        _ => None,
    }
}

/// The text of a comment.
pub fn comment(token: &Token) -> Option<&str> {
    match token {
        Token::Whitespace(
            Whitespace::SingleLineComment { comment, .. } | Whitespace::MultiLineComment(comment),
        ) => Some(comment),
        _ => None,
    }
}

/// Whether a text may have a placeholder, such as `[SECRET]` or `[PHONE_2]`.
pub(crate) fn has_placeholder(text: &str) -> bool {
    text.split('[').skip(1).any(|rest| {
        let label = rest.split_once(']').map_or("", |(label, _)| label);
        let is_label = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
        label.starts_with(|it: char| it.is_ascii_uppercase()) && label.chars().all(is_label)
    })
}
