//! The rules of people and tokens.

mod audit;
mod common;
mod cookies;
mod known;
mod persons;
mod reach;
mod sign_in;
mod tokens;
