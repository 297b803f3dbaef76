//! Whether SQL may name a field of a column whose fields are not known.
//!
//! The names of such fields can't be searched for. The columns of the warehouse's own role may be of a type that the role
//! may not see, while a query that was written by somebody else opens it.

use sqlparser::tokenizer::Token;

use super::paths::is_word;
use super::sql::Sql;
use crate::literals::has_placeholder;

/// Parts of the names of functions and types that turn a row into text or columns.
const CONVERTING: [&str; 4] = ["json", "xml", "hstore", "record"];

/// Whether SQL of Postgres does more with one of these columns, in lower case, than to list it as it is, or converts any
/// row. A literal that is masked may have named a field.
pub(super) fn may_open(sql: &Sql, columns: &[String]) -> bool {
    let Some(tokens) = &sql.tokens else {
        return true;
    };
    let is_opened = |at: usize| match &tokens[at] {
        Token::Word(word) => {
            let name = word.value.to_lowercase();
            CONVERTING.iter().any(|part| name.contains(part))
                || columns.contains(&name) && !is_listed(tokens, at)
        }
        token => {
            is_accessor(token)
                || matches!(
                    &tokens[at..],
                    [Token::RParen | Token::RBracket, Token::Period, ..]
                )
        }
    };
    has_placeholder(sql.text) || (0..tokens.len()).any(is_opened)
}

/// Whether an operator reads JSON or another document.
fn is_accessor(token: &Token) -> bool {
    matches!(
        token,
        Token::Arrow
            | Token::LongArrow
            | Token::HashArrow
            | Token::HashLongArrow
            | Token::HashMinus
            | Token::AtArrow
            | Token::ArrowAt
            | Token::AtQuestion
            | Token::AtAt
            | Token::Question
            | Token::QuestionAnd
            | Token::QuestionPipe
    )
}

/// Whether a name is an item of the list of a `select` under its own name, or an alias.
fn is_listed(tokens: &[Token], at: usize) -> bool {
    let mut start = at;
    // The definition of an alias.
    if tokens[..at]
        .last()
        .is_some_and(|token| is_word(token, "as"))
    {
        return true;
    }
    while let [.., Token::Word(_), Token::Period] = &tokens[..start] {
        start -= 2;
    }
    let is_first = |token: &Token| {
        *token == Token::Comma
            || ["select", "distinct", "all"]
                .iter()
                .any(|word| is_word(token, word))
    };
    let ends = |token: Option<&Token>| match token {
        Some(token) => matches!(token, Token::Comma | Token::RParen) || is_word(token, "from"),
        None => true,
    };
    let is_same = |alias: &Token| match (alias, &tokens[at]) {
        (Token::Word(alias), Token::Word(name)) => alias.value.eq_ignore_ascii_case(&name.value),
        _ => false,
    };
    let ends = match &tokens[at + 1..] {
        [word, alias, ..] if is_word(word, "as") => is_same(alias) && ends(tokens.get(at + 3)),
        _ => ends(tokens.get(at + 1)),
    };
    tokens[..start].last().is_some_and(is_first) && ends && is_in_query(&tokens[..start])
}

/// Whether the parenthesis that is open here, if any, has a query, rather than the arguments of a function.
fn is_in_query(before: &[Token]) -> bool {
    let mut closed = 0;
    let open = before.iter().rposition(|token| match token {
        Token::RParen | Token::RBracket => {
            closed += 1;
            false
        }
        Token::LParen | Token::LBracket if closed > 0 => {
            closed -= 1;
            false
        }
        token => matches!(token, Token::LParen | Token::LBracket),
    });
    let first = before.get(open.map_or(0, |open| open + 1));
    first.is_some_and(|token| is_word(token, "select") || is_word(token, "with"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn sql_opens_a_column_of_unknown_fields_unless_it_only_lists_it() {
        for (sql, expected) in [
            ("select id from pub.people", false),
            ("select id, people.s from pub.people", false),
            ("select people.s as \"s\", id from pub.people", false),
            (
                "select q.id from (select p.id, p.s from pub.people p) q where q.id > 1",
                false,
            ),
            (
                "select row_to_json(people.s) -> 'salary_secret' from pub.people",
                true,
            ),
            ("select to_jsonb(people.s) ->> 'boss' from pub.people", true),
            ("select (people.s).boss from pub.people", true),
            ("select people.s::text from pub.people", true),
            ("select concat(id, s, id) from pub.people", true),
            ("select s as x from pub.people", true),
            ("select to_jsonb(p) #>> '{s,boss}' from pub.people p", true),
            (
                "select jsonb_path_query(to_jsonb(p), '$.*.boss') from pub.people p",
                true,
            ),
            ("select id from pub.people where x = '[SECRET]'", true),
            ("select id from pub.people where x = 'open", true),
        ] {
            let read = Sql::of(sql, Dialect::Postgres);
            assert_eq!(may_open(&read, &["s".to_owned()]), expected, "{sql}");
        }
    }
}
