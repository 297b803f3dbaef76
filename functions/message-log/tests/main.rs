//! The rules of message-log, one file per route or concern. They are one binary, since linking takes most of the time of
//! a test build.

mod acknowledged;
mod beside;
mod common;
mod dismissals;
mod envelopes;
mod events;
mod faults;
mod feedback;
mod forms;
mod givers;
mod history;
mod items;
mod letters;
mod lists;
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
mod spelling;
mod threads;
mod zones;
