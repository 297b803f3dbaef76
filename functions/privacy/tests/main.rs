//! The rules of privacy: archive, erasure, export, and that nobody's data is forgotten by them. One
//! binary for all of them: linking is most of what a test build takes.

mod archive;
mod catalog;
mod common;
mod derived;
mod erase;
mod export;
mod faults;
mod kill;
mod receipts;
mod retain;
