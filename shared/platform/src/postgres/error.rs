//! Translates database errors for callers, and describes them for logs.

use std::error::Error as _;
use std::io;

use anyhow::anyhow;
use tokio_postgres::error::SqlState;

use super::PoolError;
use crate::Error;

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // The description leaves out values of rows, which the error itself would print.
        translated(&error, anyhow!("postgres: {}", describe(&error)))
    }
}

fn translated(error: &tokio_postgres::Error, cause: anyhow::Error) -> Error {
    if lacks_schema(error) {
        Error::unavailable(
            "the database is not migrated to this release: run `metasync migrate`",
            cause,
        )
    } else if refuses_login(error) {
        Error::unavailable(
            "the database refuses the login: correct the user, the password or the database in DATABASE_URL",
            cause,
        )
    } else if is_unavailable(error) {
        Error::unavailable("the database is not available: try again", cause)
    } else {
        Error::Internal(cause)
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => {
                let cause = anyhow!("postgres: {error}");
                translated(&error.source, cause)
            }
            PoolError::Timeout(_) | PoolError::Closed => Self::unavailable(
                "the database has no free connection: try again",
                anyhow!("postgres: {error}"),
            ),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Internal(anyhow!("postgres: {error}"))
            }
        }
    }
}

/// Whether a table, column, type, function, constraint for `on conflict`, or schema of a migration is missing.
/// The statements are fixed, so a function is missing for the same reason.
pub fn lacks_schema(error: &tokio_postgres::Error) -> bool {
    let codes = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        // A type, a role or a collation.
        SqlState::UNDEFINED_OBJECT,
        // `on conflict` names no unique constraint.
        SqlState::INVALID_COLUMN_REFERENCE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::INVALID_SCHEMA_NAME,
    ];
    error.code().is_some_and(|code| codes.contains(code))
}

/// Whether the server does not accept the user, the password or the database.
fn refuses_login(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(SqlState::code);
    code.is_some_and(|code| code.starts_with("28") || code == SqlState::INVALID_CATALOG_NAME.code())
}

/// Whether the same statement may succeed later: the database is down, slow or out of connections, or the
/// statement lost a race.
pub fn is_unavailable(error: &tokio_postgres::Error) -> bool {
    if let Some(state) = error.code() {
        let code = state.code();
        // Class 57: interrupted by an operator or a time-out. 55P03: the lock is not available.
        return ["08", "40", "53", "57", "58"].contains(&&code[..2])
            || ["55P03", "25P03", "25P04"].contains(&code);
    }
    let io = error.source().and_then(|cause| cause.downcast_ref());
    error.is_closed()
        || io.is_some_and(|cause: &io::Error| {
            // The driver also uses I/O errors for values that can't be encoded or parsed.
            !matches!(
                cause.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        })
}

/// Describes an error for the log, without values of rows or parameters: the SQLSTATE, the message, and the
/// names of the table, column and constraint.
pub fn describe(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        let text = error.to_string();
        // The source of a conversion error may quote the value.
        let converting = text.starts_with("error serializing parameter")
            || text.starts_with("error deserializing column");
        return match error.source() {
            Some(cause) if !converting => format!("{text}: {cause}"),
            _ => text,
        };
    };
    let code = db.code().code();
    // The messages of class 22 quote data: `invalid input syntax for type integer: "4111 1111"`.
    let mut text = if code.starts_with("22") {
        format!("{code} a value is not valid for its type")
    } else {
        format!("{code} {}", db.message())
    };
    for (kind, name) in [
        ("table", db.table()),
        ("column", db.column()),
        ("constraint", db.constraint()),
    ] {
        if let Some(name) = name {
            text += &format!(", {kind} {name}");
        }
    }
    text
}
