//! The rules of message-log, a file for each way in or out. One binary for all of them: linking is
//! most of what a test build takes.

mod acknowledged;
mod beside;
mod common;
mod envelopes;
mod events;
mod faults;
mod history;
mod items;
mod masking;
mod memory;
mod months;
mod pages;
mod posting;
mod scope;
mod segments;
mod settings;
mod several;
mod slack;
mod slow;
