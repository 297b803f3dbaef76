//! A table as text: as the DDL that would create it, and as a compact card for a prompt.
//!
//! Names, types and descriptions come from a warehouse or an LLM and are untrusted. They are escaped so
//! that they cannot end a line, a literal, a comment or a quoted name: no table can pose as another.

mod ddl;
mod notes;
mod quote;
mod shards;
mod text;

pub use ddl::ddl;
pub use notes::{collate, enum_labels, heirs, query_lines};
pub use quote::{identifier, is_invisible, literal, plain, table_name};
pub use shards::{instead, one_shard};
pub use text::text;

#[cfg(test)]
mod tests;
