//! Context: the part of a schema that a question needs, within a token budget.
//!
//! An [`Index`] is built once per version. [`Index::context`] ranks tables and columns by the words
//! that they share with the question, adds the tables that they join, and renders as many columns as
//! the budget allows, names and types first. The same question and version give the same bytes. No
//! network and no model is involved.
//!
//! Each module uses only modules before it in this list:
//!
//! 1. `stem`, `word_lists`, `words`: words of texts and identifiers; `role`: what a column is for;
//!    `column_type`: a type with its labels; `facts`: what a query must observe of a table;
//!    `older`: the columns that only older shards have
//! 2. `numbers`, `node`, `joins`, `groups`, `lexicon`, `index`, `build`: the index of a document
//! 3. `weights`, `rank`: scores of tables, columns and examples for a question
//! 4. `request`, `answer`: the request, its limits, and the resulting context
//! 5. `meaning`: the terms and metrics that a question names; `definitions`: the queries of views; `card`, `paths`, `descriptions`, `render`:
//!    chosen tables and columns as text
//! 6. `choose`, `describe`: what fits the budget, and which descriptions fit beside it
//! 7. `assemble`: all of them together
//!
//! `route` serves `POST /v1/schema/context` on top of this module.

mod answer;
mod assemble;
mod build;
mod card;
mod choose;
mod column_type;
mod definitions;
mod describe;
mod descriptions;
mod facts;
mod groups;
mod index;
mod joins;
mod lexicon;
mod meaning;
mod node;
mod numbers;
mod older;
mod paths;
mod rank;
mod render;
mod request;
mod role;
pub(crate) mod route;
mod stem;
mod weights;
mod word_lists;
mod words;

use std::fmt;
use std::sync::Arc;

use schema::document::Document;

use index::IndexData;

pub use answer::{ChosenExample, ChosenTable, Context, tokens};
pub use request::{BUDGETS, Format, LONGEST_QUESTION, Request, check_budget, check_question};
pub use weights::Weights;
pub use word_lists::WordLists;

/// The context for a single question. For several, build an [`Index`] and keep it.
pub fn context(document: Arc<Document>, request: &Request<'_>) -> Context {
    Index::build(document).context(request)
}

/// A document with the index of its words.
pub struct Index {
    document: Arc<Document>,
    data: IndexData,
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
    /// Builds the index. It takes some milliseconds per thousand columns, so call it on a blocking
    /// thread.
    pub fn build(document: Arc<Document>) -> Self {
        Self::with_lists(document, WordLists::standard())
    }

    /// [`Index::build`] with other word lists, to measure what each list is worth.
    pub fn with_lists(document: Arc<Document>, lists: Arc<WordLists>) -> Self {
        let data = build::build(&document, lists);
        Self { document, data }
    }

    /// The tables, columns, terms, metrics and examples that fit the question and the budget.
    pub fn context(&self, request: &Request<'_>) -> Context {
        self.weighted(request, &Weights::default())
    }

    /// [`Index::context`] with other weights, to fit them.
    pub fn weighted(&self, request: &Request<'_>, weights: &Weights) -> Context {
        assemble::context(&self.document, &self.data, request, weights)
    }
}
