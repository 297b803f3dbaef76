//! Escaped characters in quoted names: `` `a\u200b` `` in BigQuery, `U&"a\200b"` in Postgres. The parser
//! supports neither. [`schema::render`] writes invisible characters this way, and only for those are
//! escapes accepted: visible characters must be written as they are.

use schema::Dialect;
use schema::render::is_invisible;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::fault::Fault;
use crate::fault::FaultKind;

/// Replaces escapes by their characters.
pub(crate) fn resolve(tokens: &mut Vec<TokenWithSpan>, dialect: Dialect) -> Result<(), Fault> {
    match dialect {
        Dialect::Bigquery => {
            for token in tokens {
                if let Token::Word(word) = &mut token.token
                    && word.quote_style == Some('`')
                    && word.value.contains('\\')
                {
                    let value = unescaped(&word.value, bigquery);
                    word.value = value.ok_or_else(|| {
                        refused("a backslash in a name", "write the name as it is")
                    })?;
                }
            }
            Ok(())
        }
        Dialect::Postgres => unicode_names(tokens),
    }
}

/// The parser splits `U&"a"` into three tokens.
fn unicode_names(tokens: &mut Vec<TokenWithSpan>) -> Result<(), Fault> {
    let is_mark = |tokens: &[TokenWithSpan]| {
        matches!(tokens, [
            TokenWithSpan { token: Token::Word(Word { value, quote_style: None, .. }), span: mark },
            TokenWithSpan { token: Token::Ampersand, span: and },
            TokenWithSpan { token: Token::Word(Word { quote_style: Some('"'), .. }), span: name },
        ] if value.eq_ignore_ascii_case("u") && mark.end == and.start && and.end == name.start)
    };
    let marks: Vec<usize> = (0..tokens.len().saturating_sub(2))
        .filter(|at| is_mark(&tokens[*at..at + 3]))
        .collect();
    for at in &marks {
        let mut next = tokens[at + 3..].iter();
        let next = next.find(|token| !matches!(token.token, Token::Whitespace(_)));
        if let Some(TokenWithSpan {
            token: Token::Word(word),
            ..
        }) = next
            && word.quote_style.is_none()
            && word.value.eq_ignore_ascii_case("uescape")
        {
            return Err(unicode());
        }
        if let Token::Word(word) = &mut tokens[at + 2].token {
            word.value = unescaped(&word.value, postgres).ok_or_else(unicode)?;
        }
    }
    let mut place = 0;
    tokens.retain(|_| {
        place += 1;
        let is = |at: usize| marks.binary_search(&at).is_ok();
        !(is(place - 1) || (place > 1 && is(place - 2)))
    });
    Ok(())
}

/// The escaped character after a backslash, and the rest; none if it is not an accepted escape.
type Escape = fn(&str) -> Option<(char, &str)>;

/// The text without escapes; none if a visible character is escaped.
fn unescaped(name: &str, escape: Escape) -> Option<String> {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (character, after) = escape(after)?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn bigquery(after: &str) -> Option<(char, &str)> {
    match after.as_bytes().first()? {
        b'\\' => Some(('\\', &after[1..])),
        b'x' => number(&after[1..], 2).filter(|(character, _)| *character == '`'),
        b'u' => number(&after[1..], 4).filter(escapes_invisible),
        b'U' => number(&after[1..], 8).filter(escapes_invisible),
        _ => None,
    }
}

fn postgres(after: &str) -> Option<(char, &str)> {
    match after.as_bytes().first()? {
        b'\\' => Some(('\\', &after[1..])),
        b'+' => number(&after[1..], 6).filter(escapes_invisible),
        _ => number(after, 4).filter(escapes_invisible),
    }
}

fn escapes_invisible((character, _): &(char, &str)) -> bool {
    is_invisible(*character)
}

fn number(text: &str, digits: usize) -> Option<(char, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(number, 16).ok().filter(|_| is_number)?;
    let character = char::from_u32(code).filter(|character| *character != '\0')?;
    Some((character, rest))
}

fn unicode() -> Fault {
    refused("U&", "write the characters themselves")
}

fn refused(what: &str, instead: &str) -> Fault {
    let reason = format!("{what} is not supported: {instead}");
    Fault::new(FaultKind::Unsupported, what, reason)
}
