//! Parses SQL, within limits that protect the parser.

use std::fmt;
use std::mem::ManuallyDrop;

use schema::Dialect;
use sqlparser::ast::{Query, SetExpr, Statement};
use sqlparser::dialect::{BigQueryDialect, Dialect as SqlDialect, PostgreSqlDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use tracing::error;

use crate::escapes;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::lexical;

/// The longest SQL that is checked, in bytes.
pub const MAX_SQL_BYTES: usize = 100_000;
/// Bounds the depth of the syntax tree, which is as deep as its longest chain of operators.
const MAX_TOKENS: usize = 20_000;
/// The nesting of parentheses, subqueries and function calls.
const MAX_NESTING: usize = 60;
/// The nesting of `position(..)`: the parser tries each call in two ways, so the work doubles per level.
const MAX_POSITIONS: usize = 4;
const STACK_BYTES: usize = 64 << 20;

/// How a query is parsed.
#[derive(Clone, Copy)]
pub(crate) struct ParseOptions {
    pub dialect: Dialect,
    pub comments: bool,
}

/// A parsed query. It is as deep as it is long, so even dropping it recurses.
pub(crate) struct Tree(Option<Box<Query>>);

impl Tree {
    pub fn query(&self) -> Option<&Query> {
        self.0.as_deref()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // If there is no thread for it, it is leaked rather than dropped here.
        let query = ManuallyDrop::new(self.0.take());
        let _ = on_large_stack(move || drop(ManuallyDrop::into_inner(query)));
    }
}

/// Runs work that may recurse deeper than the stack of a worker thread allows. A panic becomes a fault
/// of kind `Unchecked`, which does not blame the query.
pub(crate) fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Fault> {
    let done = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map(std::thread::ScopedJoinHandle::join)
    });
    match done {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(_panic)) => Err(unchecked("checking a query panicked")),
        Err(error) => Err(unchecked(&format!("no thread to check a query: {error}"))),
    }
}

/// The fault of a query that could not be checked. Logs the cause.
pub(crate) fn unchecked(why: &str) -> Fault {
    error!("{why}");
    Fault::new(FaultKind::Unchecked, "", "the query could not be checked")
}

/// Parses a single query that only reads.
pub(crate) fn parse(sql: &str, options: ParseOptions) -> Result<Tree, Fault> {
    if sql.len() > MAX_SQL_BYTES {
        let reason = format!("the query has more than {MAX_SQL_BYTES} bytes");
        return Err(Fault::new(FaultKind::TooLarge, "", reason));
    }
    let dialect: &dyn SqlDialect = match options.dialect {
        Dialect::Bigquery => &BigQueryDialect {},
        Dialect::Postgres => &PostgreSqlDialect {},
    };
    let syntax = |error: &dyn fmt::Display| {
        Fault::new(
            FaultKind::Syntax,
            "",
            format!("it can't be parsed: {error}"),
        )
    };
    let mut tokens = Tokenizer::new(dialect, sql)
        .tokenize_with_location()
        .map_err(|error| syntax(&error))?;
    if tokens.len() > MAX_TOKENS {
        let reason = format!("the query has more than {MAX_TOKENS} tokens");
        return Err(Fault::new(FaultKind::TooLarge, "", reason));
    }
    lexical::check(sql, &tokens, options.dialect, options.comments)?;
    if positions(&tokens) > MAX_POSITIONS {
        let reason = format!("calls of position are nested more than {MAX_POSITIONS} levels deep");
        return Err(Fault::new(FaultKind::TooLarge, "position", reason));
    }
    escapes::resolve(&mut tokens, options.dialect)?;
    if options.dialect == Dialect::Bigquery {
        drop_safe(&mut tokens);
    }
    let mut statements = Parser::new(dialect)
        .with_recursion_limit(MAX_NESTING)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| syntax(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) if is_select(&query.body) => Ok(Tree(Some(query))),
        (Some(_), true) => Err(Fault::new(
            FaultKind::NotReadOnly,
            "",
            "only a query (select or with) is allowed",
        )),
        (None, _) => Err(Fault::new(FaultKind::Syntax, "", "there is no query")),
        (Some(_), false) => Err(Fault::new(
            FaultKind::NotReadOnly,
            "",
            "it has more than one statement; only one query is allowed",
        )),
    }
}

/// To the parser, `values (1)` and `table t` are queries as well.
fn is_select(mut body: &SetExpr) -> bool {
    loop {
        match body {
            SetExpr::Select(_) => return true,
            SetExpr::Query(query) => body = &query.body,
            // A chain of set operations is deep on this side only.
            SetExpr::SetOperation { left, right, .. } if is_select(right) => body = left,
            _ => return false,
        }
    }
}

/// Drops the prefix of `safe.substr(..)`: the parser has a special syntax for `substr` and does not
/// parse the prefix. It only changes the result of a failing call.
fn drop_safe(tokens: &mut Vec<TokenWithSpan>) {
    let is = |token: &Token, names: &[&str]| {
        matches!(token, Token::Word(word) if word.quote_style.is_none()
            && names.iter().any(|name| word.value.eq_ignore_ascii_case(name)))
    };
    let safe: Vec<usize> = (1..tokens.len().saturating_sub(3))
        .filter(|at| {
            let token = |place: usize| &tokens[place].token;
            is(token(*at), &["safe"])
                && *token(at + 1) == Token::Period
                && *token(at + 3) == Token::LParen
                && *token(at - 1) != Token::Period
                && is(
                    token(at + 2),
                    &["substr", "substring", "trim", "ceil", "floor"],
                )
        })
        .collect();
    let mut place = 0;
    tokens.retain(|_| {
        place += 1;
        let is_safe = |at: usize| safe.binary_search(&at).is_ok();
        !(is_safe(place - 1) || (place > 1 && is_safe(place - 2)))
    });
}

/// The nesting depth of calls of `position`.
fn positions(tokens: &[TokenWithSpan]) -> usize {
    let is_space = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let mut open = Vec::new();
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut after_position = false;
    for token in tokens.iter().filter(is_space) {
        match &token.token {
            Token::LParen => {
                open.push(after_position);
                depth += usize::from(after_position);
                deepest = deepest.max(depth);
            }
            Token::RParen => depth -= usize::from(open.pop().unwrap_or(false)),
            _ => {}
        }
        after_position = matches!(&token.token, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("position"));
    }
    deepest
}
