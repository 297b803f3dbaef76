//! The context for a question, and the chosen tables and examples.

use schema::document::{Metric, Term};
use serde::Serialize;
use utoipa::ToSchema;

/// The part of a schema that was chosen for a question.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = SchemaContext)]
pub struct Context {
    /// The text for a model: the tables, the terms and metrics that the question names, then the examples.
    pub context: String,
    /// The tables in `context`, most relevant first.
    pub tables: Vec<ChosenTable>,
    /// The examples in `context`, most relevant first.
    pub examples: Vec<ChosenExample>,
    /// The terms of the glossary in `context`; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub glossary: Vec<Term>,
    /// The metrics in `context`; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// The tokens of `context`: a quarter of its characters, rounded up.
    pub tokens: usize,
    /// The version of the document.
    pub version: String,
    /// Whether `context` contains every available table and column.
    pub complete: bool,
    /// The position of the examples in `context`, in bytes.
    #[serde(skip)]
    pub(super) examples_at: usize,
}

impl Context {
    /// The part of `context` with tables, terms and metrics.
    pub fn schema(&self) -> &str {
        self.context[..self.examples_at].trim_end()
    }

    /// The part of `context` with examples; empty if there are none.
    pub fn examples(&self) -> &str {
        self.context[self.examples_at..].trim_end()
    }
}

/// A table in a context.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChosenTable {
    /// The full name, as in the document.
    pub name: String,
    /// The relevance for the question. Higher is better; comparable only within one response.
    pub score: f64,
    /// `name: orders` for a word of the question found in the table, `join: p.d.t` for a table that joins
    /// a relevant one, `all` if the whole schema is included.
    pub why: Vec<String>,
    /// The paths in `context`, in the order of the table. Dots separate nested fields.
    pub columns: Vec<String>,
    /// How many paths of the table are missing from `context`.
    pub columns_left_out: usize,
    /// How many paths are in `context` but not in `columns`, which are limited to 1 MB for all tables.
    #[serde(skip_serializing_if = "schema::diff::is_none")]
    pub columns_unlisted: usize,
}

/// An example in a context.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChosenExample {
    pub question: String,
    pub sql: String,
    pub tables: Vec<String>,
    pub score: f64,
}

/// The tokens of a text: a quarter of its characters, rounded up.
pub fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}
