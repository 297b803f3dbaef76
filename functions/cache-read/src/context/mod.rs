//! Context: the part of a schema that a question needs, in the tokens there are.
//!
//! An [`Index`] is built once a version; [`Index::context`] then ranks tables and columns by the
//! words they share with the question, adds the tables that join them, and renders as many columns
//! as the budget holds: names and types first. The same question and version give the same bytes.
//! Nothing here asks the network or a model.

mod assemble;
mod build;
mod card;
mod choose;
mod describe;
mod facts;
mod groups;
mod index;
mod joins;
mod kind;
mod lexicon;
mod lists;
mod rank;
pub(crate) mod route;
mod weights;
mod words;

use std::fmt;
use std::sync::Arc;

use schema::Dialect;
use schema::document::Document;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use lists::Lists;
pub use route::{BUDGETS, LONGEST_QUESTION, check_budget, check_question};
pub use weights::Weights;

/// What is asked of an [`Index`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub question: &'a str,
    /// The context never has more tokens than this; a token is four characters, begun ones counted.
    pub token_budget: usize,
    /// Only tables of these datasets, named in full; none given, all of the index.
    pub datasets: Option<&'a [String]>,
    pub format: Format,
}

/// How the context writes a table down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Compact cards: names and types.
    #[default]
    Text,
    /// `CREATE TABLE` statements, then each example's SQL below its question as a comment.
    Ddl,
    /// JSON lines: an object a table, then `{"question", "sql"}` an example.
    Json,
}

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
    examples_at: usize,
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

/// The context for one question; for more than one, build an [`Index`] and keep it.
pub fn context(document: Arc<Document>, request: &Request<'_>) -> Context {
    Index::build(document).context(request)
}

/// A document made ready to be searched.
pub struct Index {
    document: Arc<Document>,
    parts: index::Parts,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("version", &self.document.version)
            .field("tables", &self.document.tables.len())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Takes some milliseconds a thousand columns: keep it off threads that others wait for.
    pub fn build(document: Arc<Document>) -> Self {
        Self::with_lists(document, Lists::standard())
    }

    /// As [`Index::build`], with other word lists: for who measures what they are worth.
    pub fn with_lists(document: Arc<Document>, lists: Arc<Lists>) -> Self {
        let parts = build::build(&document, lists);
        Self { document, parts }
    }

    pub fn dialect(&self) -> Dialect {
        self.document.source.dialect
    }

    /// The part of the schema, and the examples, that fit the question and the budget.
    pub fn context(&self, request: &Request<'_>) -> Context {
        self.weighted(request, &Weights::default())
    }

    /// As [`Index::context`], with other weights: for who fits them.
    pub fn weighted(&self, request: &Request<'_>, weights: &Weights) -> Context {
        assemble::context(&self.document, &self.parts, request, weights)
    }
}
