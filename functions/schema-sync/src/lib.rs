//! Schema sync: reads a warehouse's schema, adds what a SQL writer needs, and keeps it as one
//! versioned document in the object store.
//!
//! `POST /events/schema-sync` (a scheduler) and `POST /v1/schema/sync` (an admin) run it once;
//! `POST /v1/schema/examples` adds a person's example. The warehouse is a [`source`], what an LLM
//! adds is [`enrich`]ment, and nothing it wrote is kept unless it is [`ground`]ed in the schema.

pub mod api;
pub mod bounds;
pub mod compare;
pub mod diff;
pub mod document;
pub mod enrich;
pub mod examples;
pub mod family;
pub mod ground;
pub mod name;
pub mod publish;
pub mod render;
pub mod rules;
pub mod source;
pub mod sql_type;
pub mod state;
pub mod sync;
pub mod table_schema;
mod words;

pub use api::app;
