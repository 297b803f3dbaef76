//! A column or nested field, as the index keeps it: shapes and hashes, no text.

use super::role::ColumnRole;

pub struct Node {
    /// In characters.
    pub name_length: u16,
    /// Of the type, in characters; and its hash, with the mode.
    pub type_length: u16,
    pub type_hash: u32,
    pub words: u8,
    pub depth: u8,
    pub role: ColumnRole,
    /// Whether the name is that of a key.
    pub is_key: bool,
    /// Whether the name is an identifier as it is, without quotes.
    pub is_bare: bool,
    pub is_leaf: bool,
    pub is_repeated: bool,
    /// The node it is a field of; itself at the top.
    pub parent: u32,
    /// Equal for one path of one type, whichever table it is in.
    pub hash: u64,
}
