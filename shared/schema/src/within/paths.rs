//! The names with a qualifier in SQL, `schema.name`, and whether their place shows that they are no columns.

use std::collections::HashSet;

use sqlparser::tokenizer::{Token, Word};

use super::sql::Sql;
use crate::Dialect;
use crate::literals::literal;

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
    /// None if the SQL, or a literal that is looked up, has no tokens.
    pub(super) fn of(sql: &Sql) -> Option<Self> {
        let tokens = sql.tokens.as_ref()?;
        let mut paths = Self::default();
        paths.add(tokens, sql.dialect);
        if sql.dialect == Dialect::Postgres && tokens.iter().any(looks_up) {
            for text in tokens.iter().filter_map(literal) {
                let mut within = Self::default();
                within.add(&Sql::of(text, sql.dialect).tokens?, sql.dialect);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str, dialect: Dialect) -> Option<Paths> {
        Paths::of(&Sql::of(sql, dialect))
    }

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
            let paths = read(sql, Dialect::Postgres).unwrap();
            let found = paths.qualified.iter().filter(|path| path.is_no_column);
            let found: Vec<String> = found.map(|path| path.names.join(".")).collect();
            assert_eq!(found, expected, "{sql}");
        }
        for (sql, name) in [
            (r#"select U&"hr"."f"(1)"#, "hr.f"),
            (r#"select u&"\0068\+000072".f(1)"#, "hr.f"),
            (r#"select U&"a\\b\zz"."f"(1)"#, r"a\b\zz.f"),
        ] {
            let paths = read(sql, Dialect::Postgres).unwrap();
            assert_eq!(paths.qualified[0].names.join("."), name, "{sql}");
        }
        let paths = read("select `p-1.hr.f`(x) from `shop`.t", Dialect::Bigquery).unwrap();
        let found: Vec<String> = paths
            .qualified
            .iter()
            .map(|it| it.names.join("."))
            .collect();
        assert_eq!(found, ["p-1.hr.f", "shop.t"]);
        assert!(read("select 'a", Dialect::Postgres).is_none());
    }

    #[test]
    fn only_a_name_that_stands_alone_or_ends_a_path_can_be_defined() {
        let sql = "select hr.x::ops.y from shop.t HR join people on true";
        let paths = read(sql, Dialect::Postgres).unwrap();
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
