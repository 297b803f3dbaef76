//! One card of a context: which tables it shows, and which of their columns.

/// One or more tables with one list of columns.
pub struct Card {
    /// The best table first. The others have the same columns, apart from exceptions.
    pub tables: Vec<usize>,
    /// How many additional columns each of the other tables has. Counted once, because a card of hundreds
    /// of tables is rendered several times until it fits.
    pub more: Vec<usize>,
    pub score: f32,
    /// The leaves of the first table, most relevant first; the first `taken` of them are chosen.
    pub leaves: Vec<(u32, f32)>,
    pub taken: usize,
    /// Whether it names the columns that only older shards have.
    pub has_older: bool,
    /// Whether there is only room for the name.
    pub is_bare: bool,
    /// The length of the keys that are rendered with a leaf, in characters.
    pub keys: Vec<(u32, usize)>,
    /// What is rendered only once: the type of a group of fields, a parent.
    pub written: Vec<(u32, u64)>,
}

impl Card {
    /// The chosen leaves, most relevant first.
    pub fn taken(&self) -> &[(u32, f32)] {
        &self.leaves[..self.taken]
    }

    /// The chosen leaves in the order of the table.
    pub fn nodes(&self) -> Vec<u32> {
        let mut nodes: Vec<u32> = self.taken().iter().map(|leaf| leaf.0).collect();
        nodes.sort_unstable();
        nodes
    }
}
