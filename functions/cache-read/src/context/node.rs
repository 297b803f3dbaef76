//! A column or nested field, as the index keeps it: shapes and hashes, no text.

use super::role::ColumnRole;

pub struct Node {
    /// The length of the name, in characters.
    pub name_length: u16,
    /// The length of the type in characters; `type_hash` includes the mode.
    pub type_length: u16,
    pub type_hash: u32,
    pub words: u8,
    pub depth: u8,
    pub role: ColumnRole,
    /// Whether the name is the name of a key.
    pub is_key: bool,
    /// Whether the name is an identifier without quotes.
    pub is_bare: bool,
    pub is_leaf: bool,
    pub is_repeated: bool,
    /// The parent node; the node itself at the top level.
    pub parent: u32,
    /// Equal for equal paths and types, in any table.
    pub hash: u64,
}
