//! What a run found and stored, and what the LLM contributed to it.

use schema::diff::Change;
use schema::document::{Document, Example, Ledger, Table};

use crate::enrich::Memory;
use crate::examples::Reasons;

/// The result of a run.
pub struct SyncResult {
    /// What the run started from.
    pub before: Option<Document>,
    /// Equal in content to the stored head. A run without changes stores no document.
    pub document: Document,
    pub changes: Vec<Change>,
    pub updated: bool,
    /// Why examples are quarantined, for those who may see every dataset.
    pub reasons: Reasons,
}

/// What the LLM was asked in this run, and its answers.
pub struct Enrichment {
    pub memory: Memory,
    /// The described tables, if an attempt to publish them lost against another writer.
    pub tables: Vec<Table>,
    /// Candidates for examples.
    pub examples: Vec<Example>,
    /// Calls and tokens, and what was dropped or failed.
    pub costs: Ledger,
}

impl Enrichment {
    /// Adds its costs and notes to a ledger.
    pub fn add_to(&self, ledger: &mut Ledger) {
        ledger.llm_calls = self.costs.llm_calls;
        ledger.llm_input_tokens = self.costs.llm_input_tokens;
        ledger.llm_output_tokens = self.costs.llm_output_tokens;
        ledger.dropped.extend_from_slice(&self.costs.dropped);
        ledger.problems.extend_from_slice(&self.costs.problems);
    }
}
