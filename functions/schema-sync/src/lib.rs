//! Schema sync: reads the schema of a warehouse, adds what a SQL writer needs, and stores it as one
//! versioned document in the object store.
//!
//! `POST /events/schema-sync` (a scheduler) and `POST /v1/schema/sync` (an admin) run it once.
//! [`examples`] verifies examples, which people may add and change, and [`meaning`] has what else people
//! know: descriptions, a glossary and metrics. The crate [`warehouse`] reads the
//! tables, [`enrich`] adds what an LLM writes about them, and the crate [`ground`] checks every
//! identifier in it against the schema.

pub mod api;
mod definitions;
pub mod enrich;
mod etag;
pub mod examples;
pub mod grounding;
mod head;
pub mod meaning;
pub mod rules;
pub mod run;
pub mod state;
pub mod sync;

pub use api::app;
