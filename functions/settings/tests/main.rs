//! The rules of settings. One binary for all of them: linking is most of what a test build takes.

mod behaviour;
mod cache;
mod common;
mod concurrent;
mod scope;
