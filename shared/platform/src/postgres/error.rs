//! What a database error means to a caller, and what of it may be written down.

use std::error::Error as _;
use std::io;

use anyhow::anyhow;

use super::PoolError;
use crate::Error;

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // Only the description goes on: the error itself would print values of rows.
        let cause = anyhow!("postgres: {}", describe(&error));
        if is_unavailable(&error) {
            Self::unavailable("the database is not available: try again", cause)
        } else {
            Self::Internal(cause)
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) | PoolError::Closed => Self::unavailable(
                "the database has no connection to spare: try again",
                anyhow!("postgres: {error}"),
            ),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Internal(anyhow!("postgres: {error}"))
            }
        }
    }
}

/// Down, slow, out of connections, or lost a race that the same statement may win next time.
pub fn is_unavailable(error: &tokio_postgres::Error) -> bool {
    if let Some(state) = error.code() {
        let code = state.code();
        // Of 57, what the operator or a timeout cut short; 55P03 is a lock that was not free.
        return ["08", "40", "53", "57", "58"].contains(&&code[..2])
            || ["55P03", "25P03", "25P04"].contains(&code);
    }
    let io = error.source().and_then(|cause| cause.downcast_ref());
    error.is_closed()
        || io.is_some_and(|cause: &io::Error| {
            // What can't be encoded or parsed is an I/O error to the driver, too.
            !matches!(
                cause.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            )
        })
}

/// What happened, without any value of a row or a parameter: SQLSTATE, message, and the names of
/// the table, column and constraint. It can be logged.
pub fn describe(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        let text = error.to_string();
        // What a value failed to convert from or to is told together with the value.
        let converting = text.starts_with("error serializing parameter")
            || text.starts_with("error deserializing column");
        return match error.source() {
            Some(cause) if !converting => format!("{text}: {cause}"),
            _ => text,
        };
    };
    let code = db.code().code();
    // Class 22 is about data: `invalid input syntax for type integer: "4111 1111"`.
    let mut text = if code.starts_with("22") {
        format!("{code} a value does not fit")
    } else {
        format!("{code} {}", db.message())
    };
    for (what, name) in [
        ("table", db.table()),
        ("column", db.column()),
        ("constraint", db.constraint()),
    ] {
        if let Some(name) = name {
            text += &format!(", {what} {name}");
        }
    }
    text
}
