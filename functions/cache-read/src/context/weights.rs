//! What counts how much; fitted on development questions, held out database by database.

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

impl Default for Weights {
    fn default() -> Self {
        Self {
            name: 3.0,
            dataset: 1.0,
            description: 0.5,
            columns: 1.0,
            column_descriptions: 0.2,
            examples: 1.0,
            saturation: 1.2,
            width: 1.0,
            neighbourhood: 0.3,
            join: 0.3,
            column_description: 0.4,
            parent: 0.5,
            key: 2.0,
            date: 2.0,
            label: 1.0,
            thin_share: 0.7,
            thin_columns: 6.0,
            rank: 1.0,
        }
    }
}
