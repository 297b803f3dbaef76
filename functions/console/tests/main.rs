//! The rules of the console. They are one binary, since linking takes most of the time of a test build.

mod audit;
mod common;
mod people;
mod sign_in;
mod tokens;
