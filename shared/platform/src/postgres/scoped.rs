//! Transactions that see only the rows in a scope, enforced by row-level security in addition to the
//! scope in each statement.
//!
//! A scope covers one [`Kind`], whose names are in the setting `app.<kind>` for the time of the
//! transaction: one per line, or `*` for all. A table takes part with a policy on that setting; without
//! the setting the policy fails or shows no row.
//!
//! The setting `app.person` is the id of the person who calls, for policies on what people own. It is empty if no
//! person calls.

use std::time::Duration;

use futures::join;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, GenericClient, IsolationLevel, Row, Transaction};
use uuid::Uuid;

use super::Client;
use crate::auth::{Kind, Names, is_name};

/// The longest time for one statement. If it takes longer, the caller should try again.
const LONGEST_STATEMENT: Duration = Duration::from_secs(15);
/// The statement timeout ends this long before the connection is given up, so that a server which still
/// responds reports the timeout itself.
const BEFORE_THE_END: Duration = Duration::from_millis(250);
/// The settings of a transaction. The values are bound, so nothing that a caller sends becomes part of a
/// statement's text, however the server reads quotes and backslashes.
///
/// Statements here run once, for milliseconds, and compiling one takes longer than that. The planner
/// overestimates the cost of partitioned tables, so `jit` is off.
const SETTINGS: &str = "select set_config($1, $2, true),
                               set_config('statement_timeout', $3, true),
                               set_config('jit', 'off', true),
                               set_config('app.person', $4, true)";

/// The names of one kind whose rows a transaction sees, and the person for whom it runs.
#[derive(Clone, Debug)]
pub struct Scope {
    kind: Kind,
    /// One per line; `*` for all.
    names: String,
    person: Option<Uuid>,
}

impl Scope {
    /// The rows of every name.
    pub fn all(kind: Kind) -> Self {
        Self::new(kind, "*".to_owned())
    }

    fn new(kind: Kind, names: String) -> Self {
        Self {
            kind,
            names,
            person: None,
        }
    }

    /// For what this person owns, in addition.
    #[must_use]
    pub fn by(self, person: Option<Uuid>) -> Self {
        Self { person, ..self }
    }

    pub fn of(kind: Kind, names: &Names) -> Self {
        match names {
            Names::All => Self::all(kind),
            Names::Only(names) => Self::only(kind, names.iter().map(String::as_str)),
        }
    }

    /// The rows of these names. A name that could be read as several names, or as all, is left out.
    pub fn only<'a>(kind: Kind, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = names.into_iter().filter(|name| is_name(name)).collect();
        names.sort_unstable();
        names.dedup();
        Self::new(kind, names.join("\n"))
    }
}

async fn set(
    db: &(impl GenericClient + Sync),
    scope: &Scope,
    longest: Duration,
) -> Result<(), Error> {
    // 0 would mean no limit.
    let longest = longest.as_millis().max(1).to_string();
    let setting = format!("app.{}", scope.kind.name());
    let person = scope.person.map(|id| id.to_string()).unwrap_or_default();
    let values: [(&(dyn ToSql + Sync), Type); 4] = [
        (&setting, Type::TEXT),
        (&scope.names, Type::TEXT),
        (&longest, Type::TEXT),
        (&person, Type::TEXT),
    ];
    db.execute_typed(SETTINGS, &values).await.map(drop)
}

fn longest_statement(client: &Client) -> Duration {
    let left = client.left().saturating_sub(BEFORE_THE_END);
    left.min(LONGEST_STATEMENT)
}

/// Runs one statement in a transaction of its own and returns its rows.
pub async fn query(
    client: &Client,
    scope: &Scope,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    once(client, scope, client.query_typed(sql, values)).await
}

/// Runs one statement in a transaction of its own, in one round trip.
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

/// Begins a transaction of several statements, which is rolled back unless it is committed.
pub async fn begin<'a>(client: &'a mut Client, scope: &Scope) -> Result<Transaction<'a>, Error> {
    let longest = longest_statement(client);
    let transaction = tokio_postgres::Client::transaction(client).await?;
    set(&transaction, scope, longest).await?;
    Ok(transaction)
}

/// Begins a read-only transaction whose statements all see the same snapshot of the database.
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

/// Whether a row has no partition to go to yet.
pub fn lacks_partition(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::CHECK_VIOLATION
            && error.constraint().is_none()
            && error.message().starts_with("no partition")
    })
}

/// Whether the transaction lost a race and may succeed if it is tried again.
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
    fn a_name_can_neither_widen_a_scope_nor_end_it() {
        const ORDERS: Kind = Kind::new("orders");
        let scope = Scope::only(ORDERS, ["o2", "o1", "o1", "*", "a\nb", "it's"]);
        assert_eq!(scope.names, "it's\no1\no2");
        let star = Names::only(["*"]);
        assert_eq!(Scope::of(ORDERS, &star).names, "");
    }
}
