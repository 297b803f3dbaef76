//! A table as text: as the DDL that would make it, and as a card for a prompt.
//!
//! What a warehouse or an LLM wrote (names, types, descriptions) is never trusted to stay in its
//! place: whatever it holds, it can't end a line, a literal, a comment or a quoted name, so that no
//! table can speak for another.

mod ddl;
mod notes;
mod quote;
mod text;

pub use ddl::ddl;
pub use quote::{identifier, is_invisible, literal, plain, table_name};
pub use text::text;

#[cfg(test)]
mod tests;
