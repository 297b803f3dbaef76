//! What the type of a column is called if its name is hidden.

/// An enum, whose labels are the values of the column.
pub const ENUM: &str = "enum";
/// A composite type or the row type of a table. Its fields are hidden as well.
pub const RECORD: &str = "record";
/// Any other type, as `information_schema.columns` calls it.
pub const USER_DEFINED: &str = "USER-DEFINED";
