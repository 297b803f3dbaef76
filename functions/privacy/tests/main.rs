//! The tests of privacy, in one binary because linking takes most of the build time.

mod accounts;
mod archive;
mod catalog;
mod common;
mod derived;
mod erase;
mod export;
mod faults;
mod feedback;
mod kill;
mod log;
mod people;
mod receipts;
mod retain;
mod rotate;
