//! What one call asks about.

/// A table, or a part of a wide one.
pub struct TablePart {
    /// Its position among the tables.
    pub table: usize,
    pub describe_table: bool,
    /// The columns to describe.
    pub columns: Vec<ColumnQuestion>,
}

/// A column to describe.
pub struct ColumnQuestion {
    pub path: String,
    /// Its type and mode: for another shape it is asked about again.
    pub shape: String,
}
