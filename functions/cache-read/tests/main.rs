//! The rules of cache-read, with a file for each feature. They are one binary, because linking dominates
//! the time of a test build.

mod bounds;
mod changes;
mod common;
mod context;
mod conversation;
mod date_families;
mod levels;
mod names;
mod prompt;
mod revalidation;
mod scope;
mod searches;
mod sql;
mod tables;
mod templates;
mod variants;
