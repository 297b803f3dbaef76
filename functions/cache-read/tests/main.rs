//! The rules of cache-read, a file for each thing it does. One binary for all of them: linking is
//! most of what a test build takes.

mod bounds;
mod changes;
mod common;
mod context;
mod levels;
mod names;
mod prompt;
mod revalidation;
mod scope;
mod sql;
mod tables;
mod variants;
