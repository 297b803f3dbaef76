//! A question with SQL that a rule proposes.

/// What a query does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Shape {
    Group,
    Join,
    Days,
    Unnest,
    Top,
    Distinct,
    Count,
}

pub(super) struct Candidate {
    pub shape: Shape,
    pub question: String,
    pub sql: String,
    /// Positions among the ranked tables.
    pub tables: Vec<usize>,
}
