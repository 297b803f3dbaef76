//! The test kit: an app as production serves it ([`TestApp`]), databases, and stubs of third-party services.
//!
//! Its functions panic with the reason if a test can't continue.

pub mod app;
pub mod audit;
pub mod bigquery;
pub mod clock;
pub mod document_schema;
mod documented;
pub mod lambda;
pub mod llm;
pub mod object_server;
pub mod oidc;
pub mod postgres;
pub mod process;
pub mod request;
pub mod slack;
pub mod slack_api;
pub mod store;

pub use app::{Served, TestApp};
pub use request::{Reply, TestRequest};
