//! Schema sync: reads a warehouse's schema, adds what a SQL writer needs, and keeps it as one
//! versioned document in the object store.
//!
//! `POST /events/schema-sync` (a scheduler) and `POST /v1/schema/sync` (an admin) run it once;
//! `POST /v1/schema/examples` adds a person's example. The warehouse is read by the crate [`warehouse`], what an LLM
//! adds is [`enrich`]ment, and nothing it wrote is kept unless it is [grounded](ground) in the schema.

pub mod api;
pub mod enrich;
pub mod examples;
pub mod rules;
pub mod run;
pub mod state;
pub mod sync;

pub use api::app;
