//! One card of a context: which tables it shows, and which of their columns.

/// One or more tables that are shown with one list of columns.
pub struct Card {
    /// The best first; the others have, but for exceptions, its columns.
    pub tables: Vec<usize>,
    /// Of each of the others: how many columns it has that the first has not. Counted once: a card
    /// of hundreds of tables is written several times until it fits.
    pub more: Vec<usize>,
    pub score: f32,
    /// Of the first table: its leaves, most wanted first, and how many of them are taken.
    pub leaves: Vec<(u32, f32)>,
    pub taken: usize,
    /// Whether there is room for a name only.
    pub is_bare: bool,
    /// By leaf: what is written with it, in characters.
    pub keys: Vec<(u32, usize)>,
    /// What was written already, and need not be again: a type in a group of fields, a parent.
    pub written: Vec<(u32, u64)>,
}

impl Card {
    pub fn taken(&self) -> &[(u32, f32)] {
        &self.leaves[..self.taken]
    }

    /// In the order of the table.
    pub fn nodes(&self) -> Vec<u32> {
        let mut nodes: Vec<u32> = self.taken().iter().map(|leaf| leaf.0).collect();
        nodes.sort_unstable();
        nodes
    }
}
