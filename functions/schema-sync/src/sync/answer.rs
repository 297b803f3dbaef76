//! The answer of a run, and its metrics.

use platform::auth::{Names, Scope};
use platform::plural::counted;
use platform::telemetry::{Metrics, Unit};
use schema::diff::{self, Change};
use schema::document::{Document, Ledger, Problem};
use schema::mentions::Mentions;
use schema::name::DATASETS;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::result::{Enrichment, SyncResult};
use crate::examples::{ExampleChange, ExampleFate, example_changes};
use crate::run::Run;

/// The answer of a run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// Always `success`; a failed run returns a problem instead.
    pub status: &'static str,
    pub message: String,
    /// Whether the content of the cache changed.
    pub updated: bool,
    /// The number of top-level columns of all tables.
    pub columns_count: usize,
    pub examples_count: usize,
    /// The duration in seconds.
    pub execution_time: f64,
    /// The current version.
    pub version: String,
    pub tables_count: usize,
    /// The changes from the previous version; for the first version, every table.
    pub changes: Vec<Change>,
    /// How many more changes there are than an answer holds; `GET /v1/schema` has the whole document.
    #[serde(skip_serializing_if = "schema::diff::is_none")]
    pub changes_left_out: usize,
    /// The examples that this run quarantined or restored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<ExampleChange>,
    /// How many more examples were quarantined or restored than an answer holds.
    #[serde(skip_serializing_if = "schema::diff::is_none")]
    pub examples_left_out: usize,
    /// What could not be read, described or verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// What this run cost, whether or not it changed the cache. Its problems are listed in `problems`.
    pub ledger: Ledger,
    /// What the run started from, and what it found; not part of the JSON.
    #[serde(skip)]
    before: Option<Document>,
    #[serde(skip)]
    document: Document,
}

pub(super) fn answer(result: SyncResult, started: Instant) -> Answer {
    let SyncResult {
        before,
        document,
        changes,
        updated,
        reasons,
    } = result;
    let (problems, ledger) = costs(&document);
    let mut examples = before
        .as_ref()
        .map_or_else(Vec::new, |before| example_changes(before, &document));
    for example in &mut examples {
        if example.fate == ExampleFate::Quarantined
            && let Some(reason) = reasons.get(&example.id)
        {
            example.reason.clone_from(reason);
        }
    }
    Answer {
        status: "success",
        message: message(problems.len()),
        updated,
        columns_count: document.columns_count(),
        examples_count: document.examples.len(),
        execution_time: started.elapsed().as_millis() as f64 / 1_000.0,
        version: document.version.clone(),
        tables_count: document.tables.len(),
        changes,
        changes_left_out: 0,
        examples,
        examples_left_out: 0,
        problems,
        ledger,
        before,
        document,
    }
}

/// The problems and the costs of a run.
fn costs(document: &Document) -> (Vec<Problem>, Ledger) {
    let mut ledger = document.ledger.clone();
    let problems = std::mem::take(&mut ledger.problems);
    // What changed is in `changes`.
    ledger.changed_at.clear();
    ledger.changed_together.clear();
    (problems, ledger)
}

fn message(problems: usize) -> String {
    match problems {
        0 => "MetaSync completed successfully".to_owned(),
        count => format!("MetaSync completed with {}", counted(count, "problem")),
    }
}

impl Answer {
    /// The answer restricted to datasets that the caller may see, and to as many changes and examples as it
    /// may hold. It depends on nothing that the caller's view of the document does not show, except the
    /// execution time.
    #[must_use]
    pub fn seen_by(mut self, scope: &Scope) -> Self {
        let datasets = scope.of(DATASETS);
        if let Names::Only(_) = datasets {
            let before = self.before.take();
            let hidden = hidden([Some(&self.document), before.as_ref()], datasets);
            let before = before.map(|before| schema::within(&before, datasets));
            let now = schema::within(&self.document, datasets);
            self.changes = diff::tables(
                before.as_ref().map_or(&[], |before| &before.tables),
                &now.tables,
            );
            let mentions =
                |text: &Option<String>| text.as_deref().is_some_and(|it| hidden.are_in(it));
            for change in &mut self.changes {
                if mentions(&change.from) || mentions(&change.to) {
                    (change.from, change.to) = (None, None);
                }
            }
            self.examples = before
                .as_ref()
                .map_or_else(Vec::new, |before| example_changes(before, &now));
            (self.problems, self.ledger) = costs(&now);
            self.message = message(self.problems.len());
            self.updated = before.is_none_or(|before| before.version != now.version);
            self.columns_count = now.columns_count();
            self.examples_count = now.examples.len();
            self.tables_count = now.tables.len();
            self.version.clone_from(&now.version);
        }
        let kept = diff::kept(&self.changes);
        self.changes_left_out = self.changes.len() - kept;
        self.changes.truncate(kept);
        let kept = diff::kept(&self.examples);
        self.examples_left_out = self.examples.len() - kept;
        self.examples.truncate(kept);
        self
    }
}

/// The names out of a scope.
fn hidden(documents: [Option<&Document>; 2], datasets: &Names) -> Mentions {
    let documents = documents.into_iter().flatten();
    Mentions::outside(documents.flat_map(schema::names), datasets)
}

/// Emits the metrics of a run, whether or not it published anything.
pub(super) fn emit_metrics(
    run: &Run,
    enrichment: Option<&Enrichment>,
    answer: Option<&Answer>,
    started: Instant,
) {
    let metrics = Metrics::default();
    let count = |name, count: u64| metrics.add(name, Unit::Count, count as f64);
    let milliseconds = started.elapsed().as_secs_f64() * 1_000.0;
    metrics.add("sync_duration", Unit::Milliseconds, milliseconds);
    count("sync_requests", run.requests());
    let bytes = run.bytes_billed() as f64;
    metrics.add("sync_bytes_billed", Unit::Bytes, bytes);
    let costs = enrichment.map(|enrichment| &enrichment.costs);
    count("sync_llm_calls", costs.map_or(0, |it| it.llm_calls));
    let input = costs.map_or(0, |it| it.llm_input_tokens);
    let output = costs.map_or(0, |it| it.llm_output_tokens);
    count("sync_llm_input_tokens", input);
    count("sync_llm_output_tokens", output);
    count("sync_failed", u64::from(answer.is_none()));
    if let Some(answer) = answer {
        count("sync_updated", u64::from(answer.updated));
        count("sync_tables", answer.tables_count as u64);
        count("sync_problems", answer.problems.len() as u64);
        count("sync_dropped", answer.ledger.dropped.len() as u64);
    }
}
