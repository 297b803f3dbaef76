//! The rules of stats-batch. They are one binary, since linking takes most of the time of a test build.

mod common;
mod concurrent;
mod erased;
mod growing;
mod moved;
mod restored;
mod scope;
mod triggers;
mod zones;
