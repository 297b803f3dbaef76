//! Postgres: a pool that works behind a pooler in transaction mode, and [`migrate`].
//!
//! ```no_run
//! # async fn read(pool: platform::postgres::Pool, id: i64) -> platform::Result<()> {
//! use platform::postgres::types::Type;
//!
//! let db = pool.get().await?;
//! let rows = db
//!     .query_typed("select name from settings.entry where id = $1", &[(&id, Type::INT8)])
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! PgBouncer and RDS Proxy in transaction mode may run each statement on another connection, where a
//! prepared statement doesn't exist. `query_typed` and `execute_typed` send types, values and text at once
//! and prepare nothing; clippy refuses `query`, `execute` and `prepare`. For the same reason, nothing may
//! set session state; use `set local` in a transaction.
//!
//! A [`Pool`] limits the time for which a connection is used, so that no request hangs if the database does.
//!
//! Select columns of enums and other custom types as `::text`, because the driver would prepare a statement
//! to look up the type. Read and write rows with row-level security through [`scoped`].

mod connect;
mod error;
mod listen;
mod migrate;
mod pool;
pub mod scoped;
mod tls;
pub mod wait_limit;

pub(crate) use connect::database_url;
pub(crate) use connect::open_result;
pub use connect::{open, open_target, open_url, take_parameter, target};
pub use error::{describe, is_unavailable, lacks_schema};
pub use listen::Notifications;
pub use migrate::{migrate, pending};
pub use pool::{Client, ConnectError, Pool, PoolError, Target};
pub use tokio_postgres::types;
