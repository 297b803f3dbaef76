//! The rules of settings. They are one binary, since linking takes most of the time of a test build.

mod audit;
mod behaviour;
mod cache;
mod common;
mod concurrent;
mod preconditions;
mod scope;
mod zones;
