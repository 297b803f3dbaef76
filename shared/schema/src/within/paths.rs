//! The names with a qualifier in SQL, `schema.name`, and whether their place shows that they are no columns.

use std::collections::HashSet;

use sqlparser::tokenizer::{Token, Word};

use crate::Dialect;
use crate::literals;

/// A name with its qualifiers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// At least two. The last one is empty if it is an operator.
    pub names: Vec<String>,
    /// Whether it names a function, type, operator or collation, by what is before and after it.
    pub is_no_column: bool,
}

/// What SQL names.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub qualified: Vec<Path>,
    /// The names that stand alone or end a path, in lower case. Only they can be names that the SQL defines.
    ends: HashSet<String>,
}

impl Paths {
    /// None if the SQL has no tokens, such as an open quote.
    pub(super) fn of(sql: &str, dialect: Dialect) -> Option<Self> {
        let tokens = tokens(sql, dialect)?;
        let mut paths = Self::default();
        paths.add(&tokens, dialect);
        if dialect == Dialect::Postgres && tokens.iter().any(looks_up) {
            for text in tokens.iter().filter_map(literal) {
                let mut within = Self::default();
                within.add(&self::tokens(text, dialect)?, dialect);
                for path in &mut within.qualified {
                    path.is_no_column = true;
                }
                paths.qualified.extend(within.qualified);
            }
        }
        Some(paths)
    }

    /// Whether the SQL may define this name, as an alias or as the name of a table that it reads.
    pub(super) fn may_define(&self, name: &str) -> bool {
        self.ends.contains(&name.to_lowercase())
    }

    fn add(&mut self, tokens: &[Token], dialect: Dialect) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let Token::Word(word) = token else {
                continue;
            };
            let before = &tokens[..at - 1];
            let mut names = names(word, dialect);
            while let [Token::Period, Token::Word(word), ..] = &tokens[at..] {
                names.extend(self::names(word, dialect));
                at += 2;
            }
            let after = tokens.get(at);
            if is_operator(before) && after == Some(&Token::Period) {
                names.push(String::new());
            }
            let end = names.last().map(|name| name.to_lowercase());
            self.ends.extend(end);
            if names.len() > 1 {
                self.qualified.push(Path {
                    names,
                    is_no_column: is_operator(before) || is_type(before) || is_called(after),
                });
            }
        }
    }
}

/// The tokens of SQL without spaces and comments. None if it has none, such as an open quote.
pub(super) fn tokens(sql: &str, dialect: Dialect) -> Option<Vec<Token>> {
    let tokens = literals::tokens(sql, dialect)?.into_iter();
    let mut tokens: Vec<Token> = tokens.map(|it| it.token).collect();
    if dialect == Dialect::Postgres {
        tokens = with_decoded_names(tokens);
    }
    tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
    Some(tokens)
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

/// The names of a word: quotes of BigQuery may enclose a whole path.
fn names(word: &Word, dialect: Dialect) -> Vec<String> {
    match (dialect, word.quote_style) {
        (Dialect::Bigquery, Some(_)) => word.value.split('.').map(str::to_owned).collect(),
        (Dialect::Postgres, None) => vec![word.value.to_lowercase()],
        _ => vec![word.value.clone()],
    }
}

/// Whether an operator follows: `operator(schema.+)`.
fn is_operator(before: &[Token]) -> bool {
    matches!(before, [.., word, Token::LParen] if is_word(word, "operator"))
}

/// Whether a type or a collation follows. An alias has no qualifier.
fn is_type(before: &[Token]) -> bool {
    let is_type = |token: &Token| {
        *token == Token::DoubleColon || is_word(token, "as") || is_word(token, "collate")
    };
    before.last().is_some_and(is_type)
}

/// Whether a function, or the type of a literal, precedes.
fn is_called(after: Option<&Token>) -> bool {
    after.is_some_and(|token| *token == Token::LParen || literal(token).is_some())
}

pub(super) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(it) if it.quote_style.is_none() && it.value.eq_ignore_ascii_case(word))
}

/// Whether a token is a type or a function that looks up what a literal names: `regclass`, `to_regtype`.
fn looks_up(token: &Token) -> bool {
    let Token::Word(word) = token else {
        return false;
    };
    let name = word.value.to_lowercase();
    name.starts_with("reg") || name.starts_with("to_reg")
}

/// The text of a literal of Postgres.
fn literal(token: &Token) -> Option<&str> {
    match token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text) => Some(text),
        Token::DollarQuotedString(text) => Some(&text.value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_column_is_told_by_its_place() {
        for (sql, expected) in [
            ("select x::hr.status from shop.t", &["hr.status"][..]),
            ("select cast(x as hr . \"Status\")", &["hr.Status"]),
            ("select x::/* a */HR.status[]", &["hr.status"]),
            ("select hr.f (x), hr.status 'a'", &["hr.f", "hr.status"]),
            ("order by x collate hr.german", &["hr.german"]),
            ("select 1 operator(hr.+) 2", &["hr."]),
            ("select x::db.hr.status", &["db.hr.status"]),
            ("select 'hr.t'::regclass", &["hr.t"]),
            ("select to_regtype($$hr.t$$)", &["hr.t"]),
            ("select hr.x, 'hr.t', (a).b.c from shop.t as hr", &[]),
            ("select x -- ::hr.status\n from shop.t", &[]),
        ] {
            let paths = Paths::of(sql, Dialect::Postgres).unwrap();
            let found = paths.qualified.iter().filter(|path| path.is_no_column);
            let found: Vec<String> = found.map(|path| path.names.join(".")).collect();
            assert_eq!(found, expected, "{sql}");
        }
        for (sql, name) in [
            (r#"select U&"hr"."f"(1)"#, "hr.f"),
            (r#"select u&"\0068\+000072".f(1)"#, "hr.f"),
            (r#"select U&"a\\b\zz"."f"(1)"#, r"a\b\zz.f"),
        ] {
            let paths = Paths::of(sql, Dialect::Postgres).unwrap();
            assert_eq!(paths.qualified[0].names.join("."), name, "{sql}");
        }
        let paths = Paths::of("select `p-1.hr.f`(x) from `shop`.t", Dialect::Bigquery).unwrap();
        let found: Vec<String> = paths
            .qualified
            .iter()
            .map(|it| it.names.join("."))
            .collect();
        assert_eq!(found, ["p-1.hr.f", "shop.t"]);
        assert!(Paths::of("select 'a", Dialect::Postgres).is_none());
    }

    #[test]
    fn only_a_name_that_stands_alone_or_ends_a_path_can_be_defined() {
        let sql = "select hr.x::ops.y from shop.t HR join people on true";
        let paths = Paths::of(sql, Dialect::Postgres).unwrap();
        for (name, expected) in [
            ("hr", true),
            ("People", true),
            ("t", true),
            ("shop", false),
            ("ops", false),
        ] {
            assert_eq!(paths.may_define(name), expected, "{name}");
        }
    }
}
