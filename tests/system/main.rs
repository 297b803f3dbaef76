//! Tests across functions, and of the workspace as a whole. They are one binary because linking takes most of the
//! build time.

mod crates;
mod docs;
mod every_route;
mod grounding;
mod hidden_names;
mod infra;
mod openapi;
mod privacy;
mod process;
mod robeings;
mod rotation;
mod schema;
mod sizes;
mod sql;
mod statements;
mod upgrade;
