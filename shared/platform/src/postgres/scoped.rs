//! Transactions that see the robeings they name, and no others: the wall behind the scope that
//! stands in each statement.
//!
//! A table takes part by a policy on the setting `app.robeings`; the migration of the first owner
//! shows it.

use std::time::Duration;

use futures::join;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, IsolationLevel, Row, Transaction};

use super::Client;
use crate::auth::{Names, is_name};

/// A statement that takes longer is given up, and the caller asked to try again.
const LONGEST_STATEMENT: Duration = Duration::from_secs(15);
/// So long before the connection's own end, so that a server that lives says so itself.
const BEFORE_THE_END: Duration = Duration::from_millis(250);
/// Of the transaction that has begun. The values are bound: what a caller sends is no part of a
/// statement's text, whatever the server takes a quote or a backslash for.
///
/// Compiling a statement that runs once and for milliseconds takes longer than to run it, and
/// partitions make the planner think otherwise.
const SETTINGS: &str = "select set_config('app.robeings', $1, true),
                               set_config('statement_timeout', $2, true),
                               set_config('jit', 'off', true)";

/// Which robeings a transaction sees.
#[derive(Clone, Debug)]
pub struct Scope(String);

impl Scope {
    pub fn all() -> Self {
        Self("*".to_owned())
    }

    pub fn of(robeings: &Names) -> Self {
        match robeings {
            Names::All => Self::all(),
            Names::Only(names) => Self::only(names.iter().map(String::as_str)),
        }
    }

    /// A name that could be read as more than one robeing, or as all of them, is no robeing's.
    pub fn only<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = names.into_iter().filter(|name| is_name(name)).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.join("\n"))
    }
}

async fn set(
    db: &(impl GenericClient + Sync),
    scope: &Scope,
    longest: Duration,
) -> Result<(), Error> {
    // 0 would be no limit.
    let longest = longest.as_millis().max(1).to_string();
    let values: [(&(dyn ToSql + Sync), Type); 2] = [(&scope.0, Type::TEXT), (&longest, Type::TEXT)];
    db.execute_typed(SETTINGS, &values).await.map(drop)
}

fn longest_statement(client: &Client) -> Duration {
    let left = client.left().saturating_sub(BEFORE_THE_END);
    left.min(LONGEST_STATEMENT)
}

/// The rows of one statement, a transaction of its own.
pub async fn query(
    client: &Client,
    scope: &Scope,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    once(client, scope, client.query_typed(sql, values)).await
}

/// One statement as a transaction, in one round trip: nothing is waited for between its parts.
pub async fn once<T>(
    client: &Client,
    scope: &Scope,
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let (begun, set, done, committed) = join!(
        client.batch_execute("begin"),
        set(&**client, scope, longest_statement(client)),
        statement,
        client.batch_execute("commit")
    );
    begun?;
    set?;
    let done = done?;
    committed?;
    Ok(done)
}

/// A transaction of several statements; without `commit` nothing has happened.
pub async fn begin<'a>(client: &'a mut Client, scope: &Scope) -> Result<Transaction<'a>, Error> {
    let longest = longest_statement(client);
    let transaction = tokio_postgres::Client::transaction(client).await?;
    set(&transaction, scope, longest).await?;
    Ok(transaction)
}

/// A transaction whose statements all see the database as it is now, whatever is committed meanwhile.
/// There is nothing to commit.
pub async fn read<'a>(client: &'a mut Client, scope: &Scope) -> Result<Transaction<'a>, Error> {
    let longest = longest_statement(client);
    let transaction = tokio_postgres::Client::build_transaction(client)
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    set(&transaction, scope, longest).await?;
    Ok(transaction)
}

/// There is no partition yet for one of the rows.
pub fn lacks_partition(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::CHECK_VIOLATION
            && error.constraint().is_none()
            && error.message().starts_with("no partition")
    })
}

/// Lost a race that it may win next time.
pub fn lost_a_race(error: &Error) -> bool {
    let codes = [
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::T_R_SERIALIZATION_FAILURE,
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_can_be_neither_widened_nor_left_by_a_name() {
        let names = ["r2", "r1", "r1", "*", "a\nb", "it's"];
        let scope = Scope::only(names);
        assert_eq!(scope.0, "it's\nr1\nr2");
        assert_eq!(Scope::of(&Names::Only(vec!["*".into()])).0, "");
    }
}
