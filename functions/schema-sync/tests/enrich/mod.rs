//! What a language model adds to a schema, and its costs.

mod bounds;
mod calls;
mod failures;
mod kept;
mod prompt;
mod versions;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ground::Schema;
use kit::llm::{Answer, EnrichPrompt, LlmRequest, LlmStub};
use platform::llm::Llm;
use platform::{Env, Resources};
use schema::Dialect;
use schema::document::{
    Column, DescriptionSource, Example, ForeignKey, Mode, Origin, Partitioning, Shards, Table,
    TableKind,
};
use schema_sync::enrich::{Memory, Outcome, Settings, Task, carry_over, enrich};
use schema_sync::run::{Progress, Run};
use serde_json::json;

const MODEL: &str = "gpt-4o-mini";

/// A sync's view of enrichment: the tables, what it keeps between runs, and its bounds.
struct Sync {
    tables: Vec<Table>,
    memory: Memory,
    settings: Settings,
    examples: Vec<Example>,
    dialect: Dialect,
}

impl Sync {
    fn of(tables: Vec<Table>) -> Self {
        Self {
            tables,
            memory: Memory::default(),
            settings: Settings {
                // Calls arrive in the order in which they are begun.
                concurrency: 1,
                examples: 0,
                ..Settings::read(&Env::default()).expect("the defaults are right")
            },
            examples: Vec::new(),
            dialect: Dialect::Bigquery,
        }
    }

    async fn run(&mut self, llm: &Llm) -> Outcome {
        let task = Task {
            schema: &Schema::new(&self.tables, self.dialect),
            examples: &self.examples,
            settings: &self.settings,
            run: &Run::default(),
        };
        let enriching = enrich(llm, &self.tables, &mut self.memory, &task);
        let outcome = between_threads(enriching).await;
        outcome.apply(&mut self.tables);
        outcome
    }

    fn description(&self, table: usize, path: &str) -> Option<&str> {
        let table = &self.tables[table];
        if path.is_empty() {
            return table.description.as_deref();
        }
        let mut columns = &table.columns;
        let mut found = None;
        for name in path.split('.') {
            let column = columns.iter().find(|column| column.name == name);
            let column = column.expect("there is such a path");
            columns = &column.fields;
            found = column.description.as_deref();
        }
        found
    }
}

/// A handler's future is moved between threads.
fn between_threads<F: Future + Send>(future: F) -> F {
    future
}

fn table(name: &str, columns: usize) -> Table {
    Table {
        columns: (0..columns)
            .map(|n| Column::leaf(format!("c{n}"), "STRING"))
            .collect(),
        ..Table::new(["p", "d", name], TableKind::Table)
    }
}

fn described(mut table: Table) -> Table {
    table.description = Some("Known.".into());
    table.description_source = Some(DescriptionSource::Warehouse);
    for column in &mut table.columns {
        column.description = Some("Known.".into());
        column.description_source = Some(DescriptionSource::Warehouse);
    }
    table
}

fn example(question: &str, origin: Origin) -> Example {
    Example {
        id: None,
        question: question.into(),
        sql: "select 1".into(),
        tables: Vec::new(),
        origin,
        verified: None,
        error: None,
    }
}

fn meaning(_: &str, path: &str) -> String {
    format!("Meaning of {path}.")
}

const EXAMPLES: [(&str, &str); 2] = [
    ("How many rows?", "select count(*) from `p.d.a`"),
    ("Which days?", "select c0 from `p.d.a` group by c0"),
];

/// A model that describes all that it is asked about.
async fn eager() -> LlmStub {
    LlmStub::start(|asked| EnrichPrompt::parse(asked).answer(meaning, &EXAMPLES)).await
}

fn details(outcome: &Outcome) -> Vec<&str> {
    assert!(
        outcome
            .problems
            .iter()
            .all(|problem| problem.subject == "llm")
    );
    let problems = outcome.problems.iter();
    problems.map(|problem| problem.detail.as_str()).collect()
}

fn reasons(outcome: &Outcome) -> Vec<(Option<&str>, &str)> {
    let dropped = outcome.dropped.iter();
    dropped
        .map(|dropped| (dropped.path.as_deref(), dropped.reason.as_str()))
        .collect()
}
