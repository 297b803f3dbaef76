//! What counts how much. The defaults are fitted from neutral weights on all databases of the
//! benchmark, by `cargo bench -p tests --bench context -- --held-out`, which also says what the same
//! fit is worth on databases that it did not see. Which weights there are, and the word lists, were
//! chosen with those questions in sight.

/// Only ratios matter among the weights of one group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    // A table, by where the question's words stand.
    pub name: f32,
    pub dataset: f32,
    pub description: f32,
    pub columns: f32,
    pub column_descriptions: f32,
    pub examples: f32,
    /// How soon a word that stands there often stops counting more.
    pub saturation: f32,
    /// How much a table pays for being wide, 0 to 1.
    pub width: f32,
    /// What a table gets of its dataset's score.
    pub neighbourhood: f32,
    /// What a table gets of the score of one that it joins.
    pub join: f32,

    // A column.
    pub column_description: f32,
    pub parent: f32,
    pub key: f32,
    pub date: f32,
    pub label: f32,

    // The budget.
    /// The share that goes to as many tables as it holds before any gets more.
    pub thin_share: f32,
    /// Columns in a thin card.
    pub thin_columns: f32,
    /// How much a table's rank weighs when columns of different tables compete.
    pub rank: f32,
}

impl Weights {
    /// Where a fit starts, from before any question was seen: a word counts alike in whichever part of
    /// a table or column it stands, with the constants that BM25 is mostly used with, and nothing
    /// else counts. `examples` stays so: the benchmark has none.
    pub fn neutral() -> Self {
        Self {
            name: 1.0,
            dataset: 1.0,
            description: 1.0,
            columns: 1.0,
            column_descriptions: 1.0,
            examples: 1.0,
            saturation: 1.2,
            width: 0.75,
            neighbourhood: 0.0,
            join: 0.0,
            column_description: 1.0,
            parent: 0.0,
            key: 0.0,
            date: 0.0,
            label: 0.0,
            thin_share: 0.5,
            thin_columns: 4.0,
            rank: 1.0,
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            name: 5.0,
            dataset: 2.0,
            columns: 0.5,
            column_descriptions: 0.1,
            saturation: 2.4,
            width: 1.0,
            join: 0.5,
            column_description: 0.2,
            key: 4.0,
            date: 2.0,
            label: 2.0,
            thin_share: 0.7,
            rank: 2.0,
            ..Self::neutral()
        }
    }
}
