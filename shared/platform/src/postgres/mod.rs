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
//! PgBouncer and RDS Proxy in transaction mode may run each statement on another connection, so a
//! prepared statement is not there when it is executed. `query_typed` and `execute_typed` send
//! types, values and text at once and prepare nothing; `query`, `execute` and `prepare` are refused
//! by clippy. For the same reason nothing sets session state: `set local` in a transaction instead.
//! A pool bounds how long a connection is used, see [`Pool`], so that no request waits for a database
//! that stands still.
//!
//! A column of an enum or another type of our own is selected `::text`, since the driver would
//! prepare a statement to look that type up. What belongs to robeings is read and written through
//! [`scoped`].

mod connect;
mod error;
mod listen;
mod migrate;
pub mod patience;
mod pool;
pub mod scoped;
mod tls;

pub use connect::{open, open_url, take_parameter};
pub use error::{describe, is_unavailable};
pub use listen::Notifications;
pub use migrate::{migrate, pending};
pub use pool::{Client, Pool, PoolError};
pub use tokio_postgres::types;
