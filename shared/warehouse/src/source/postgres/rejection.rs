//! What is told about a query that Postgres rejects.
//!
//! The message and the hint of Postgres name whatever the planner meets: the types of columns, what a view
//! reads, the wrapper of a foreign table. Whether the role may see it is no concern of the planner.

use std::collections::BTreeSet;

use platform::postgres::is_unavailable;
use platform::postgres::types::Type;
use tokio_postgres::Transaction;
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::error::SourceError;
use crate::source::{Place, Plan, Rejection};

/// The rejection of the query, unless the warehouse failed. It names nothing that the role may not see.
pub(super) async fn rejected(
    db: &Transaction<'_>,
    error: tokio_postgres::Error,
    sql: &str,
) -> Result<Plan, SourceError> {
    if error.code() == Some(&SqlState::QUERY_CANCELED) {
        let rejection = Rejection::timeout("planning it takes more than 3 s");
        return Ok(Plan::Rejected(rejection));
    }
    let Some(refusal) = error.as_db_error().filter(|_| !is_unavailable(&error)) else {
        return Err(error.into());
    };
    // The message names what a view reads, which the query does not.
    if refusal.code() == &SqlState::INSUFFICIENT_PRIVILEGE {
        return Ok(Plan::rejected(
            "permission denied: it reads a table, column or schema that the role of WAREHOUSE_URL may not \
             read",
        ));
    }
    let place = match refusal.position() {
        Some(ErrorPosition::Original(position)) => Some(Place::of(sql, *position)),
        _ => None,
    };
    let kind = kind(refusal);
    let mut message = refusal.message().to_owned();
    if names_hidden(db, &message).await {
        let outline = Rejection::new("", kind, place).outline;
        return Ok(Plan::Rejected(Rejection::without_names(outline)));
    }
    if let Some(Place { line, column }) = place {
        message += &format!(" at line {line}, column {column}");
    }
    if let Some(hint) = refusal.hint()
        && !names_hidden(db, hint).await
    {
        message += &format!(" ({hint})");
    }
    Ok(Plan::Rejected(Rejection::new(message, kind, place)))
}

/// The kind of an error by its SQLSTATE.
fn kind(refusal: &DbError) -> Option<&'static str> {
    let code = refusal.code().code();
    Some(match code {
        "42601" => "a syntax error",
        "42703" => "a column does not exist",
        "42702" | "42725" | "42P09" => "a name is ambiguous",
        "42883" => "no function or operator takes values of these types: cast them",
        "42804" | "42846" | "42P18" => "the types of two values don't match: cast them",
        "42803" => "a column is neither grouped nor aggregated",
        "42P01" => "a table does not exist, or is not part of this clause",
        "42704" => "a type or another name does not exist",
        "42P20" => "a window is wrong",
        "22P02" => "a value is not valid for its type",
        "22007" | "22008" => "a date or time is not valid",
        "22012" => "it divides by zero",
        "22003" => "a number is out of range for its type",
        _ => match &code[..2] {
            "0A" => "the warehouse does not support it",
            "22" | "23" => "a value is not valid",
            "42" => "a name or a clause is wrong",
            "54" => "it exceeds a limit of the warehouse",
            "HV" => "a foreign table can't be read",
            _ => return None,
        },
    })
}

/// Whether a message names something that the role may not see. A name that something visible has as well
/// reveals nothing.
async fn names_hidden(db: &Transaction<'_>, message: &str) -> bool {
    let names: Vec<String> = names(message).into_iter().collect();
    let hidden = db
        .query_typed(
            include_str!("hidden.sql"),
            &[(&Some(names), Type::TEXT_ARRAY)],
        )
        .await;
    hidden.map_or(true, |hidden| !hidden.is_empty())
}

/// Every word of a message, and every quoted name. `alias.column` may be two names or one with a dot.
fn names(message: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let words = message.split(|c| !is_part(c)).map(str::to_owned);
    let quoted = message.split('"').skip(1).step_by(2).flat_map(|name| {
        let dots = name.match_indices('.');
        let rests = dots.map(|(at, _)| name[at + 1..].to_owned());
        rests.chain([name.to_owned()]).collect::<Vec<_>>()
    });
    words
        .chain(quoted)
        .filter(|name| !name.is_empty())
        .collect()
}
