//! The platform of every function, without any domain: the configuration ([`Env`]), resources that are
//! opened on demand ([`Resources`]), one entry point for Lambda and HTTP ([`serve()`]), authentication
//! ([`auth`]), errors ([`Error`]), the object store ([`store`]), Postgres ([`postgres`]), the language
//! model ([`llm`]), time zones ([`time_zone`], [`days`]) and threads for long work ([`work`]).
//!
//! A function has an `app(&Resources) -> anyhow::Result<Router>`. Its `main` passes that to [`serve()`], and
//! its tests pass it to `kit::TestApp`.

pub mod all;
pub mod auth;
pub mod aws;
pub mod clock;
pub mod days;
pub mod env;
pub mod error;
pub mod excerpt;
pub mod extract;
pub mod google;
pub mod http_client;
pub mod idempotency;
pub mod llm;
pub mod plural;
pub mod postgres;
pub mod readiness;
pub mod resources;
pub mod router;
pub mod secrets;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod time_zone;
pub mod work;

pub use all::All;
pub use auth::{Admin, Caller, Role, Writer};
pub use clock::Clock;
pub use env::{Env, Secret};
pub use error::{Error, Result};
pub use extract::{Cursor, Json, JsonItems, Path, Query, RawBody};
pub use resources::Resources;
pub use router::Router;
pub use serve::serve;
