//! The rules of stats. One binary for all of them: linking is most of what a test build takes.

mod common;
mod concurrent;
mod erased;
mod growing;
mod restored;
mod scope;
mod triggers;
