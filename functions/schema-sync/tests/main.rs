//! The rules of schema-sync, a file or folder for each part of a run. One binary for all of them:
//! linking is most of what a test build takes.

mod bigquery;
mod enrich;
mod folder;
mod ga4;
mod ground;
mod postgres;
mod round_trip;
mod rules;
mod schema;
mod sync;
mod warehouse;
