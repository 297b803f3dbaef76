//! Enrichment: what a language model adds to a schema. It writes descriptions where the warehouse has
//! none, and candidates for examples.
//!
//! The model is asked once about a column without a description and its nested fields. Its descriptions
//! are carried over to the next version ([`carry_over`]) as long as everything that they mention exists
//! ([`drop_dangling`]); questions without an answer are kept in a [`Memory`]. An unchanged warehouse
//! therefore costs no call, and a changed column one. If everything fits one call and is in one dataset,
//! descriptions and examples come from the same call. A description mentions its own dataset only.
//!
//! The model sees names, types, keys and descriptions, and never a value of a table. Of a column with
//! policy tags it sees only the name and the type. What it writes is kept only if it is grounded
//! ([`ground`]).

mod answer;
mod batch;
mod carry;
mod limits;
mod memory;
mod outcome;
mod part;
mod paths;
mod prompt;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use ground::Schema;
use platform::llm::{Llm, LlmError, Prompt, Reply, Usage};
use schema::document::{Example, Origin, Table};
use serde::Deserialize as _;

use crate::run::{Progress, Run};
use answer::Answer;
use limits::{CallResult, Limits, Problems};
use part::TablePart;

pub use carry::{carry_over, drop_dangling};
pub use memory::Memory;
pub use outcome::{Description, Outcome};
pub use settings::Settings;

/// The input of enrichment, besides the tables.
pub struct Task<'a> {
    /// The schema of the tables, against which descriptions are grounded.
    pub schema: &'a Schema<'a>,
    /// The valid examples. Generated ones are replaced by those of the model.
    pub examples: &'a [Example],
    pub settings: &'a Settings,
    pub run: &'a Run,
}

/// One call: descriptions, examples, or both.
struct Call {
    /// Answers arrive in any order, but are processed in this one.
    order: usize,
    batch: Vec<TablePart>,
    examples: usize,
}

/// Asks the model for what the tables lack. A failed call leaves its tables as they were, and does not
/// affect the others.
pub async fn enrich(llm: &Llm, tables: &[Table], memory: &mut Memory, task: &Task<'_>) -> Outcome {
    memory.renew(llm.model(), tables);
    let mut calls = calls(tables, memory, task);
    let skipped = calls.split_off(task.settings.max_calls.min(calls.len()));

    let mut outcome = Outcome::default();
    let mut problems = Problems::default();
    for call in &skipped {
        problems.skipped(call.columns(), "ENRICH_MAX_CALLS is reached");
    }
    let batches = calls.len();
    let limits = &Limits::new(task.settings);
    let mut running = futures::stream::iter(calls)
        .map(|call| async move {
            let ask = || question(tables, &call, task);
            let result = limits.ask(llm, ask, call.expected_output()).await;
            (call, result)
        })
        .buffer_unordered(task.settings.concurrency);
    let mut batches_done = 0;
    let mut answered = Vec::new();
    while let Some((call, result)) = running.next().await {
        batches_done += 1;
        task.run.report(Progress::Describing {
            batches_done,
            batches,
        });
        outcome.calls += u64::from(result.was_sent());
        match result {
            CallResult::Skipped { reason, .. } => problems.skipped(call.columns(), reason),
            CallResult::Answered(reply) => {
                outcome.add_usage(reply.usage);
                answered.push((call, Some(reply)));
            }
            CallResult::Failed(error) => {
                outcome.add_usage(error.usage());
                problems.failed(&error);
                // The same question would likely get the same answer, at the same cost.
                if matches!(
                    error,
                    LlmError::InvalidAnswer { .. }
                        | LlmError::Declined { .. }
                        | LlmError::Exhausted { .. }
                        | LlmError::Refused(_)
                ) {
                    answered.push((call, None));
                }
            }
        }
    }
    answered.sort_by_key(|(call, _)| call.order);
    let mut schemas: BTreeMap<&str, Schema<'_>> = BTreeMap::new();
    for (call, reply) in answered {
        // Readers of one dataset may not see another.
        let schema = match call.batch.first().map(|part| tables[part.table].dataset()) {
            None => task.schema,
            Some(dataset) => schemas
                .entry(dataset)
                .or_insert_with(|| task.schema.in_dataset(dataset)),
        };
        if let Some(problem) = outcome.add(tables, &call, reply, memory, schema) {
            problems.add(problem);
        }
    }
    outcome.problems = problems.into_list();
    outcome
}

