#![doc = include_str!("../README.md")]

pub mod bounds;
mod changed_at;
pub mod compare;
pub mod description;
pub mod dialect;
pub mod diff;
pub mod document;
pub mod family;
pub mod literals;
pub mod mentions;
pub mod name;
pub mod read;
pub mod render;
pub mod sql_type;
pub mod stand_in;
pub mod table_schema;
pub mod versions;
mod within;

pub use dialect::Dialect;
pub use within::{example_within, meaning_within, names, unseen_examples, within};
