//! Parses SQL, within limits that protect the parser.

use std::fmt;
use std::mem::ManuallyDrop;

use schema::Dialect;
use sqlparser::ast::{Query, SetExpr, Statement};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use tracing::error;

use crate::escapes;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::grammar::grammar;
use crate::lexical;
use crate::rewrite::rewrite;

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
    let sql = &*lexical::with_known_prefixes(sql, options.dialect);
    let grammar = grammar(options.dialect);
    let mut tokens = Tokenizer::new(&*grammar, sql)
        .tokenize_with_location()
        .map_err(|error| unread(&error))?;
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
    let tokens = rewrite(tokens, options.dialect)?;
    let mut statements = Parser::new(&*grammar)
        .with_recursion_limit(MAX_NESTING)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| unread(&error))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) if is_select(&query.body, options.dialect) => {
            Ok(Tree(Some(query)))
        }
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

/// The fault of a query that the parser can't read, with the place where it stops.
fn unread(error: &dyn fmt::Display) -> Fault {
    let text = error.to_string();
    let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
    let (message, place) = text.rsplit_once(" at Line: ").unwrap_or((text, ""));
    let place = match place.split_once(", Column: ") {
        Some((line, column)) => format!(", at line {line}, column {column}"),
        None => String::new(),
    };
    let message = message.replacen("Expected: ", "expected ", 1);
    let reason = format!("it can't be read here{place}: {message}");
    Fault::new(FaultKind::Syntax, "", reason)
}

/// To the parser, `values (1)` and `table t` are queries as well.
fn is_select(mut body: &SetExpr, dialect: Dialect) -> bool {
    loop {
        match body {
            SetExpr::Select(_) => return true,
            SetExpr::Values(_) => return dialect == Dialect::Postgres,
            SetExpr::Query(query) => body = &query.body,
            // A chain of set operations is deep on this side only.
            SetExpr::SetOperation { left, right, .. } if is_select(right, dialect) => body = left,
            _ => return false,
        }
    }
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
