//! The context for a question, and what was chosen for it.

use serde::Serialize;
use utoipa::ToSchema;

/// A part of a schema, and why it was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = SchemaContext)]
pub struct Context {
    /// For a model: the tables, then the examples.
    pub context: String,
    /// The tables in `context`, likeliest first.
    pub tables: Vec<ChosenTable>,
    /// The examples in `context`, likeliest first.
    pub examples: Vec<ChosenExample>,
    /// Of `context`: a quarter of its characters, rounded up.
    pub tokens: usize,
    /// Of the document.
    pub version: String,
    /// Whether `context` holds every table and column there is to choose from.
    pub complete: bool,
    /// Where in `context` the examples begin, in bytes.
    #[serde(skip)]
    pub(super) examples_at: usize,
}

impl Context {
    /// The tables' part of `context`.
    pub fn schema(&self) -> &str {
        self.context[..self.examples_at].trim_end()
    }

    /// The examples' part of `context`; empty where there are none.
    pub fn examples(&self) -> &str {
        self.context[self.examples_at..].trim_end()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChosenTable {
    /// In full, as the document has it.
    pub name: String,
    /// How well it fits the question: higher is better, comparable within one answer only.
    pub score: f64,
    /// `name: orders` for words of the question found in the table, `join: p.d.t` for a table that
    /// joins with one chosen, `all` where the whole schema was sent.
    pub why: Vec<String>,
    /// The paths in `context`, in the order of the table; those of nested fields by dots.
    pub columns: Vec<String>,
    /// How many paths of the table are not in `context`.
    pub columns_left_out: usize,
    /// How many are in `context` and not in `columns`, which of all tables hold 1 MB at most.
    #[serde(skip_serializing_if = "schema::diff::is_none")]
    pub columns_unlisted: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChosenExample {
    pub question: String,
    pub sql: String,
    pub tables: Vec<String>,
    pub score: f64,
}

/// Tokens of a text: a quarter of its characters, rounded up.
pub fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}