/// The calls to make, most useful first.
fn calls(tables: &[Table], memory: &Memory, task: &Task<'_>) -> Vec<Call> {
    let not_generated = task
        .examples
        .iter()
        .filter(|example| example.origin != Origin::Rule);
    let mut examples = task.settings.examples.saturating_sub(not_generated.count());
    if tables.is_empty() || memory.has_asked_examples(tables) {
        examples = 0;
    }
    let mut batches = batch::plan(tables, memory, task.settings);
    // Examples need tables of every dataset.
    let has_one_dataset = tables
        .windows(2)
        .all(|pair| pair[0].dataset() == pair[1].dataset());
    let together = batches.len() == 1 && has_one_dataset;
    if examples > 0 && !together {
        batches.insert(0, Vec::new());
    }
    let calls = batches.into_iter().enumerate();
    calls
        .map(|(order, batch)| Call {
            order,
            batch,
            examples: if order == 0 { examples } else { 0 },
        })
        .collect()
}

fn question(tables: &[Table], call: &Call, task: &Task<'_>) -> Prompt {
    Prompt {
        system: prompt::system(task.schema.dialect(), call.examples > 0),
        user: prompt::user(tables, &call.batch, call.examples, task.examples),
        name: "schema_notes",
        schema: answer::schema(!call.batch.is_empty(), call.examples > 0),
        // Leaves room for long descriptions; only output is billed.
        max_output_tokens: 8_000,
    }
}

impl Call {
    fn columns(&self) -> usize {
        self.batch.iter().map(|part| part.columns.len()).sum()
    }

    /// The expected length of the answer, in tokens.
    fn expected_output(&self) -> u64 {
        let texts = self.columns() + self.batch.len();
        (texts * 50 + self.examples * 250) as u64
    }
}

impl Outcome {
    fn add_usage(&mut self, usage: Usage) {
        self.input_tokens += usage.input_tokens;
        self.output_tokens += usage.output_tokens;
    }

    /// Adds the usable parts of an answer, and remembers what has no usable answer. Returns what is wrong
    /// with the answer as a whole.
    fn add(
        &mut self,
        tables: &[Table],
        call: &Call,
        reply: Option<Reply>,
        memory: &mut Memory,
        schema: &Schema<'_>,
    ) -> Option<String> {
        let cut = reply.as_ref().is_some_and(|reply| reply.cut);
        let was_answered = reply.is_some();
        let answer = reply.and_then(|reply| Answer::deserialize(reply.json).ok());
        let failed = answer.is_none();
        let problem = match (failed && was_answered, cut) {
            (true, _) => Some("the answer's fields don't match the requested schema"),
            (false, true) => Some("the answer was cut off; the next sync asks for the rest"),
            (false, false) => None,
        };
        let answer = answer.unwrap_or_default();
        let kept = answer.evaluate(tables, &call.batch, call.examples, schema);
        let described: BTreeSet<(usize, &str)> = kept
            .descriptions
            .iter()
            .map(|description| {
                let path = description.path.as_deref().unwrap_or_default();
                (description.table, path)
            })
            .collect();
        let mut remember = |table: usize, path: &str, shape: String| {
            // What a cut answer does not reach is asked again.
            let was_read = !cut || kept.named.contains(&(table, path.to_owned()));
            if failed {
                memory.set_failed(&tables[table].name, path, shape);
            } else if was_read && !described.contains(&(table, path)) {
                memory.set_unanswered(&tables[table].name, path, shape);
            }
        };
        for part in &call.batch {
            if part.describe_table {
                remember(part.table, "", memory::table_shape(&tables[part.table]));
            }
            for column in &part.columns {
                remember(part.table, &column.path, column.shape.clone());
            }
        }
        if call.examples > 0 && failed {
            memory.set_failed_examples(tables);
        } else if call.examples > 0 && !(cut && kept.examples.is_empty()) {
            memory.set_asked_examples(tables);
        }
        self.descriptions.extend(kept.descriptions);
        self.examples.extend(kept.examples);
        self.dropped.extend(kept.dropped);
        problem.map(ToOwned::to_owned)
    }
}
