//! SQL that is searched for names, read once.

use std::borrow::Cow;

use sqlparser::tokenizer::Token;

use super::paths::is_word;
use crate::Dialect;
use crate::literals::{self, comment};

pub(super) struct Sql<'s> {
    pub text: &'s str,
    pub dialect: Dialect,
    /// Without spaces and comments. None if there are none, such as after an open quote.
    pub tokens: Option<Vec<Token>>,
    /// What its comments say, as one text; everything if there are no tokens.
    pub comments: Cow<'s, str>,
}

impl<'s> Sql<'s> {
    pub(super) fn of(text: &'s str, dialect: Dialect) -> Self {
        let (tokens, comments) = match literals::tokens(text, dialect) {
            Some(tokens) => {
                let comments = tokens.iter().filter_map(|it| comment(&it.token));
                let comments = comments.collect::<Vec<_>>().join(" ");
                let mut tokens: Vec<Token> = tokens.into_iter().map(|it| it.token).collect();
                if dialect == Dialect::Postgres {
                    tokens = with_decoded_names(tokens);
                }
                tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
                (Some(tokens), comments.into())
            }
            None => (None, text.into()),
        };
        Self {
            text,
            dialect,
            tokens,
            comments,
        }
    }
}

/// Makes one token of each name with escapes: `U&"d\0061ta"` is read as three.
fn with_decoded_names(tokens: Vec<Token>) -> Vec<Token> {
    let mut decoded = Vec::with_capacity(tokens.len());
    for token in tokens {
        match (token, &decoded[..]) {
            (Token::Word(mut name), [.., prefix, Token::Ampersand])
                if name.quote_style == Some('"') && is_word(prefix, "u") =>
            {
                name.value = unescaped(&name.value);
                decoded.truncate(decoded.len() - 2);
                decoded.push(Token::Word(name));
            }
            (token, _) => decoded.push(token),
        }
    }
    decoded
}

/// Replaces `\XXXX`, `\+XXXXXX` and `\\`. What is none of these stays as it is written.
fn unescaped(name: &str) -> String {
    let (mut text, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once('\\') {
        text += before;
        let (start, digits) = if after.starts_with('+') {
            (1, 6)
        } else {
            (0, 4)
        };
        let code = after.get(start..start + digits);
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok());
        (text, rest) = match code.and_then(char::from_u32) {
            Some(character) => (text + &String::from(character), &after[start + digits..]),
            None => (text + "\\", after.strip_prefix('\\').unwrap_or(after)),
        };
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use platform::auth::Names;
    use serde_json::{Value, json};

    use super::super::tests::with_common_names;
    use super::super::within;

    #[test]
    fn a_comment_in_the_sql_of_an_example_or_metric_names_nothing_hidden() {
        for dialect in ["bigquery", "postgres"] {
            let mut document = with_common_names(dialect);
            let examples = |sql: &str| {
                let example = json!({"question": "q", "sql": sql, "origin": "person",
                    "tables": ["db.shop.orders"]});
                serde_json::from_value(Value::from(vec![example])).unwrap()
            };
            let metrics = |sql: &str| {
                let metric = json!({"name": "m", "sql": sql, "table": "db.shop.orders"});
                serde_json::from_value(Value::from(vec![metric])).unwrap()
            };
            for (comment, expected) in [
                ("", true),
                ("-- one per row", true),
                ("-- salaries: hr.grade", false),
                ("/* and grade */", false),
                ("-- those of\n-- grade", false),
                ("/* an open comment of grade", false),
            ] {
                document.examples = examples(&format!("select items from shop.orders {comment}"));
                document.meaning.metrics = metrics(&format!("count(items) {comment}"));
                let seen = within(&document, &Names::only(["db.shop"]));
                assert_eq!(!seen.examples.is_empty(), expected, "{dialect}: {comment}");
                let metrics = &seen.meaning.metrics;
                assert_eq!(!metrics.is_empty(), expected, "{dialect}: {comment}");
            }
        }
    }
}
