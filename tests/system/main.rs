//! Stories across functions, and what holds for the workspace as a whole. One binary for all of
//! them: linking is most of what a test build takes.

mod dependencies;
mod every_route;
mod infra;
mod openapi;
mod privacy;
mod process;
mod robeings;
mod schema;
mod sql;
mod statements;
